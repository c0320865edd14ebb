"""The parameters and the answer of `GET /rejects`."""

from __future__ import annotations

from typing import Any

import marshmallow
from marshmallow import fields, validate

from hiring_api.model.columns import MAX_ID
from hiring_api.model.tables import kinds, resource, tables
from hiring_api.model.validation import schema
from hiring_api.web.media_types import JSON

from .batch import RowErrorSchema
from .parameters import Moment, Query, Whole, choice, flag

MOST = 2**53 - 1  # more than that, JSON readers do not tell apart


def _text(longest: int, what: str) -> fields.String:
    return fields.String(validate=validate.Length(1, longest), metadata={"description": what})


class ChosenQuery(Query):
    """Which rejects."""

    table = choice(tuple(map(resource, tables())))
    source = _text(512, "A route such as `POST /employees`, or the path of a file")
    run = _text(64, "The X-Request-ID of a request, or the run of a migration")
    resolved = flag(metadata={"description": "Whether the row was taken later; `false`: those that are open"})
    reason = _text(64, "The code of one of its errors, such as `required`")
    field = _text(65, "The column of one of its errors; with `reason`, of that one")
    search = _text(255, "Rows in which this text stands; upper and lower case of A to Z are the same")
    row_id = Whole(
        1,
        MAX_ID,
        metadata={"description": "The refused row had this id, or the row with this id resolved it"},
    )
    since = Moment(metadata={"description": "Refused at this instant or later"})
    until = Moment(metadata={"description": "Refused before this instant"})


class RejectsQuery(ChosenQuery):
    """Which rejects, and how many a page."""

    limit = Whole(1, 1000, metadata={"description": "Rejects a page, 100 by default"})
    before = Whole(1, MOST, metadata={"description": "Rejects with a lower id"})
    count = flag(
        load_default=False, metadata={"description": "Say in `total` how many there are on all pages"}
    )
    purpose = choice(
        ("repair",),
        data_key="format",
        metadata={
            "description": "`repair`: a CSV file of the rejects of one `table` that are not resolved yet, to "
            "be corrected and uploaded again"
        },
    )
    bom = flag(
        load_default=False, metadata={"description": "Begin a CSV with a byte order mark, for spreadsheets"}
    )


class RejectSchema(marshmallow.Schema):
    """A refused row."""

    id = fields.Integer(required=True)
    table = fields.String(required=True, metadata={"example": "employees"})
    source = fields.String(required=True)
    run = fields.String(required=True)
    line = fields.Integer(
        required=True, allow_none=True, metadata={"description": "Of a file; null for a batch"}
    )
    record = fields.Integer(required=True, allow_none=True)
    row = fields.Raw(required=True, allow_none=True, metadata={"description": "As it came"})
    errors = fields.List(fields.Nested(RowErrorSchema), required=True)
    refused_at = fields.String(required=True, metadata={"format": "date-time"})
    resolved_at = fields.String(required=True, allow_none=True, metadata={"format": "date-time"})
    user = fields.String(
        required=True, allow_none=True, metadata={"description": "Who sent it; null for the migration job"}
    )


class RejectsSchema(marshmallow.Schema):
    """A page of rejects."""

    items = fields.List(fields.Nested(RejectSchema), required=True)
    next = fields.String(required=True, allow_none=True)
    total = fields.Integer(metadata={"description": "With `count=true`: how many there are on all pages"})


class SummaryQuery(ChosenQuery):
    """Which rejects are counted, and by what."""

    by = choice(
        ("reason", "run"),
        load_default="reason",
        metadata={"description": "A line for each reason, or for each request or job that refused rows"},
    )
    limit = Whole(1, 1000, load_default=100, metadata={"description": "Lines, 100 by default"})


class RejectCountsSchema(marshmallow.Schema):
    """How many rows of a table were refused for a reason, or in a run."""

    table = fields.String(required=True, metadata={"example": "employees"})
    field = fields.String(allow_none=True, metadata={"description": "By reason: null for a row as a whole"})
    code = fields.String(metadata={"description": "By reason", "example": "required"})
    source = fields.String(metadata={"description": "By run"})
    run = fields.String(metadata={"description": "By run"})
    rejects = fields.Integer(required=True, metadata={"description": "Open and resolved ones"})
    open = fields.Integer(required=True)
    first = fields.String(required=True, metadata={"format": "date-time"})
    last = fields.String(required=True, metadata={"format": "date-time"})


class SummarySchema(marshmallow.Schema):
    """The figures of rejects. `next` is null: there is one page."""

    items = fields.List(fields.Nested(RejectCountsSchema), required=True)
    next = fields.String(required=True, allow_none=True)


class CorrectionQuery(Query):
    """How a corrected row is taken."""

    on_conflict = choice(
        ("error", "update"),
        load_default="error",
        metadata={"description": "What to do where another row is stored under its id"},
    )


def correction_body() -> dict[str, Any]:
    """The request body of a correction: a row of the table that refused it."""
    rows = [schema(table, id_required=False) for table in tables()]
    sample = {name: kind.sample() for name, kind in kinds(tables()[-1]).items() if name != "id"}
    return {"required": True, "content": {JSON: {"schema": {"anyOf": rows}, "example": sample}}}


def corrected_row() -> dict[str, Any]:
    """The answer to a correction: the row as it is stored."""
    return {"anyOf": [schema(table, id_required=True) for table in tables()]}
