"""The rows of the metrics, and their lists."""

from __future__ import annotations

import marshmallow
from marshmallow import fields

from hiring_api.queries.metrics import QUARTERS


class QuartersSchema(marshmallow.Schema):
    """How many a department hired for a job in each quarter."""

    department = fields.String(required=True, metadata={"example": "Human Resources"})
    job = fields.String(required=True, metadata={"example": "Recruiter"})
    q1, q2, q3, q4 = (fields.Integer(required=True) for _ in QUARTERS)


class AboveMeanSchema(marshmallow.Schema):
    """A department that hired more than the mean."""

    id = fields.Integer(required=True)
    department = fields.String(required=True, metadata={"example": "Support"})
    hired = fields.Integer(required=True)


def list_of(row: type[marshmallow.Schema], name: str) -> type[marshmallow.Schema]:
    """The schema of a list of such rows; `name` is its name in the OpenAPI document."""
    items = fields.List(fields.Nested(row), required=True)
    return marshmallow.Schema.from_dict(
        {"items": items, "next": fields.String(required=True, allow_none=True)}, name=name
    )
