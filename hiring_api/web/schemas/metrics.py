"""The metrics: which hires they count, their rows and totals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import marshmallow
from marshmallow import ValidationError, fields, post_load, validates_schema

from hiring_api.model.columns import MAX_ID
from hiring_api.queries.metrics import QUARTERS, Period

from .parameters import Moment, Query, Whole, flag

if TYPE_CHECKING:
    from collections.abc import Mapping

_DEFAULT_YEAR = 2021


class MetricQuery(Query):
    """Which hires count: those of a calendar year in UTC, or of any period.

    It becomes the arguments `period` and `department_id` (None for all departments).
    """

    year = Whole(
        1000,
        9999,
        metadata={
            "default": _DEFAULT_YEAR,
            "description": "The calendar year, in UTC; not with from or until",
        },
    )
    since = Moment(data_key="from", metadata={"description": "Hired at this date or instant or later"})
    until = Moment(metadata={"description": "Hired before this date or instant"})
    department_id = Whole(1, MAX_ID, metadata={"description": "Only this department"})

    @validates_schema
    def _is_one_period(self, data: Mapping[str, Any], **_: Any) -> None:
        bounds = [name for name, key in (("from", "since"), ("until", "until")) if key in data]
        if "year" in data and bounds:
            raise ValidationError("give either a year or a period, not both", bounds[0])
        if bounds == ["from", "until"] and data["since"] >= data["until"]:
            raise ValidationError("must be after from", "until")

    @post_load
    def _to_period(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        since, until = data.pop("since", None), data.pop("until", None)
        year = data.pop("year", None if since or until else _DEFAULT_YEAR)
        period = Period(since, until) if year is None else Period.of_year(year)
        return {"department_id": None, **data, "period": period}


class QuartersQuery(MetricQuery):
    """Which hires count, and whether rows tell ids."""

    ids = flag(load_default=False, metadata={"description": "Add `department_id` and `job_id` to each row"})


def _quarters() -> dict[str, fields.Integer]:
    return {name: fields.Integer(required=True) for name in QUARTERS}


class QuartersSchema(marshmallow.Schema):
    """How many a department hired for a job in each quarter, of several years in all their first quarters."""

    department_id = fields.Integer(metadata={"description": "With `ids=true`"})
    department = fields.String(required=True, metadata={"example": "Human Resources"})
    job_id = fields.Integer(metadata={"description": "With `ids=true`"})
    job = fields.String(required=True, metadata={"example": "Recruiter"})
    q1, q2, q3, q4 = _quarters().values()


class DepartmentTotalSchema(marshmallow.Schema):
    """How many a department hired for all jobs."""

    id = fields.Integer(required=True)
    department = fields.String(required=True, metadata={"example": "Human Resources"})
    hired = fields.Integer(required=True)
    q1, q2, q3, q4 = _quarters().values()


class QuarterTotalsSchema(marshmallow.Schema):
    """The sums of all rows, and those of each department, by department."""

    hired = fields.Integer(required=True)
    q1, q2, q3, q4 = _quarters().values()
    departments = fields.List(fields.Nested(DepartmentTotalSchema), required=True)


class AboveMeanSchema(marshmallow.Schema):
    """A department that hired more than the mean."""

    id = fields.Integer(required=True)
    department = fields.String(required=True, metadata={"example": "Support"})
    hired = fields.Integer(required=True)


class MeanSchema(marshmallow.Schema):
    """What the mean is of: all departments, whatever `department_id` says."""

    mean = fields.Float(
        required=True, metadata={"description": "Hires per department; 0 without departments"}
    )
    hired = fields.Integer(required=True, metadata={"description": "By all departments"})
    departments = fields.Integer(required=True, metadata={"description": "Those without hires included"})


def list_of(
    row: type[marshmallow.Schema], totals: type[marshmallow.Schema], name: str
) -> type[marshmallow.Schema]:
    """The schema of a list of such rows with its totals; `name` is its name in the OpenAPI document."""
    return marshmallow.Schema.from_dict(
        {
            "items": fields.List(fields.Nested(row), required=True),
            "next": fields.String(required=True, allow_none=True),
            "totals": fields.Nested(totals, required=True),
        },
        name=name,
    )
