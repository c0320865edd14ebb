"""The text for a newcomer when the API is up: its address, the user, and a first call to paste.

`python -m hiring_api.web.server.welcome ADDRESS` prints it with the credentials of the environment.
"""

from __future__ import annotations

import shlex
import sys

from hiring_api.settings import SettingsError, read_settings


def welcome(address: str, user: str, password: str | None) -> str:
    """The text; `address` is the API's as a client on this machine reaches it, without a final slash.

    A `password` that people have set themselves is not shown: it is None here, and curl asks for it.
    """
    known = user if password is None else f"{user}:{password}"
    call = shlex.join(["curl", "-u", known, f"{address}/employees?limit=2"])
    return f"""
The hiring API is up.
  Address        {address}
  Documentation  {address}/docs
  User           {user}
  Password       {"the one that you have set" if password is None else password}
A first call:
  {call}

"""


if __name__ == "__main__":
    try:
        sys.stdout.write(welcome(sys.argv[1], *read_settings().credentials()))
    except SettingsError as error:
        sys.exit(str(error))
