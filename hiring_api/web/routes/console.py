"""`/`: a page for people, which calls the same routes as programs do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import Response, render_template, send_from_directory

from hiring_api.errors import NotFound
from hiring_api.model.columns import Reference, Text
from hiring_api.model.tables import kinds, references, resource, tables
from hiring_api.queries.lists import filter_names
from hiring_api.users.roles import READER
from hiring_api.web.http.accept import wanted
from hiring_api.web.http.routing import Routes
from hiring_api.web.media_types import CSS, HTML, JAVASCRIPT
from hiring_api.web.schemas.operations import TEXT, path_parameter, problems

_FILES = Path(__file__).parents[1] / "console"
_TYPES = {".js": JAVASCRIPT, ".css": CSS}
# Nothing from other sites, no inline script: a name with markup in it stays text
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

routes = Routes("console", __name__, template_folder=str(_FILES), description="A page for people")


@routes.route("/")
@routes.needs(READER)
@routes.query(forms=(HTML,))
@routes.response(200, {"type": "string"}, content_type=HTML, example="<!doctype html>…")
def page() -> Response:
    """The console, a page for people.

    It shows figures, tables, rejects and backups, and sends rows and files, by the same calls as programs
    make.
    """
    response = Response(render_template("console.html", tables=_declared()))
    response.headers["Content-Security-Policy"] = _POLICY
    return response


@routes.route("/console/<file>", parameters=[path_parameter("file", "The file's name", "main.js")])
@routes.needs(READER)
@routes.query(forms=(JAVASCRIPT, CSS))
@routes.response(200, TEXT, content_type=JAVASCRIPT, example="…")
@routes.alt_response(200, schema=TEXT, content_type=CSS, example="…")
@problems(routes, 404)
def console_file(file: str) -> Response:
    """A script or the style sheet of the console.

    Scripts put what they were answered into the page as text, never as markup.
    """
    media_type = _TYPES.get(Path(file).suffix)
    if media_type is None or not (_FILES / file).is_file():
        raise NotFound(f"the console has no file {file}")
    wanted(media_type)
    return send_from_directory(_FILES, file, mimetype=media_type)


def _declared() -> list[dict[str, Any]]:
    """What the console must know of the tables: their columns, what refers to what, and the filters."""
    return [
        {
            "resource": resource(table),
            "columns": [
                {
                    "name": name,
                    "kind": type(kind).__name__.lower(),
                    "refers_to": resource(references(table)[name]) if isinstance(kind, Reference) else None,
                    "filters": {
                        operator: parameter
                        for parameter, (column, operator) in filter_names(table).items()
                        if column == name
                    },
                }
                for name, kind in kinds(table).items()
            ],
            # What people call a row: its first text
            "label": next((name for name, kind in kinds(table).items() if isinstance(kind, Text)), "id"),
        }
        for table in tables()
    ]
