"""The parameters, the body and the answer of a batch; the OpenAPI document shows them."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import marshmallow
from marshmallow import fields

from hiring_api.model.tables import kinds, resource, tables
from hiring_api.model.validation import schema
from hiring_api.web.media_types import CSV, JSON, NDJSON

from .answers import example_of, made, number, one_of, text, truth
from .parameters import Query, choice, flag

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Table

MOST_ROWS = 1000  # of one request
_FREE_ID = 9001  # in the sample data
_TAKEN_ID, _NEXT_ID = 2, 2001
_STATUSES = ["inserted", "updated", "skipped", "failed", "rolled_back"]


class BatchQuery(Query):
    """How a batch is taken and answered."""

    mode = choice(
        ("partial", "atomic"),
        load_default="partial",
        metadata={"description": "Take the right rows, or all or none", "examples": ["atomic"]},
    )
    dry_run = flag(
        load_default=False, metadata={"description": "Answer as if, and write nothing", "examples": [True]}
    )
    on_conflict = choice(
        ("error", "skip", "update"),
        load_default="error",
        metadata={
            "description": "What to do with a row whose id is in the table with other content",
            "examples": ["update"],
        },
    )
    returned = choice(
        ("all", "failed", "summary"),
        data_key="return",
        metadata={"description": "Which results the answer has; all by default", "examples": ["failed"]},
    )


class RowErrorSchema(marshmallow.Schema):
    """One reason why a row was refused."""

    field = text("The column; null for the row as a whole", "department_id", null=True)
    code = text("What is wrong, for programs", "unknown_reference")
    message = text("What is wrong, for people", "department_id 99 is not in departments")


class ResultSchema(marshmallow.Schema):
    """What came of one row."""

    index = number("The row's index in the request, from 0", 0)
    status = one_of(_STATUSES, "What was done with the row", "inserted")
    id = number("Null for a row that was not taken", _NEXT_ID, null=True)
    errors = fields.List(
        fields.Nested(RowErrorSchema), metadata={"description": "Of a failed row: all that is wrong with it"}
    )


class BatchSchema(marshmallow.Schema):
    """The answer to a batch."""

    table = text("The table's name in URLs", "departments")
    mode = one_of(("partial", "atomic"), "The mode that was asked for", "partial")
    dry_run = truth("True if nothing was written", example=False)
    received = number("Rows in the request", 1)
    inserted = number("New rows", 1)
    updated = number("Rows that were there with other content", 0)
    skipped = number("Rows that were left as they are", 0)
    failed = number("Refused rows", 0)
    results = fields.List(
        fields.Nested(ResultSchema), metadata={"description": "What came of each row, or of those asked for"}
    )


def batches_schema() -> type[marshmallow.Schema]:
    """The answer to `POST /batch`: a batch's answer for each table that was sent."""
    members = {resource(table): fields.Nested(BatchSchema) for table in tables()}
    return made(
        "Batches", "The answer to a batch, for each table that was sent.", members, marshmallow.Schema
    )


# The examples of a batch: each request, and under the same name its answer. How many of its rows are right?
_RIGHT: dict[str, list[bool]] = {"taken": [True], "partly": [True, False], "refused": [False]}
_SUMMARIES = {"taken": "All rows are right", "partly": "Some rows are right", "refused": "No row is right"}
_STATUS_OF = {201: "taken", 200: "dry_run", 207: "partly", 422: "refused"}


def body_of(table: Table) -> dict[str, Any]:
    """The request body of a table's batch route."""
    row = schema(table, id_required=False)
    string = {"type": "string"}
    with_id = {"id": _FREE_ID, **sample(table)}
    header, line = (",".join(map(str, part)) for part in (with_id, with_id.values()))
    content = {
        JSON: {"schema": {"oneOf": [_array(row), row]}, "examples": _requests(partial(_rows, table))},
        NDJSON: {"schema": string, "examples": _taken(json.dumps(sample(table), ensure_ascii=False))},
        CSV: {"schema": string, "examples": _taken(f"{header}\n{line}\n")},
    }
    return {"required": True, "content": content}


