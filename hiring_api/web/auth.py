"""Who may call: HTTP Basic for all but a few routes; nothing that another site made a browser send."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import current_app, request

from .extensions import auth
from .problems import problem

if TYPE_CHECKING:
    from flask import Flask, Response

_OPEN = ("/health/", "/docs/")
_OPEN_EXACTLY = {"/openapi.json", "/docs"}
_SAFE = {"GET", "HEAD", "OPTIONS"}


def guard(app: Flask, user: str, password: str) -> None:
    """Puts `app` behind `user` and `password`."""
    app.config["CREDENTIALS"] = (_digest(user), _digest(password))
    app.before_request(_refuse_cross_site)
    app.before_request(_require_credentials)


@auth.verify_password
def _verify(user: str, password: str) -> str | None:
    """Both comparisons always run, on digests of one length: their time tells nothing."""
    expected_user, expected_password = current_app.config["CREDENTIALS"]
    right_user = hmac.compare_digest(_digest(user), expected_user)
    right_password = hmac.compare_digest(_digest(password), expected_password)
    return user if right_user and right_password else None


@auth.error_handler
def _refused(status: int) -> Response:
    return problem(status, "send the API's user and password by HTTP Basic")


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _require_credentials() -> Response | None:
    if request.path.startswith(_OPEN) or request.path in _OPEN_EXACTLY:
        return None
    answer: Response | None = auth.login_required(lambda: None)()
    return answer


def _refuse_cross_site() -> Response | None:
    """Browsers attach stored Basic credentials to requests that other sites make them send."""
    if request.method in _SAFE:
        return None
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    foreign_site = site is not None and site not in {"same-origin", "none"}
    foreign_origin = origin is not None and urlsplit(origin).netloc != request.host
    if foreign_site or foreign_origin:
        return problem(403, "a browser sent this request from another site")
    return None
