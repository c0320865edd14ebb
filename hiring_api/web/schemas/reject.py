"""The parameters and the answers of `/rejects`."""

from __future__ import annotations

from typing import Any

import marshmallow
from marshmallow import fields, validate

from hiring_api.model.columns import MAX_ID
from hiring_api.model.tables import kinds, resource, tables
from hiring_api.model.validation import schema
from hiring_api.rejects.listing import CSV_COLUMNS
from hiring_api.web.media_types import JSON

from .answers import example_of, made, moment, number, page_of, text
from .batch import RowErrorSchema, sample
from .parameters import Moment, Query, Whole, choice, flag

RUN = "migration-0123456789abcdef0123456789abcdef"
MOST = 2**53 - 1  # more than that, JSON readers do not tell apart


# For examples: the last table's row, of which the last field is missing
_TABLE = tables()[-1]
_COLUMN = list(kinds(_TABLE))[-1]
_RAW = ["11", *(str(kind.sample()) for kind in list(kinds(_TABLE).values())[1:-1]), ""]


def _text(longest: int, what: str, example: str) -> fields.String:
    metadata = {"description": what, "examples": [example]}
    return fields.String(validate=validate.Length(1, longest), metadata=metadata)


class ChosenQuery(Query):
    """Which rejects."""

    table = choice(
        tuple(map(resource, tables())),
        metadata={"description": "Rejects of this table", "examples": [resource(_TABLE)]},
    )
    source = _text(512, "A route such as `POST /employees`, or the path of a file", "POST /employees")
    run = _text(64, "The X-Request-ID of a request, or the run of a migration", RUN)
    resolved = flag(
        metadata={
            "description": "Whether the row was taken later; `false`: those that are open",
            "examples": [False],
        }
    )
    reason = _text(64, "The code of one of its errors, such as `required`", "required")
    field = _text(65, "The column of one of its errors; with `reason`, of that one", _COLUMN)
    search = _text(
        255, "Rows in which this text stands; upper and lower case of A to Z are the same", "haddad"
    )
    row_id = Whole(
        1,
        MAX_ID,
        metadata={
            "description": "The refused row had this id, or the row with this id resolved it",
            "examples": [11],
        },
    )
    since = Moment(metadata={"description": "Refused at this instant or later", "examples": ["2026-01-01"]})
    until = Moment(metadata={"description": "Refused before this instant", "examples": ["2100-01-01"]})


class RejectsQuery(ChosenQuery):
    """Which rejects, and how many a page."""

    limit = Whole(1, 1000, metadata={"description": "Rejects a page, 100 by default", "examples": [10]})
    before = Whole(1, MOST, metadata={"description": "Rejects with a lower id", "examples": [50]})
    count = flag(
        load_default=False,
        metadata={"description": "Say in `total` how many there are on all pages", "examples": [True]},
    )
    purpose = choice(
        ("repair",),
        data_key="format",
        metadata={
            "description": "`repair`: a CSV file of the rejects of one `table` that are not resolved yet, to "
            "be corrected and uploaded again",
            "examples": ["repair"],
        },
    )
    bom = flag(
        load_default=False,
        metadata={"description": "Begin a CSV with a byte order mark, for spreadsheets", "examples": [True]},
    )


class RejectSchema(marshmallow.Schema):
    """A refused row."""

    id = number("Its number", 1)
    table = text("The table's name in URLs", resource(_TABLE))
    source = text("The route that refused it, or the path of the file", f"csv/{_TABLE.name}.csv")
    run = text("The X-Request-ID of the request, or the run of the job", RUN)
    line = number("The physical line of a file it begins in, from 1; null for a batch", 11, null=True)
    record = number("Its number among the file's records, from 1; null for a batch", 11, null=True)
    row = fields.Raw(
        required=True,
        allow_none=True,
        metadata={"description": "As it came: the fields of a CSV, or the JSON value", "examples": [_RAW]},
    )
    errors = fields.List(
        fields.Nested(RowErrorSchema),
        required=True,
        metadata={
            "description": "All that was wrong with it",
            "examples": [
                [{"field": _COLUMN, "code": "required", "message": f"{_COLUMN} is required: it is empty"}]
            ],
        },
    )
    refused_at = moment("When it was refused")
    resolved_at = text(
        "When it was taken after all; null while it is open", None, null=True, format="date-time"
    )
    user = text("Who sent it; null for the migration job", None, null=True)


RejectsSchema = made(
    "Rejects",
    "A page of rejects.",
    page_of(
        RejectSchema,
        "The newest first",
        total=number("With `count=true`: how many there are on all pages", 70, required=False),
    ),
    marshmallow.Schema,
)


class SummaryQuery(ChosenQuery):
    """Which rejects are counted, and by what."""

    by = choice(
        ("reason", "run"),
        load_default="reason",
        metadata={
            "description": "A line for each reason, or for each request or job that refused rows",
            "examples": ["run"],
        },
    )
    limit = Whole(
        1, 1000, load_default=100, metadata={"description": "Lines, 100 by default", "examples": [10]}
    )


class RejectCountsSchema(marshmallow.Schema):
    """How many rows of a table were refused for a reason, or in a run."""

    table = text("The table's name in URLs", resource(_TABLE))
    field = text("By reason: the column; null for a row as a whole", _COLUMN, required=False, null=True)
    code = text("By reason: what was wrong", "required", required=False)
    source = text("By run: the route, or the path of the file", "POST /employees", required=False)
    run = text("By run: the X-Request-ID, or the run of the job", RUN, required=False)
    rejects = number("Open and resolved ones", 21)
    open = number("Those that were not taken later", 21)
    first = moment("When the first was refused")
    last = moment("When the last was refused")


SummarySchema = made(
    "Summary",
    "The figures of rejects. `next` is null: there is one page.",
    page_of(RejectCountsSchema, "A line for each reason, or for each run"),
    marshmallow.Schema,
)
SUMMARY_EXAMPLE = example_of(
    SummarySchema, items=[example_of(RejectCountsSchema, field=_COLUMN, code="required")]
)


class CorrectionQuery(Query):
    """How a corrected row is taken."""

    on_conflict = choice(
        ("error", "update"),
        load_default="error",
        metadata={
            "description": "What to do where another row is stored under its id",
            "examples": ["update"],
        },
    )


def correction_body() -> dict[str, Any]:
    """The request body of a correction: a row of the table that refused it."""
    rows = [schema(table, id_required=False) for table in tables()]
    return {"required": True, "content": {JSON: {"schema": {"anyOf": rows}, "example": sample(_TABLE)}}}


def corrected_row() -> dict[str, Any]:
    """The answer to a correction: the row as it is stored."""
    return {"anyOf": [schema(table, id_required=True) for table in tables()]}


REJECTS_CSV = f"{','.join(CSV_COLUMNS)}\r\n…"
CORRECTED_EXAMPLE = {"id": 2000, **sample(_TABLE)}
