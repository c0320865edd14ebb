"""Who may call: HTTP Basic for all but a few routes; nothing that another site made a browser send."""

from __future__ import annotations

import hashlib
import hmac
import logging
from typing import TYPE_CHECKING

from flask import current_app, request
from werkzeug.datastructures import Authorization

from .bodies import settings
from .clients import client_address, is_ours, one_client
from .extensions import auth
from .problems import problem
from .wrong_passwords import WrongPasswords

if TYPE_CHECKING:
    from flask import Flask, Response

    from hiring_api.settings import Settings

_OPEN = ("/health/", "/docs/")
_OPEN_EXACTLY = {"/openapi.json", "/docs"}
_SAFE = {"GET", "HEAD", "OPTIONS"}

_FOREIGN = "a browser sent this request from another site"

log = logging.getLogger(__name__)


class Credentials:
    """The user and password that callers need."""

    def __init__(self, user: str, password: str) -> None:
        self._user, self._password = _digest(user), _digest(password)

    def are_in(self, header: str | None) -> bool:
        """True if a header Authorization holds them; None is no header."""
        try:
            sent = Authorization.from_header(header)
        except ValueError:  # letters beyond ASCII
            return False
        if sent is None or sent.type != "basic":
            return False
        return self.match(sent.username or "", sent.password or "")

    def match(self, user: str, password: str) -> bool:
        """True if both are right.

        Both comparisons always run, on digests of one length, so that the time they take says nothing about
        the right ones.
        """
        right_user = hmac.compare_digest(_digest(user), self._user)
        right_password = hmac.compare_digest(_digest(password), self._password)
        return right_user and right_password


def guard(app: Flask, settings: Settings) -> None:
    """Put `app` behind the user and password of `settings`.

    Raises:
        SettingsError: there are none.
    """
    app.extensions["credentials"] = Credentials(*settings.credentials())
    app.extensions["wrong_passwords"] = WrongPasswords(settings.database_url)
    app.before_request(_refuse_other_hosts)
    app.before_request(_refuse_cross_site)
    app.before_request(_require_credentials)
    app.after_request(_forbid_to_store)


def _is_open() -> bool:
    """True if everybody may see what is at the request's address."""
    return request.path.startswith(_OPEN) or request.path in _OPEN_EXACTLY


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


@auth.verify_password
def _verify(user: str, password: str) -> str | None:
    credentials: Credentials = current_app.extensions["credentials"]
    return user if credentials.match(user, password) else None


@auth.error_handler
def _refused(_status: int) -> Response:
    if "Authorization" in request.headers:
        forwarded = request.headers.get("X-Forwarded-For", "")
        address = client_address(request.remote_addr or "", forwarded, settings().trusted_proxies)
        log.warning("wrong credentials from %s", address)
        wrong_passwords: WrongPasswords = current_app.extensions["wrong_passwords"]
        # Only calls from within the process have no address
        if address and (wait := wrong_passwords.count(one_client(address))):
            sentence = f"too many wrong passwords from your address: wait {wait} s, or send the right one"
            return problem(429, sentence, {"Retry-After": str(wait)})
    return problem(401, "send the API's user and password by HTTP Basic")


def _require_credentials() -> Response | None:
    if _is_open():
        return None
    if request.method == "OPTIONS":  # which Flask-HTTPAuth lets through, for the sake of other sites
        sent = auth.get_auth()
        known = sent is not None and _verify(sent.username or "", sent.password or "")
        refusal: Response | None = None if known else auth.auth_error_callback(401)
        return refusal
    answer: Response | None = auth.login_required(lambda: None)()
    return answer


def _refuse_other_hosts() -> Response | None:
    """Refuse a Host that is none of ours: somebody has lied to the caller or to us (DNS rebinding)."""
    if (
        not settings().allowed_hosts
        or request.path.startswith("/health/")
        or is_ours(request.host, settings())
    ):
        return None
    return problem(400, "the Host is none of those that ALLOWED_HOSTS names")


def _refuse_cross_site() -> Response | None:
    """Refuse what another site made a browser send: browsers add stored Basic credentials to that as well.

    Sec-Fetch-Site says where a request is from, in browsers that know it; else Origin does. A site whose name
    was made to lead here sends an Origin equal to the Host: so that has to be ours as well.
    """
    if request.method in _SAFE:
        return None
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None and site not in {"same-origin", "none"}:
        return problem(403, _FOREIGN)
    origin = request.headers.get("Origin")
    if origin is None:
        return None
    if origin.partition("://")[2] != request.host:
        return problem(403, _FOREIGN)
    if not is_ours(request.host, settings()):
        return problem(403, f"{_FOREIGN}, or ALLOWED_HOSTS does not name this one")
    return None


def _forbid_to_store(response: Response) -> Response:
    """Forbid browsers and proxies to store the answer: people's names are for who asked."""
    if not _is_open():
        response.headers["Cache-Control"] = "no-store"
    return response
