"""Decide which bodies to receive: those of callers with the right password, up to the limits.

What is not admitted is answered by the application without its body, and its connection is closed: nobody
without the password can fill memory or disk. A password that was not right before is first checked, which
takes too long for the main thread: see `password_checks`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from hiring_api.web.http.auth import credentials_in, is_open
from hiring_api.web.http.clients import client_address, one_client
from hiring_api.web.http.uploaded_file import AROUND

from .reception import UNDECIDED, Undecided

if TYPE_CHECKING:
    from hiring_api.settings import Settings
    from hiring_api.web.http.callers import Callers

_TAKE_FILES = ("/upload/", "/restore/")


class Sender(NamedTuple):
    """Who a request says that it is from, and the address that it is from."""

    user: str
    password: str
    address: str


class Admission:
    """Decides about requests whose heads have come, before any of their bodies is waited for."""

    def __init__(self, settings: Settings, callers: Callers) -> None:
        self._callers = callers
        self._proxies = settings.trusted_proxies
        self._most_file = settings.max_upload + AROUND
        self._most = settings.max_body

    def decide(self, request: Any) -> int | Undecided | None:
        """How many bytes the body of gunicorn's `request` may have; None if it is not waited for.

        Undecided if the password has to be checked; then `limit` says the number if it is right.
        """
        sent = credentials_in(_header(request, "AUTHORIZATION"))
        if sent is None:
            return None
        if self._callers.are_known(*sent):
            return self.limit(request)
        return None if is_open(request.path, request.query) else UNDECIDED

    def limit(self, request: Any) -> int:
        """How many bytes the body of a caller who may call may have."""
        return self._most_file if request.path.startswith(_TAKE_FILES) else self._most

    def sender(self, request: Any) -> Sender:
        """Who the request says that it is from."""
        user, password = credentials_in(_header(request, "AUTHORIZATION")) or ("", "")
        peer = request.peer_addr[0] if isinstance(request.peer_addr, tuple) else ""
        address = client_address(peer, _header(request, "X-FORWARDED-FOR"), self._proxies)
        return Sender(user, password, one_client(address))


def _header(request: Any, name: str) -> str:
    return ",".join([value for known, value in request.headers if known == name])
