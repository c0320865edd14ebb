"""`/openapi.json`, and Swagger UI at `/docs` from files of an installed package: no CDN."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import request
from flask_swagger_ui import get_swaggerui_blueprint

from .media_types import HTML, JSON, wanted
from .problems import problem

if TYPE_CHECKING:
    from flask import Flask, Response
    from flask_smorest import Api

_DESCRIPTION = """\
Departments, jobs and hired employees: batches of rows in, lists, metrics and backups out.

A batch answers for every row whether it was taken and, if not, why; refused rows are kept at `/rejects`.
Errors of a whole request are RFC 9457 problems whose `detail` says what to do. Query parameters that are
unknown or given twice are refused. Every answer has an `X-Request-ID`, which the log has too.
"""
CONFIG: dict[str, Any] = {
    "API_TITLE": "Hiring API",
    "API_VERSION": "1",
    "OPENAPI_VERSION": "3.1.0",
    "OPENAPI_URL_PREFIX": "/",
    "API_SPEC_OPTIONS": {
        "info": {"description": _DESCRIPTION, "license": {"name": "MIT", "identifier": "MIT"}},
        "servers": [{"url": "/", "description": "The server that this document came from"}],
    },
}
_FORMS = {"/openapi.json": JSON, "/docs": HTML, "/docs/": HTML}


def register(app: Flask, api: Api) -> None:
    """Serves the documentation of `app`."""
    # No validatorUrl: Swagger UI would send the document to an outside service
    config = {"app_name": "Hiring API", "validatorUrl": None}
    app.register_blueprint(get_swaggerui_blueprint("/docs", "/openapi.json", config))
    app.before_request(_refuse_parameters)
    app.before_request(_refuse_forms)
    api.spec.components.security_scheme("basic", {"type": "http", "scheme": "basic"})
    api.spec.options["security"] = [{"basic": []}]


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
