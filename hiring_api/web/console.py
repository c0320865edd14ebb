"""`/`: a page for people, which calls the same routes as programs do."""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, Response, render_template, send_from_directory

from hiring_api.data.tables import resource, tables

_FILES = Path(__file__).parent / "console"
# Nothing from other sites, no inline script: a name with markup in it stays text
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

routes = Blueprint("console", __name__, template_folder=str(_FILES))


@routes.get("/")
def page() -> Response:
    """The console, with the tables that there are."""
    response = Response(render_template("console.html", resources=[resource(table) for table in tables()]))
    response.headers["Content-Security-Policy"] = _POLICY
    return response


@routes.get("/console/<any('console.css', 'console.js'):name>")
def file(name: str) -> Response:
    """What the page is drawn and moved by."""
    return send_from_directory(_FILES, name)
