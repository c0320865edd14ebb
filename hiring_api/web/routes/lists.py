"""`GET /departments`, `/jobs`, `/employees` and one row of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Response, jsonify, request

from hiring_api.database.transactions import snapshot
from hiring_api.errors import NotFound
from hiring_api.model.columns import MAX_ID
from hiring_api.model.tables import kinds, resource
from hiring_api.model.validation import schema
from hiring_api.queries import lists
from hiring_api.queries.lists import Selection
from hiring_api.web.http.extensions import Routes, engine, form
from hiring_api.web.http.representations import conditional, link, listing
from hiring_api.web.http.representations import table as as_table
from hiring_api.web.media_types import CSV, JSON, NDJSON
from hiring_api.web.schemas.lists import list_page, list_query
from hiring_api.web.schemas.operations import TEXT, UNCHANGED, problems

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Table

_DEFAULT_LIMIT = 100


def add_routes(blueprint: Routes, table: Table) -> None:
    """Add the routes that read `table` to those that write it."""
    name = resource(table)
    row = schema(table, id_required=True)

    @blueprint.route(f"/{name}", methods=["GET"])
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

    @blueprint.route(f"/{name}/<int(max={MAX_ID}):row_id>", methods=["GET"])
    @blueprint.query()
    @blueprint.response(200, row)
    @blueprint.alt_response(304, description=UNCHANGED)
    @problems(blueprint, 404)
    @blueprint.doc(
        summary=f"Get one row of {name}",
        description="The row with this id; 404 where there is none.",
        operationId=f"get_row_of_{name}",
    )
    def one(row_id: int) -> Response:
        with snapshot(engine()) as connection:
            found = lists.find(connection, table, row_id)
        if found is None:
            raise NotFound(f"there is no id {row_id} in {name}")
        return conditional(jsonify(found))

    _ = rows, one


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
