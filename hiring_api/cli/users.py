"""`python -m hiring_api users …`: who may call the API beside API_USER."""

from __future__ import annotations

import sys
from getpass import getpass
from typing import TYPE_CHECKING, Any, Final

from hiring_api.errors import NotFound
from hiring_api.log_lines import say
from hiring_api.settings import read_settings
from hiring_api.system.output import show
from hiring_api.users import accounts, passwords

from .commands import opened_engine
from .confirm import NotWanted

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from datetime import datetime

_MOST_READ: Final = 4096  # bytes of a password on standard input; more is too long anyway


def users(options: argparse.Namespace) -> None:
    """Run one of the commands about users."""
    _ACTIONS[options.action](options)


def _add(options: argparse.Namespace) -> None:
    """Add a user and print the role; the password as well if it was generated."""
    if options.name == read_settings().api_user:
        raise NotWanted(f"{options.name} is API_USER, who may do all: choose another name", 2)
    with opened_engine() as engine:
        if accounts.find(engine, options.name) is None:
            password = _password(options)
            accounts.add(engine, options.name, options.role, passwords.hashed(password))
        else:
            raise accounts.taken(options.name)
    _show(options, {"name": options.name, "role": options.role}, password)


def _list(options: argparse.Namespace) -> None:
    """Print the users, by name; never a password or its hash."""
    with opened_engine() as engine:
        found = accounts.every(engine)
    if not found:
        say("there are no users beside API_USER: users add makes one")
    lines = [
        {
            "name": user.name,
            "role": user.role,
            "made_at": _instant(user.made_at),
            "password_set_at": _instant(user.changed_at),
        }
        for user in found
    ]
    show(lines, lines, as_json=options.json)


def _remove(options: argparse.Namespace) -> None:
    """Remove a user."""
    with opened_engine() as engine:
        accounts.remove(engine, options.name)
    _show(options, {"name": options.name, "removed": True})


def _set_role(options: argparse.Namespace) -> None:
    """Give a user another role."""
    with opened_engine() as engine:
        accounts.set_role(engine, options.name, options.role)
    _show(options, {"name": options.name, "role": options.role})


def _set_password(options: argparse.Namespace) -> None:
    """Give a user another password; print it if it was generated."""
    with opened_engine() as engine:
        user = accounts.find(engine, options.name)
        if user is None:
            raise NotFound(f"there is no user {options.name}: nothing was changed")
        password = _password(options)
        accounts.set_password(engine, options.name, passwords.hashed(password))
    _show(options, {"name": options.name, "role": user.role}, password)


def _password(options: argparse.Namespace) -> str:
    """A generated password, the one that is typed twice on a terminal, or the first line of standard input.

    Raises:
        NotWanted: it is none that is taken, or the two differ (status 2).
    """
    if options.generate:
        return passwords.generated()
    terminal = sys.stdin.isatty()
    password = _typed("Password: ") if terminal else _line_of_input()
    if wrong := passwords.complaint(password):
        raise NotWanted(f"{wrong}: nothing was changed", 2)
    if terminal and _typed("The same again: ") != password:
        raise NotWanted("the two passwords differ: nothing was changed", 2)
    return password


def _typed(prompt: str) -> str:
    """What is typed on the terminal, which does not show it; nothing for Ctrl-D."""
    try:
        return getpass(prompt)
    except EOFError:
        return ""


def _line_of_input() -> str:
    """The first line of standard input."""
    line = sys.stdin.buffer.readline(_MOST_READ)
    try:
        return line.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise NotWanted("the password on standard input is not UTF-8: nothing was changed", 2) from None


def _show(options: argparse.Namespace, line: dict[str, Any], password: str = "") -> None:
    shown = {**line, "password": password} if password and options.generate else line
    show([shown], [shown], as_json=options.json)


def _instant(value: datetime) -> str:
    return f"{value.replace(microsecond=0).isoformat()}Z"


_ACTIONS: Final[dict[str, Callable[[argparse.Namespace], None]]] = {
    "add": _add,
    "list": _list,
    "remove": _remove,
    "role": _set_role,
    "password": _set_password,
}
