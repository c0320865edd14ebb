"""`GET /departments`, `/jobs`, `/employees`: pages, and whole selections as a stream."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from flask import Response, request
from werkzeug.exceptions import UnprocessableEntity

from hiring_api.database.transactions import snapshot
from hiring_api.model.tables import kinds, references, resource
from hiring_api.queries import lists
from hiring_api.queries.lists import Selection, filter_names, searched
from hiring_api.users.roles import READER
from hiring_api.web.http.reading import reading
from hiring_api.web.http.representations import link, listing
from hiring_api.web.http.representations import table as as_table
from hiring_api.web.http.routing import Routes, form
from hiring_api.web.media_types import CSV, JSON, NDJSON
from hiring_api.web.schemas.lists import csv_example, list_page, list_query, ndjson_example
from hiring_api.web.schemas.operations import PREFER, TEXT, UNCHANGED

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
    @blueprint.alt_response(200, schema=TEXT, content_type=CSV, example=csv_example(table))
    @blueprint.alt_response(200, schema=TEXT, content_type=NDJSON, example=ndjson_example(table))
    @blueprint.alt_response(304, description=UNCHANGED)
    @blueprint.doc(
        summary=f"List {name}",
        description=_DESCRIPTION,
        operationId=f"list_{name}",
        parameters=[PREFER],
    )
    def rows(**parameters: Any) -> Response:
        selection, total = _selection(table, parameters)
        if form() == JSON:
            return _page(table, selection, total=total)
        _refuse(total, "total", "the number of rows is part of a page in JSON")
        _refuse(selection.before is not None, "before", "a stream goes forward: use after")
        return as_table(_columns(table, selection), _stream(table, selection), form())

    _ = rows


_DESCRIPTION = (
    "Rows by id, a page at a time: `next` is the path of the following page, or null; the header `Link` also "
    "has that of the page before. With `Accept: text/csv` or `application/x-ndjson` the whole selection is "
    "streamed."
)


_PAGE_HEADERS = {
    "Link": {"schema": TEXT, "description": "The next page and the previous one, where there are such"}
}


def _selection(table: Table, parameters: dict[str, Any]) -> tuple[Selection, bool]:
    """The rows that the query asks for, and whether it asks for their number."""
    if parameters["after"] and parameters.get("before"):
        raise UnprocessableEntity("query parameters after and before: a page starts or ends somewhere")
    filters = {name: parameters[name] for name in filter_names(table) if name in parameters}
    selection = Selection(
        after=parameters["after"],
        before=parameters.get("before"),
        limit=parameters.get("limit"),
        filters=filters,
        search=parameters.get("search"),
        expand="expand" in parameters,
    )
    return selection, parameters["total"]


def _refuse(given: object, name: str, why: str) -> None:
    if given:
        raise UnprocessableEntity(f"query parameter {name}: {why}")


def _page(table: Table, selection: Selection, *, total: bool) -> Response:
    """Answer with a page, and with links to those beside it.

    One row more than the page has tells whether another follows in the direction of reading.
    """
    limit, backwards = selection.limit or _DEFAULT_LIMIT, selection.before is not None
    with snapshot(reading()) as connection:
        rows = lists.page(connection, table, replace(selection, limit=limit + 1))
        beyond = len(rows) > limit
        # Where the first page has all of them, a search need not go through the table once more
        every = not beyond and not backwards and not selection.after
        found = None if not total else len(rows) if every else lists.count(connection, table, selection)
        rows = rows[-limit:] if backwards else rows[:limit]
        first, last = _ends(rows, selection)
        later = replace(selection, after=last, before=None)
        follows = lists.has_more(connection, table, later) if backwards else beyond
    others = {name: value for name, value in request.args.items() if name not in {"after", "before"}}
    others["limit"] = str(limit)
    following = link(request.path, {**others, "after": last}) if follows else None
    there_are_earlier = beyond if backwards else selection.after > 0
    previous = link(request.path, {**others, "before": first}) if there_are_earlier else None
    return listing(rows, following, found, previous=previous)


def _ends(rows: list[dict[str, Any]], selection: Selection) -> tuple[int, int]:
    """The `before` of the page before these rows, and the `after` of the page behind them."""
    if rows:
        return rows[0]["id"], rows[-1]["id"]
    return selection.after + 1, (selection.before or 1) - 1


def _columns(table: Table, selection: Selection) -> list[str]:
    """The names of the columns of a CSV; those of rows that are referred to as in `job_id.job`."""
    names = list(kinds(table))
    if selection.expand:
        names += [
            f"{name}.{column}" for name, parent in references(table).items() for column in searched(parent)
        ]
    return names


def _stream(table: Table, selection: Selection) -> Iterator[dict[str, Any]]:
    database, as_csv = reading(), form() == CSV

    def rows() -> Iterator[dict[str, Any]]:
        with snapshot(database) as connection:
            for row in lists.stream(connection, table, selection):
                yield _flat(row) if as_csv and selection.expand else row

    return rows()


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    """A row with the columns of the rows that it refers to beside its own."""
    others = row["references"].items()
    return row | {f"{name}.{column}": value for name, of in others for column, value in of.items()}
