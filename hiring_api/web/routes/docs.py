"""`/openapi.json`, and Swagger UI at `/docs` from files of an installed package: no CDN."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import flask_swagger_ui
from flask import Blueprint, request, send_from_directory

from hiring_api import __version__
from hiring_api.web.http.accept import wanted
from hiring_api.web.http.problems import problem
from hiring_api.web.media_types import HTML, JSON

if TYPE_CHECKING:
    from flask import Flask, Response
    from flask_smorest import Api

_OURS, _OUR_FILES = Path(__file__).parents[1] / "swagger", {"docs.html", "docs.js"}
_SWAGGER = Path(flask_swagger_ui.__file__).parent / "dist"
# Nothing from other sites and no script in a page; Swagger UI sets styles within its elements
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_DESCRIPTION = """\
Departments, jobs and hired employees: batches of rows in, lists, metrics and backups out.

A batch answers for every row whether it was taken and, if not, why; refused rows are kept at `/rejects`.
Errors of a whole request are RFC 9457 problems whose `detail` says what to do. Query parameters that are
unknown or given twice are refused. Every answer has an `X-Request-ID`, which the log has too.

A caller is a reader, a writer or an operator; each may do what those before may. The description
of an operation names the role that it needs, and so does its `x-role`.
"""
CONFIG: dict[str, Any] = {
    "API_TITLE": "Hiring API",
    "API_VERSION": __version__,
    "OPENAPI_VERSION": "3.1.0",
    "OPENAPI_URL_PREFIX": "/",
    "API_SPEC_OPTIONS": {
        "info": {
            "description": _DESCRIPTION,
            "contact": {"name": "Whoever runs this server"},
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/", "description": "The server that this document came from"}],
    },
}
_FORMS = {"/openapi.json": JSON, "/docs": HTML, "/docs/": HTML}


def register(app: Flask, api: Api) -> None:
    """Serve the documentation of `app`."""
    app.register_blueprint(_swagger)
    app.before_request(_refuse_parameters)
    app.before_request(_refuse_forms)
    api.spec.components.security_scheme("basic", {"type": "http", "scheme": "basic"})
    api.spec.options["security"] = [{"basic": []}]


_swagger = Blueprint("swagger", __name__, url_prefix="/docs")


@_swagger.route("")
@_swagger.route("/")
@_swagger.route("/<path:path>")
def _file(path: str = "docs.html") -> Response:
    """The page, its script, or a file of Swagger UI."""
    response = send_from_directory(_OURS if path in _OUR_FILES else _SWAGGER, path)
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["X-Frame-Options"] = "DENY"
    return response


def _refuse_forms() -> None:
    if request.path in _FORMS:
        wanted(_FORMS[request.path])


def _refuse_parameters() -> Response | None:
    """The routes here are not `Routes`, which see to it themselves."""
    if not request.args or not request.path.startswith(("/docs", "/openapi.json")):
        return None
    [name, *_] = request.args
    message = "there is no such parameter"
    errors = [{"field": name, "message": message}]
    return problem(422, f"query parameter {name}: {message}", errors=errors)
