"""Who may call: HTTP Basic for all but a few routes; nothing that another site made a browser send."""

from __future__ import annotations

import hashlib
import hmac
import logging
import time
from collections import Counter
from typing import TYPE_CHECKING

from flask import current_app, request
from werkzeug.datastructures import Authorization

from .problems import problem

if TYPE_CHECKING:
    from flask import Flask, Response

_OPEN = ("/health/", "/docs/")
_OPEN_EXACTLY = {"/openapi.json", "/docs"}
_SAFE = {"GET", "HEAD", "OPTIONS"}
_CHALLENGE = {"WWW-Authenticate": 'Basic realm="hiring"'}
_WINDOW = 60  # seconds
_MOST_GUESSES = 100  # a window and address: enough for clients that are set up wrong, too few to guess
_MOST_ADDRESSES = 10_000

log = logging.getLogger(__name__)


class Guesses:
    """Counts wrong credentials by address, in fixed windows; each process counts for itself."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._until = 0.0

    def count(self, address: str) -> None:
        """Notes one wrong attempt."""
        if time.monotonic() > self._until:
            self._counts.clear()
            self._until = time.monotonic() + _WINDOW
        if address in self._counts or len(self._counts) < _MOST_ADDRESSES:
            self._counts[address] += 1

    def too_many(self, address: str) -> bool:
        """Whether the address must wait for the next window."""
        return self._counts[address] >= _MOST_GUESSES and time.monotonic() <= self._until


class Credentials:
    """The user and password that callers need."""

    def __init__(self, user: str, password: str) -> None:
        self._user, self._password = _digest(user), _digest(password)

    def are_in(self, header: str | None) -> bool:
        """Whether a header Authorization holds them, or None for none. Both comparisons always run, on
        digests of one length: their time tells nothing.
        """
        try:
            sent = Authorization.from_header(header)
        except ValueError:  # letters beyond ASCII
            return False
        if sent is None or sent.type != "basic":
            return False
        right_user = hmac.compare_digest(_digest(sent.username or ""), self._user)
        right_password = hmac.compare_digest(_digest(sent.password or ""), self._password)
        return right_user and right_password


def guard(app: Flask, user: str, password: str) -> None:
    """Puts `app` behind `user` and `password`."""
    app.extensions["credentials"] = Credentials(user, password)
    app.extensions["guesses"] = Guesses()
    app.before_request(_refuse_cross_site)
    app.before_request(_require_credentials)


def _guesses(app: Flask) -> Guesses:
    found: Guesses = app.extensions["guesses"]
    return found


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _require_credentials() -> Response | None:
    if request.path.startswith(_OPEN) or request.path in _OPEN_EXACTLY:
        return None
    if _guesses(current_app).too_many(request.remote_addr or ""):
        headers = {"Retry-After": str(_WINDOW), **_CHALLENGE}
        return problem(401, "too many wrong passwords from your address: wait a minute", headers)
    credentials: Credentials = current_app.extensions["credentials"]
    if credentials.are_in(request.headers.get("Authorization")):
        return None
    if "Authorization" in request.headers:
        log.warning("wrong credentials from %s", request.remote_addr)
        _guesses(current_app).count(request.remote_addr or "")
    return problem(401, "send the API's user and password by HTTP Basic", _CHALLENGE)


def _refuse_cross_site() -> Response | None:
    """Browsers attach stored Basic credentials to requests that other sites make them send."""
    if request.method in _SAFE:
        return None
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    foreign_site = site is not None and site not in {"same-origin", "none"}
    foreign_origin = origin is not None and origin.partition("://")[2] != request.host
    if foreign_site or foreign_origin:
        return problem(403, "a browser sent this request from another site")
    return None
