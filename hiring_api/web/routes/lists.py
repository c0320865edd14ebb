"""`GET /departments`, `/jobs`, `/employees`: pages, and whole selections as a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Response, request

from hiring_api.database.transactions import snapshot
from hiring_api.model.tables import kinds, resource
from hiring_api.queries import lists
from hiring_api.queries.lists import Selection
from hiring_api.users.roles import READER
from hiring_api.web.http.extensions import Routes, engine, form
from hiring_api.web.http.representations import link, listing
from hiring_api.web.http.representations import table as as_table
from hiring_api.web.media_types import CSV, JSON, NDJSON
from hiring_api.web.schemas.lists import list_page, list_query
from hiring_api.web.schemas.operations import TEXT, UNCHANGED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Table

_DEFAULT_LIMIT = 100


def add_routes(blueprint: Routes, table: Table) -> None:
    """Add the route that lists `table` to the one that takes its rows."""
    name = resource(table)

    @blueprint.route(f"/{name}", methods=["GET"])
    @blueprint.needs(READER)
    @blueprint.query(list_query(table), (JSON, CSV, NDJSON))
    @blueprint.response(200, list_page(table), headers=_PAGE_HEADERS)
    @blueprint.alt_response(200, schema=TEXT, content_type=CSV)
    @blueprint.alt_response(200, schema=TEXT, content_type=NDJSON)
    @blueprint.alt_response(304, description=UNCHANGED)
    @blueprint.doc(
        summary=f"List {name}",
        description=_DESCRIPTION,
        operationId=f"list_{name}",
    )
    def rows(**parameters: Any) -> Response:
        if form() != JSON:
            return as_table(list(kinds(table)), _stream(table, parameters), form())
        return _page(table, parameters)

    _ = rows


_DESCRIPTION = (
    "Rows by id, a page at a time: `next` is the path of the following page, or null. "
    "With `Accept: text/csv` or `application/x-ndjson` the whole selection is streamed."
)


_PAGE_HEADERS = {"Link": {"schema": TEXT, "description": "The next page, where there is one"}}


def _page(table: Table, parameters: dict[str, Any]) -> Response:
    limit = parameters.pop("limit", _DEFAULT_LIMIT)
    selection = Selection(parameters.pop("after"), limit + 1, parameters)
    with snapshot(engine()) as connection:
        rows = lists.page(connection, table, selection)
    if len(rows) <= limit:
        return listing(rows)
    following = {**request.args, "limit": limit, "after": rows[limit - 1]["id"]}
    return listing(rows[:limit], link(request.path, following))


def _stream(table: Table, parameters: dict[str, Any]) -> Iterator[dict[str, Any]]:
    selection = Selection(parameters.pop("after"), parameters.pop("limit", None), parameters)
    database = engine()

    def rows() -> Iterator[dict[str, Any]]:
        with snapshot(database) as connection:
            yield from lists.stream(connection, table, selection)

    return rows()
