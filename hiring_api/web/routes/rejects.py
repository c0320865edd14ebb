"""`/rejects`: the refused rows of batches, uploads and migrations: listed, counted, corrected, erased."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from flask import Response, jsonify, request
from flask.views import MethodView
from werkzeug.exceptions import UnprocessableEntity

from hiring_api.batches.correction import correct
from hiring_api.database.transactions import snapshot, transaction
from hiring_api.errors import NotFound
from hiring_api.model.tables import resource, tables
from hiring_api.rejects.csv_file import header_of
from hiring_api.rejects.erase import erase
from hiring_api.rejects.listing import (
    CSV_COLUMNS,
    Chosen,
    find,
    rejects_count,
    rejects_page,
    rejects_stream,
    repair_lines,
)
from hiring_api.rejects.summary import by_reason, by_run
from hiring_api.users.roles import OPERATOR, READER, WRITER
from hiring_api.web.http.accept import wanted
from hiring_api.web.http.extensions import engine
from hiring_api.web.http.prometheus import count_rows
from hiring_api.web.http.representations import conditional, csv_file, link, listing
from hiring_api.web.http.routing import Routes, form
from hiring_api.web.http.strict_json import sent_object
from hiring_api.web.media_types import CSV, JSON
from hiring_api.web.schemas.operations import TEXT, UNCHANGED, path_parameter, problems
from hiring_api.web.schemas.reject import (
    CORRECTED_EXAMPLE,
    MOST,
    REJECTS_CSV,
    SUMMARY_EXAMPLE,
    CorrectionQuery,
    RejectSchema,
    RejectsQuery,
    RejectsSchema,
    SummaryQuery,
    SummarySchema,
    corrected_row,
    correction_body,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection

    from hiring_api.planning.row_rules import OnConflict

log = logging.getLogger(__name__)

_DEFAULT_LIMIT = 100
_Line = TypeVar("_Line")
routes = Routes("rejects", __name__, description="What was refused, and why")


_PLACE = {"Location": {"schema": TEXT, "description": "Where the row is"}}
_NUMBER = path_parameter("reject_id", "The number of the reject", 1)
_TABLES = {resource(table): table for table in tables()}


@routes.route("/rejects", methods=["GET"])
@routes.needs(READER)
@routes.query(RejectsQuery, (JSON, CSV))
@routes.response(200, RejectsSchema)
@routes.alt_response(200, schema=TEXT, content_type=CSV, example=REJECTS_CSV)
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


@routes.route("/rejects/summary", methods=["GET"])
@routes.needs(READER)
@routes.query(SummaryQuery)
@routes.response(200, SummarySchema, example=SUMMARY_EXAMPLE)
@routes.alt_response(304, description=UNCHANGED)
@routes.doc(operationId="count_rejects")
def summary(by: str, limit: int, **parameters: Any) -> Response:
    """Count refused rows, and those of them that are open, for each reason or each run.

    By reason: for each table, column and code, most open ones first; a row counts for each of its reasons.
    By run: for each request or job, table and source, the newest first.
    """
    parameters["table"] = _TABLES.get(parameters.get("table", ""))
    count = by_reason if by == "reason" else by_run
    with snapshot(engine()) as connection:
        return listing(count(connection, Chosen(**parameters), limit))


@routes.route(f"/rejects/<int(max={MOST}):reject_id>", parameters=[_NUMBER])
class OneReject(MethodView):
    """One refused row."""

    @routes.needs(READER)
    @routes.query()
    @routes.response(200, RejectSchema)
    @routes.alt_response(304, description=UNCHANGED)
    @problems(routes, 404)
    @routes.doc(operationId="get_reject")
    def get(self, reject_id: int) -> Response:
        """Get one refused row.

        The row as it came, where from, and all reasons why it was refused.
        """
        with snapshot(engine()) as connection:
            found = find(connection, reject_id)
        if found is None:
            raise NotFound(f"there is no reject {reject_id}")
        return conditional(jsonify(found))

    @routes.needs(OPERATOR)
    @routes.query()
    @routes.response(204, description="It is gone")
    @problems(routes, 404)
    @routes.doc(operationId="erase_reject")
    def delete(self, reject_id: int) -> Response:
        """Erase the record of one refused row, where the law asks for it.

        What it refused is then forgotten: a file that is loaded again is refused anew.
        """
        if not transaction(engine(), partial(erase, reject_id=reject_id)):
            raise NotFound(f"there is no reject {reject_id}")
        log.info("erased reject %s", reject_id)
        return Response(status=204)


@routes.route(f"/rejects/<int(max={MOST}):reject_id>/row", methods=["POST"], parameters=[_NUMBER])
@routes.needs(WRITER)
@routes.query(CorrectionQuery)
@routes.response(
    201,
    corrected_row(),
    description="The row was inserted",
    headers=_PLACE,
    example=CORRECTED_EXAMPLE,
)
@routes.alt_response(
    200,
    schema=corrected_row(),
    description="It was stored before, or written over",
    example=CORRECTED_EXAMPLE,
)
@problems(routes, 404)
@routes.doc(operationId="correct_reject", requestBody=correction_body())
def correct_reject(reject_id: int, on_conflict: OnConflict) -> Response:
    """Take a corrected row in place of the refused one, which is then resolved, in one transaction.

    The row is JSON of the reject's table. It keeps the row rules of batches: else it is a 422 with all
    errors, and the reject stays open as it was. One that is resolved already is a 409, so that a correction
    that is sent twice is done once.
    """
    row = sent_object("the corrected row")
    done = correct(engine(), reject_id, row, on_conflict)
    name = resource(done.table)
    count_rows(name, {done.status: 1})
    response = jsonify(done.row)
    response.status_code = 201 if done.status == "inserted" else 200
    response.headers["Location"] = f"/{name}/{done.row['id']}"
    return response


def _stream(read: Callable[[Connection], Iterator[_Line]]) -> Iterator[_Line]:
    database = engine()

    def lines() -> Iterator[_Line]:
        with snapshot(database) as connection:
            yield from read(connection)

    return lines()
