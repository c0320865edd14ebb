"""The metrics: which hires they count, their rows and totals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import marshmallow
from marshmallow import ValidationError, fields, post_load, validates_schema

from hiring_api.model.columns import MAX_ID
from hiring_api.queries.metrics import QUARTERS, Period

from .answers import example_of, made, many, number, page_of, text
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
            "examples": [2022],
        },
    )
    since = Moment(
        data_key="from",
        metadata={"description": "Hired at this date or instant or later", "examples": ["2021-07-01"]},
    )
    until = Moment(metadata={"description": "Hired before this date or instant", "examples": ["2022-01-01"]})
    department_id = Whole(1, MAX_ID, metadata={"description": "Only this department", "examples": [1]})

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

    ids = flag(
        load_default=False,
        metadata={"description": "Add `department_id` and `job_id` to each row", "examples": [True]},
    )


def _quarters(*examples: int) -> list[fields.Integer]:
    return [
        number(f"Hired in quarter {name[1:]}", example)
        for name, example in zip(QUARTERS, examples, strict=True)
    ]


class QuartersSchema(marshmallow.Schema):
    """How many a department hired for a job in each quarter, of several years in all their first quarters."""

    department_id = number("With `ids=true`: the department's id", 9, required=False)
    department = text("The department's name", "Accounting")
    job_id = number("With `ids=true`: the job's id", 1, required=False)
    job = text("The job's name", "Accountant")
    q1, q2, q3, q4 = _quarters(0, 1, 0, 0)


class DepartmentTotalSchema(marshmallow.Schema):
    """How many a department hired for all jobs."""

    id = number("The department's id", 9)
    department = text("The department's name", "Accounting")
    hired = number("Hired in all quarters", 50)
    q1, q2, q3, q4 = _quarters(19, 12, 6, 13)


class QuarterTotalsSchema(marshmallow.Schema):
    """The sums of all rows, and those of each department, by department."""

    hired = number("Hired by all departments in all quarters", 943)
    q1, q2, q3, q4 = _quarters(246, 239, 228, 230)
    departments = many(DepartmentTotalSchema, "Each department that hired")


class AboveMeanSchema(marshmallow.Schema):
    """A department that hired more than the mean."""

    id = number("The department's id", 1)
    department = text("The department's name", "Product Management")
    hired = number("How many it hired", 123)


class MeanSchema(marshmallow.Schema):
    """What the mean is of: all departments, whatever `department_id` says."""

    mean = fields.Float(
        required=True,
        metadata={
            "description": "Hires per department; 0 without departments",
            "examples": [78.58333333333333],
        },
    )
    hired = number("By all departments", 943)
    departments = number("Those without hires included", 12)


def list_of(
    row: type[marshmallow.Schema], totals: type[marshmallow.Schema], name: str
) -> type[marshmallow.Schema]:
    """The schema of a list of such rows with its totals; `name` is its name in the OpenAPI document."""
    members = page_of(row, "All rows", totals=fields.Nested(totals, required=True))
    return made(name, "All rows of a metric on one page, and their totals.", members, marshmallow.Schema)


PICTURE = '<?xml version="1.0" encoding="utf-8"?>\n<svg xmlns="http://www.w3.org/2000/svg" …'


def csv_of(row: type[marshmallow.Schema]) -> str:
    """The beginning of a metric in CSV; `…` stands for its other lines."""
    first = example_of(row)
    return f"{','.join(first)}\r\n{','.join(map(str, first.values()))}\r\n…"