def body_of_all() -> dict[str, Any]:
    """The request body of `POST /batch`."""
    lists = {resource(table): _array(schema(table, id_required=False)) for table in tables()}
    value = {"type": "object", "properties": lists, "additionalProperties": False, "minProperties": 1}

    def rows(right: list[bool]) -> dict[str, Any]:
        return {resource(table): _rows(table, right) for table in tables()}

    return {"required": True, "content": {JSON: {"schema": value, "examples": _requests(rows)}}}


def sample(table: Table) -> dict[str, Any]:
    """A row without an id, so that it is taken again and again."""
    return {name: kind.sample() for name, kind in kinds(table).items() if name != "id"}


def _rows(table: Table, right: list[bool]) -> list[dict[str, Any]]:
    return [sample(table) if is_right else _taken_id(table) for is_right in right]


def _taken_id(table: Table) -> dict[str, Any]:
    """A row that is refused: its id is that of the second row of the sample data, which has other content."""
    return {"id": _TAKEN_ID, **sample(table)}


def _requests(rows: Callable[[list[bool]], Any]) -> dict[str, Any]:
    return {name: {"summary": _SUMMARIES[name], "value": rows(right)} for name, right in _RIGHT.items()}


def _taken(body: str) -> dict[str, Any]:
    return {"taken": {"summary": _SUMMARIES["taken"], "value": body}}


def examples_of(table: Table, status: int) -> dict[str, Any]:
    """The example of an answer to a batch of `table`, by its name; that of a request is the same."""
    name = _STATUS_OF[status]
    return {name: {"value": _answer(table, name)}}


def examples_of_all(status: int) -> dict[str, Any]:
    """The example of an answer to `POST /batch`."""
    name = _STATUS_OF[status]
    return {name: {"value": {resource(table): _answer(table, name) for table in tables()}}}


def _answer(table: Table, name: str) -> dict[str, Any]:
    """An answer to a batch of the example's rows."""
    is_dry = name == "dry_run"
    right = _RIGHT["taken" if is_dry else name]
    taken = {"status": "inserted", "id": None if is_dry else _NEXT_ID}
    message = f"id {_TAKEN_ID} is already in {resource(table)}"
    error = {"field": "id", "code": "already_exists", "message": message}
    failed = {"status": "failed", "id": None, "errors": [error]}
    results = [{"index": index, **(taken if is_right else failed)} for index, is_right in enumerate(right)]
    counts = {"received": len(right), "inserted": right.count(True), "failed": right.count(False)}
    return example_of(BatchSchema, table=resource(table), dry_run=is_dry, results=results, **counts)


def _array(row: marshmallow.Schema) -> dict[str, Any]:
    return {"type": "array", "items": row, "minItems": 1, "maxItems": MOST_ROWS}


ANSWER_HEADERS = {
    "Idempotency-Replayed": {
        "schema": {"type": "string", "enum": ["true"]},
        "description": "Where this is the answer that the same request got before",
    },
    "Preference-Applied": {"schema": {"type": "string"}, "description": "What of `Prefer` was heeded"},
}


def key_header(name: str) -> dict[str, Any]:
    """The header `Idempotency-Key` of the route of `name`."""
    examples = [f"{name}-2026-11-22-1"]
    return {
        "in": "header",
        "name": "Idempotency-Key",
        "schema": {"type": "string", "pattern": "^[!-~]{1,255}$", "examples": examples},
        "description": "Sent again with the same request, the first answer comes again and nothing is "
        "inserted; with another body, query or route it is a 422",
    }


PREFER_HEADER = {
    "in": "header",
    "name": "Prefer",
    "schema": {"type": "string", "examples": ["return=minimal"]},
    "description": "`return=minimal` is `?return=summary` (RFC 7240)",
}
