"""Which rejects are listed, and how."""

from __future__ import annotations

import marshmallow
from marshmallow import fields, validate

from hiring_api.model.tables import resource, tables

from .batch import RowErrorSchema
from .parameters import Moment, Query, Whole, choice, flag

_MOST = 2**53 - 1  # more than that, JSON readers do not tell apart


def _text(longest: int, what: str) -> fields.String:
    return fields.String(validate=validate.Length(1, longest), metadata={"description": what})


class RejectsQuery(Query):
    """Which rejects, and how many a page."""

    table = choice(tuple(map(resource, tables())))
    source = _text(512, "A route such as `POST /employees`, or the path of a file")
    run = _text(64, "The X-Request-ID of a request, or the run of a migration")
    resolved = flag(metadata={"description": "Whether the row was taken later"})
    limit = Whole(1, 1000, metadata={"description": "Rejects a page, 100 by default"})
    before = Whole(1, _MOST, metadata={"description": "Rejects with a lower id"})
    since = Moment(metadata={"description": "Refused at this instant or later"})
    until = Moment(metadata={"description": "Refused before this instant"})
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
