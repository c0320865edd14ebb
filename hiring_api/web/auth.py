"""Who may call: HTTP Basic for all but a few routes; nothing that another site made a browser send."""

from __future__ import annotations

import hashlib
import hmac
import logging
import time
from collections import Counter
from typing import TYPE_CHECKING

from flask import current_app, request

from .extensions import auth
from .problems import problem

if TYPE_CHECKING:
    from flask import Flask, Response

_OPEN = ("/health/", "/docs/")
_OPEN_EXACTLY = {"/openapi.json", "/docs"}
_SAFE = {"GET", "HEAD", "OPTIONS"}
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


def guard(app: Flask, user: str, password: str) -> None:
    """Puts `app` behind `user` and `password`."""
    app.config["CREDENTIALS"] = (_digest(user), _digest(password))
    app.extensions["guesses"] = Guesses()
    app.before_request(_refuse_cross_site)
    app.before_request(_require_credentials)


def _guesses(app: Flask) -> Guesses:
    found: Guesses = app.extensions["guesses"]
    return found


@auth.verify_password
def _verify(user: str, password: str) -> str | None:
    """Both comparisons always run, on digests of one length: their time tells nothing."""
    expected_user, expected_password = current_app.config["CREDENTIALS"]
    right_user = hmac.compare_digest(_digest(user), expected_user)
    right_password = hmac.compare_digest(_digest(password), expected_password)
    return user if right_user and right_password else None


@auth.error_handler
def _refused(status: int) -> Response:
    if "Authorization" in request.headers:
        log.warning("wrong credentials from %s", request.remote_addr)
        _guesses(current_app).count(request.remote_addr or "")
    return problem(status, "send the API's user and password by HTTP Basic")


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _require_credentials() -> Response | None:
    if request.path.startswith(_OPEN) or request.path in _OPEN_EXACTLY:
        return None
    if _guesses(current_app).too_many(request.remote_addr or ""):
        headers = {"Retry-After": str(_WINDOW), "WWW-Authenticate": auth.authenticate_header()}
        return problem(401, "too many wrong passwords from your address: wait a minute", headers)
    if request.method == "OPTIONS":  # which Flask-HTTPAuth lets through, for the sake of other sites
        sent = auth.get_auth()
        known = sent is not None and _verify(sent.username or "", sent.password or "")
        refusal: Response | None = None if known else auth.auth_error_callback(401)
        return refusal
    answer: Response | None = auth.login_required(lambda: None)()
    return answer


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
