"""The parameters, the body and the answer of a batch; the OpenAPI document shows them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import marshmallow
from marshmallow import fields

from hiring_api.model.tables import kinds, resource, tables
from hiring_api.model.validation import schema
from hiring_api.web.media_types import CSV, JSON, NDJSON

from .parameters import Query, choice, flag

if TYPE_CHECKING:
    from sqlalchemy import Table

MOST_ROWS = 1000  # of one request
_FREE_ID = 9001  # in the sample data
_STATUSES = ["inserted", "updated", "skipped", "failed", "rolled_back"]


class BatchQuery(Query):
    """How a batch is taken and answered."""

    mode = choice(
        ("partial", "atomic"),
        load_default="partial",
        metadata={"description": "Take the right rows, or all or none"},
    )
    dry_run = flag(load_default=False, metadata={"description": "Answer as if, and write nothing"})
    on_conflict = choice(
        ("error", "skip", "update"),
        load_default="error",
        metadata={"description": "What to do with a row whose id is in the table with other content"},
    )
    returned = choice(
        ("all", "failed", "summary"),
        data_key="return",
        metadata={"description": "Which results the answer has; all by default"},
    )


class RowErrorSchema(marshmallow.Schema):
    """One reason why a row was refused."""

    field = fields.String(required=True, allow_none=True, metadata={"example": "department_id"})
    code = fields.String(required=True, metadata={"example": "unknown_reference"})
    message = fields.String(required=True, metadata={"example": "department_id 99 is not in departments"})


class ResultSchema(marshmallow.Schema):
    """What came of one row."""

    index = fields.Integer(required=True, metadata={"description": "The row's index in the request, from 0"})
    status = fields.String(required=True, metadata={"enum": _STATUSES})
    id = fields.Integer(
        required=True, allow_none=True, metadata={"description": "Null for a row that was not taken"}
    )
    errors = fields.List(fields.Nested(RowErrorSchema))


class BatchSchema(marshmallow.Schema):
    """The answer to a batch."""

    table = fields.String(required=True, metadata={"example": "employees"})
    mode = fields.String(required=True, metadata={"enum": ["partial", "atomic"]})
    dry_run = fields.Boolean(required=True)
    received = fields.Integer(required=True)
    inserted = fields.Integer(required=True)
    updated = fields.Integer(required=True)
    skipped = fields.Integer(required=True)
    failed = fields.Integer(required=True)
    results = fields.List(fields.Nested(ResultSchema))


def batches_schema() -> type[marshmallow.Schema]:
    """The answer to `POST /batch`: a batch's answer for each table that was sent."""
    return marshmallow.Schema.from_dict(
        {resource(table): fields.Nested(BatchSchema) for table in tables()}, name="Batches"
    )


def body_of(table: Table) -> dict[str, Any]:
    """The request body of a table's batch route."""
    row = schema(table, id_required=False)
    sample, text = _sample(table), {"type": "string"}
    with_id = {"id": _FREE_ID, **sample}
    header, line = (",".join(map(str, part)) for part in (with_id, with_id.values()))
    content = {
        JSON: {"schema": {"oneOf": [_array(row), row]}, "example": [sample]},
        NDJSON: {"schema": text, "example": json.dumps(sample)},
        CSV: {"schema": text, "example": f"{header}\n{line}\n"},
    }
    return {"required": True, "content": content}


def body_of_all() -> dict[str, Any]:
    """The request body of `POST /batch`."""
    lists = {resource(table): _array(schema(table, id_required=False)) for table in tables()}
    value = {"type": "object", "properties": lists, "additionalProperties": False, "minProperties": 1}
    sample = {resource(table): [_sample(table)] for table in tables()}
    return {"required": True, "content": {JSON: {"schema": value, "example": sample}}}


def _sample(table: Table) -> dict[str, Any]:
    """A row without an id, so that it is taken again and again."""
    return {name: kind.sample() for name, kind in kinds(table).items() if name != "id"}


def example_of(table: Table) -> dict[str, Any]:
    """An answer to a batch of `table`: one row taken, one refused."""
    message = f"id 1 is already in {resource(table)}"
    failed = {"field": "id", "code": "already_exists", "message": message}
    counts = {"received": 2, "inserted": 1, "updated": 0, "skipped": 0, "failed": 1}
    results = [
        {"index": 0, "status": "inserted", "id": 2001},
        {"index": 1, "status": "failed", "id": None, "errors": [failed]},
    ]
    return {"table": resource(table), "mode": "partial", "dry_run": False, **counts, "results": results}


def example_of_all() -> dict[str, Any]:
    """An answer to `POST /batch`."""
    return {resource(table): example_of(table) for table in tables()}


def _array(row: marshmallow.Schema) -> dict[str, Any]:
    return {"type": "array", "items": row, "minItems": 1, "maxItems": MOST_ROWS}


ANSWER_HEADERS = {
    "Idempotency-Replayed": {
        "schema": {"type": "string", "enum": ["true"]},
        "description": "Where this is the answer that the same request got before",
    },
    "Preference-Applied": {"schema": {"type": "string"}, "description": "What of `Prefer` was heeded"},
}
KEY_HEADER = {
    "in": "header",
    "name": "Idempotency-Key",
    "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
    "description": "Sent again with the same request, the first answer comes again and nothing is inserted; "
    "with another body, query or route it is a 422",
}
PREFER_HEADER = {
    "in": "header",
    "name": "Prefer",
    "schema": {"type": "string"},
    "description": "`return=minimal` is `?return=summary` (RFC 7240)",
}
