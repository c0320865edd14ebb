"""The parameters and the answer of an upload."""

from __future__ import annotations

from typing import Any

import marshmallow
from marshmallow import ValidationError, fields

from hiring_api.loading.task import limit_of

from .batch import RowErrorSchema
from .parameters import Query, choice, flag


class LimitField(fields.String):
    """A number of rows, or a share of them such as `5%`."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        limit = limit_of(value)
        if limit is None:
            raise ValidationError("must be a number of rows such as 100, or a share such as 5%")
        return limit


class UploadQuery(Query):
    """How a file is loaded."""

    dry_run = flag(load_default=False, metadata={"description": "Report what would be done, and do nothing"})
    on_conflict = choice(
        ("error", "update"),
        load_default="error",
        metadata={"description": "What to do with a row whose id has other content in the table"},
    )
    max_rejects = LimitField(
        metadata={
            "description": "More refused rows than this (`100` or `5%`), and no row is kept; "
            "any number by default"
        }
    )


class RefusedSchema(marshmallow.Schema):
    """A refused row of a file."""

    line = fields.Integer(required=True, metadata={"description": "The physical line it begins in, from 1"})
    record = fields.Integer(required=True, metadata={"description": "Its number among the records, from 1"})
    row = fields.List(fields.String(), required=True, metadata={"description": "The fields as they came"})
    errors = fields.List(fields.Nested(RowErrorSchema), required=True)


class UploadSchema(marshmallow.Schema):
    """What came of a file. Every row read is inserted, updated, unchanged or rejected."""

    table = fields.String(required=True, metadata={"example": "employees"})
    run = fields.String(required=True)
    dry_run = fields.Boolean(required=True)
    kept = fields.Boolean(
        required=True, metadata={"description": "False for a dry run, and where max_rejects was exceeded"}
    )
    read = fields.Integer(required=True)
    inserted = fields.Integer(required=True)
    updated = fields.Integer(required=True)
    unchanged = fields.Integer(required=True)
    rejected = fields.Integer(required=True)
    repaired = fields.Integer(
        required=True, metadata={"description": "As wrong as before, but what repaired them is stored"}
    )
    blank = fields.Integer(required=True, metadata={"description": "Lines of nothing but separators"})
    doubtful = fields.Integer(
        required=True,
        metadata={"description": "Texts taken as they are that look like a missing value or stand in quotes"},
    )
    rejects = fields.List(
        fields.Nested(RefusedSchema), required=True, metadata={"description": "100 at most"}
    )
    all_rejects = fields.String(
        required=True, allow_none=True, metadata={"description": "The path of all of them"}
    )
