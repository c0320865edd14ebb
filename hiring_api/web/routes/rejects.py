"""`GET /rejects`: the refused rows of batches, uploads and migrations, newest first."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from flask import Response, request
from werkzeug.exceptions import UnprocessableEntity

from hiring_api.database.transactions import snapshot
from hiring_api.model.tables import resource, tables
from hiring_api.rejects.csv_file import header_of
from hiring_api.rejects.listing import (
    CSV_COLUMNS,
    Chosen,
    rejects_count,
    rejects_page,
    rejects_stream,
    repair_lines,
)
from hiring_api.users.roles import READER
from hiring_api.web.http.accept import wanted
from hiring_api.web.http.extensions import Routes, engine, form
from hiring_api.web.http.representations import csv_file, link, listing
from hiring_api.web.media_types import CSV, JSON
from hiring_api.web.schemas.operations import TEXT, UNCHANGED
from hiring_api.web.schemas.reject import RejectsQuery, RejectsSchema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection

_DEFAULT_LIMIT = 100
_Line = TypeVar("_Line")
routes = Routes("rejects", __name__, description="What was refused, and why")


_TABLES = {resource(table): table for table in tables()}


@routes.route("/rejects", methods=["GET"])
@routes.needs(READER)
@routes.query(RejectsQuery, (JSON, CSV))
@routes.response(200, RejectsSchema)
@routes.alt_response(200, schema=TEXT, content_type=CSV)
@routes.alt_response(304, description=UNCHANGED)
@routes.doc(summary="List refused rows", operationId="list_rejects")
def get(purpose: str | None = None, **parameters: Any) -> Response:
    """Refused rows, newest first, a page at a time; with `Accept: text/csv` all of them as a stream.

    With `format=repair` they come as a CSV with the table's columns, and the reasons behind them, in the
    order in which they were refused. Corrected and uploaded, or given to the migration job, the rows that are
    taken resolve their rejects.
    """
    parameters["table"] = _TABLES.get(parameters.get("table", ""))
    if purpose is not None:
        return _to_repair(parameters)
    return _as_csv(**parameters) if form() == CSV else _page(**parameters)


def _refuse(given: object, name: str, why: str) -> None:
    if given:
        raise UnprocessableEntity(f"query parameter {name}: {why}")


def _as_csv(*, bom: bool, count: bool, **parameters: Any) -> Response:
    _refuse(count, "count", "the total is part of a page in JSON")
    rows = _stream(partial(rejects_stream, chosen=Chosen(**parameters)))
    return csv_file(CSV_COLUMNS, ([row[name] for name in CSV_COLUMNS] for row in rows), bom=bom)


def _page(*, bom: bool, count: bool, limit: int = _DEFAULT_LIMIT, **parameters: Any) -> Response:
    _refuse(bom, "bom", "JSON has none: ask for text/csv")
    chosen = Chosen(**parameters, limit=limit + 1)
    with snapshot(engine()) as connection:
        found = rejects_page(connection, chosen)
        total = rejects_count(connection, chosen) if count else None
    if len(found) <= limit:
        return listing(found, total=total)
    following = {**request.args, "limit": limit, "before": found[limit - 1]["id"]}
    return listing(found[:limit], link(request.path, following), total)


def _to_repair(parameters: dict[str, Any]) -> Response:
    wanted(CSV)
    bom, table = parameters.pop("bom"), parameters.pop("table")
    _refuse(table is None, "table", "format=repair needs the table whose columns the file has")
    for name in ("limit", "before", "count"):
        _refuse(parameters.pop(name, None), name, "format=repair gives all rejects in one file")
    chosen = Chosen(**{"resolved": False, **parameters})
    lines = _stream(partial(repair_lines, table=table, chosen=chosen))
    response = csv_file(header_of(table), lines, bom=bom)
    name = f"{table.name}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.csv"
    response.headers["Content-Disposition"] = f"attachment; filename={name}"
    return response


def _stream(read: Callable[[Connection], Iterator[_Line]]) -> Iterator[_Line]:
    database = engine()

    def lines() -> Iterator[_Line]:
        with snapshot(database) as connection:
            yield from read(connection)

    return lines()
