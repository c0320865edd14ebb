"""`/`: a page for people, which calls the same routes as programs do."""

from __future__ import annotations

from pathlib import Path

from flask import Response, render_template, send_from_directory

from hiring_api.model.tables import resource, tables
from hiring_api.web.http.extensions import Routes
from hiring_api.web.media_types import CSS, HTML, JAVASCRIPT

_FILES = Path(__file__).parents[1] / "console"
# Nothing from other sites, no inline script: a name with markup in it stays text
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

routes = Routes("console", __name__, template_folder=str(_FILES), description="A page for people")


@routes.route("/")
@routes.query(forms=(HTML,))
@routes.response(200, {"type": "string"}, content_type=HTML)
def page() -> Response:
    """The console, a page for people.

    It sends rows and files, and shows tables, rejects and metrics, by the same calls as programs make.
    """
    response = Response(render_template("console.html", resources=[resource(table) for table in tables()]))
    response.headers["Content-Security-Policy"] = _POLICY
    return response


@routes.route("/console.css")
@routes.query(forms=(CSS,))
@routes.response(200, {"type": "string"}, content_type=CSS)
def style() -> Response:
    """The style sheet of the console.

    It names no other site, which the console's Content-Security-Policy would not let through.
    """
    return send_from_directory(_FILES, "console.css")


@routes.route("/console.js")
@routes.query(forms=(JAVASCRIPT,))
@routes.response(200, {"type": "string"}, content_type=JAVASCRIPT)
def script() -> Response:
    """The script of the console.

    It puts what it was answered into the page as text, never as markup.
    """
    return send_from_directory(_FILES, "console.js")
