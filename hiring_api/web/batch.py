"""`POST /departments`, `/jobs`, `/employees`: batches of rows, an outcome for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import marshmallow
from flask import Response, jsonify, request
from marshmallow import fields
from werkzeug.exceptions import UnprocessableEntity

from hiring_api.data.insert import Batch, Options, Report, answer, take
from hiring_api.data.rejects import Origin
from hiring_api.data.rows import judge, schema
from hiring_api.data.tables import resource

from .bodies import read_json
from .extensions import Routes, engine
from .requests import request_id

if TYPE_CHECKING:
    from sqlalchemy import Table

MOST_ROWS = 1000


class RowErrorSchema(marshmallow.Schema):
    """One reason why a row was refused."""

    field = fields.String(required=True, allow_none=True)
    code = fields.String(required=True, metadata={"example": "unknown_reference"})
    message = fields.String(required=True)


class ResultSchema(marshmallow.Schema):
    """What came of one row."""

    index = fields.Integer(required=True, metadata={"description": "The row's place in the request, from 0"})
    status = fields.String(
        required=True,
        metadata={"enum": ["inserted", "updated", "skipped", "failed", "rolled_back"]},
    )
    id = fields.Integer(required=True, allow_none=True)
    errors = fields.List(fields.Nested(RowErrorSchema))


class BatchSchema(marshmallow.Schema):
    """The answer to a batch."""

    table = fields.String(required=True)
    mode = fields.String(required=True)
    dry_run = fields.Boolean(required=True)
    received = fields.Integer(required=True)
    inserted = fields.Integer(required=True)
    updated = fields.Integer(required=True)
    skipped = fields.Integer(required=True)
    failed = fields.Integer(required=True)
    results = fields.List(fields.Nested(ResultSchema), required=True)


def routes(table: Table) -> Routes:
    """The routes that take rows of `table`."""
    name = resource(table)
    blueprint = Routes(name, __name__, description=f"Rows of {table.name}")
    row = schema(table, id_required=False)

    @blueprint.route(f"/{name}", methods=["POST"])
    @blueprint.query()
    @blueprint.response(201, BatchSchema, description="Every row was taken")
    @blueprint.alt_response(207, schema=BatchSchema, description="Some rows failed; the others were taken")
    @blueprint.alt_response(422, schema=BatchSchema, description="No row was taken")
    @blueprint.doc(requestBody=_body(row))
    def post() -> Response:
        """Takes 1 to 1000 rows: those that are right go in, the others are answered with their errors."""
        rows = [judge(table, raw) for raw in read_rows()]
        [report] = take(engine(), [Batch(table, rows)], Options(), origin())
        return batch_answer(answer(report), status_of([report]))

    _ = post
    return blueprint


def _body(row: marshmallow.Schema) -> dict[str, Any]:
    rows = {"type": "array", "minItems": 1, "maxItems": MOST_ROWS, "items": row}
    return {"required": True, "content": {"application/json": {"schema": {"oneOf": [rows, row]}}}}


def origin() -> Origin:
    """Where the rows of this request came from, for the record."""
    return Origin(f"{request.method} {request.path}", request_id())


def read_rows() -> list[Any]:
    """The rows in the body: a JSON array, or one object that counts as one row.

    Raises:
        UnprocessableEntity: no row, more than 1000, or something that is no row.
    """
    body = read_json()
    rows = [body] if isinstance(body, dict) else body
    if not isinstance(rows, list):
        raise UnprocessableEntity(f"send a JSON array of 1 to {MOST_ROWS} rows, or one row as an object")
    if not 1 <= len(rows) <= MOST_ROWS:
        raise UnprocessableEntity(f"send 1 to {MOST_ROWS} rows in one request, not {len(rows)}")
    return rows


def status_of(reports: list[Report]) -> int:
    """201 when every row was taken, 207 when some failed, 422 when none was taken."""
    counts = [report.counts() for report in reports]
    if reports[0].options.dry_run:
        return 200
    if not any(count["failed"] for count in counts):
        return 201
    return 207 if any(count[kept] for count in counts for kept in ("inserted", "updated", "skipped")) else 422


def batch_answer(body: Any, status: int) -> Response:
    """The report as JSON."""
    response = jsonify(body)
    response.status_code = status
    return response
