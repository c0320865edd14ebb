"""Who may call what: HTTP Basic and a role for all but a few routes; nothing that another site made a browser
send.
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from flask import current_app, g, request
from werkzeug.datastructures import Authorization

from hiring_api.errors import DatabaseUnavailable
from hiring_api.users.roles import OPERATOR, included

from .bodies import settings
from .callers import Callers
from .clients import client_address, is_ours, one_client
from .extensions import auth
from .problems import problem
from .wrong_passwords import WrongPasswords

if TYPE_CHECKING:
    from flask import Flask, Response
    from sqlalchemy import Engine

    from hiring_api.settings import Settings
    from hiring_api.users.roles import Caller, Role

_OPEN = ("/health/", "/docs/")
_OPEN_EXACTLY = {"/openapi.json", "/docs"}
_OPEN_WITHOUT_QUERY = {"/health/ready"}
_SAFE = {"GET", "HEAD", "OPTIONS"}

_FOREIGN = "a browser sent this request from another site"

log = logging.getLogger(__name__)


def credentials_in(header: str | None) -> tuple[str, str] | None:
    """The user and password in a header Authorization; None if there are none by HTTP Basic."""
    try:
        sent = Authorization.from_header(header)
    except ValueError:  # letters beyond ASCII
        return None
    if sent is None or sent.type != "basic":
        return None
    return sent.username or "", sent.password or ""


def guard(app: Flask, settings: Settings, engine: Engine) -> None:
    """Put `app` behind the user and password of `settings`, and those of the users in the database.

    Raises:
        SettingsError: there are none.
    """
    app.extensions["callers"] = Callers(*settings.credentials(), engine)
    app.extensions["wrong_passwords"] = WrongPasswords(settings.database_url)
    app.before_request(_refuse_other_hosts)
    app.before_request(_refuse_cross_site)
    app.before_request(_require_credentials)
    app.after_request(_forbid_to_store)


def caller() -> Caller:
    """Who sent the present request, to a route that is not open."""
    found: Caller = g.caller
    return found


def is_open(path: str, query: str) -> bool:
    """True if everybody may see what is at this path with this query."""
    if path in _OPEN_WITHOUT_QUERY:
        return not query
    return path.startswith(_OPEN) or path in _OPEN_EXACTLY


def _is_open() -> bool:
    """True if everybody may see what the present request asks for."""
    return is_open(request.path, request.query_string.decode("latin-1"))


def role_needed() -> Role | None:
    """The role that callers of the present request's route need; None if the address is no route's.

    A route that does not say so, which a test forbids, is for operators.
    """
    if request.endpoint is None:
        return None
    return role_of(current_app, request.endpoint, request.method) or OPERATOR


def role_of(app: Flask, endpoint: str, method: str) -> Role | None:
    """The role that the view of a route names by `Routes.needs`."""
    view: Any = app.view_functions[endpoint]
    if of_methods := getattr(view, "view_class", None):  # a class with a view for each method
        view = getattr(of_methods, "get" if method == "HEAD" else method.lower(), None)
    return getattr(view, "role", None)


@auth.verify_password
def _verify(user: str, password: str) -> Caller | None:
    callers: Callers = current_app.extensions["callers"]
    found = callers.find(user, password)
    if found is not None:
        g.caller = found
        request.environ["REMOTE_USER"] = found.name  # for gunicorn's access log
    return found


@auth.get_user_roles
def _roles(user: Caller) -> list[Role]:
    return included(user.role)


@auth.error_handler
def _refused(status: int) -> Response:
    if status == HTTPStatus.FORBIDDEN:
        needed = role_needed()
        log.warning("refused: %s has the role %s, not %s", caller().name, caller().role, needed)
        return problem(403, f"this needs the role {needed}, and yours is {caller().role}", role=needed)
    if "Authorization" in request.headers and (too_many := _too_many()):
        return too_many
    return problem(401, "send the API's user and password by HTTP Basic")


def _too_many() -> Response | None:
    """Count wrong credentials; return the answer if too many came from the client's address."""
    forwarded = request.headers.get("X-Forwarded-For", "")
    address = client_address(request.remote_addr or "", forwarded, settings().trusted_proxies)
    log.warning("wrong credentials from %s", address)
    wrong_passwords: WrongPasswords = current_app.extensions["wrong_passwords"]
    # Only calls from within the process have no address
    if address and (wait := wrong_passwords.count(one_client(address))):
        sentence = f"too many wrong passwords from your address: wait {wait} s, or send the right one"
        return problem(429, sentence, {"Retry-After": str(wait)})
    return None


def _require_credentials() -> Response | None:
    """Refuse those who may not call, or not this route.

    Raises:
        DatabaseUnavailable: it cannot be told, because the database cannot be asked for its users.
    """
    if _is_open():
        return None
    try:
        if request.method == "OPTIONS":  # which Flask-HTTPAuth lets through, for the sake of other sites
            sent = auth.get_auth()
            known = sent is not None and _verify(sent.username or "", sent.password or "")
            refusal: Response | None = None if known else auth.auth_error_callback(401)
            return refusal
        answer: Response | None = auth.login_required(role=role_needed())(lambda: None)()
    except DatabaseUnavailable:
        # Of this name no row could tell that the password is right: guesses count as at other times
        sent = auth.get_auth()
        if sent is not None and sent.username == settings().api_user and (too_many := _too_many()):
            return too_many
        raise
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
