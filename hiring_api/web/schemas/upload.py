"""The parameters and the answer of an upload."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import marshmallow
from marshmallow import ValidationError, fields

from hiring_api.loading.task import limit_of
from hiring_api.model.tables import kinds, resource

from .answers import example_of, many, number, text, truth
from .batch import RowErrorSchema
from .parameters import DRY_RUN, Query, choice, flag

if TYPE_CHECKING:
    from sqlalchemy import Table


_RUN = "0123456789abcdef0123456789abcdef"


class LimitField(fields.String):
    """A number of rows, or a share of them such as `5%`."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        limit = limit_of(value)
        if limit is None:
            raise ValidationError("must be a number of rows such as 100, or a share such as 5%")
        return limit


class UploadQuery(Query):
    """How a file is loaded."""

    dry_run = flag(load_default=False, metadata=DRY_RUN)
    on_conflict = choice(
        ("error", "update"),
        load_default="error",
        metadata={
            "description": "What to do with a row whose id has other content in the table",
            "examples": ["update"],
        },
    )
    max_rejects = LimitField(
        metadata={
            "description": "More refused rows than this (`100` or `5%`), and no row is kept; "
            "any number by default",
            "examples": ["5%"],
        }
    )


class RefusedSchema(marshmallow.Schema):
    """A refused row of a file."""

    line = number("The physical line it begins in, from 1", 2)
    record = number("Its number among the records, from 1", 2)
    row = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "The fields as they came", "examples": [["9", ""]]},
    )
    errors = many(RowErrorSchema, "All that is wrong with it")


class UploadSchema(marshmallow.Schema):
    """What came of a file. Every row read is inserted, updated, unchanged or rejected."""

    table = text("The table's name in URLs", "departments")
    run = text("The X-Request-ID, by which `/rejects` finds the refused rows", _RUN)
    dry_run = truth("True if nothing was written", example=False)
    kept = truth("False for a dry run, and where max_rejects was exceeded", example=True)
    read = number("Rows in the file", 1)
    inserted = number("New rows", 1)
    updated = number("Rows that were there with other content", 0)
    unchanged = number("Rows that were there with the same content", 0)
    rejected = number("Refused rows", 0)
    repaired = number("As wrong as before, but what repaired them is stored", 0)
    blank = number("Lines of nothing but separators", 0)
    doubtful = number("Texts taken as they are that look like a missing value or stand in quotes", 0)
    rejects = many(RefusedSchema, "100 at most")
    all_rejects = text("The path of all of them", None, null=True)


# The examples: of each, the ids of its rows that are right, and how many others it has
_EXAMPLES: dict[str, tuple[list[int], list[int]]] = {
    "taken": ([9101], []),
    "partly": ([9102], [9103]),
    "refused": ([], [9104]),
}
_STATUS_OF = {201: "taken", 200: "dry_run", 207: "partly", 422: "refused"}


def upload_examples(table: Table) -> dict[str, Any]:
    """CSV files, by name."""
    header = ",".join(kinds(table))
    found = {}
    for name, (right, wrong) in _EXAMPLES.items():
        lines = [header, *(",".join(_record(table, row_id)) for row_id in right)]
        lines += [",".join(_wrong_record(table, row_id)) for row_id in wrong]
        found[name] = {"value": "".join(f"{line}\n" for line in lines)}
    return found


def uploaded_examples(table: Table, status: int) -> dict[str, Any]:
    """The example of an answer to an upload, under the name of the file that it is to."""
    name = _STATUS_OF[status]
    is_dry = name == "dry_run"
    right, wrong = _EXAMPLES["taken" if is_dry else name]
    rejects = [
        {
            "line": len(right) + 2 + index,
            "record": len(right) + 1 + index,
            "row": _wrong_record(table, row_id),
            "errors": [
                {"field": column, "code": "required", "message": f"{column} is required: it is empty"}
                for column in list(kinds(table))[1:]
            ],
        }
        for index, row_id in enumerate(wrong)
    ]
    value = example_of(
        UploadSchema,
        table=resource(table),
        dry_run=is_dry,
        kept=not is_dry,
        read=len(right) + len(wrong),
        inserted=len(right),
        rejected=len(wrong),
        rejects=rejects,
        all_rejects=f"/rejects?run={_RUN}" if wrong else None,
    )
    return {name: {"value": value}}


def _record(table: Table, row_id: int) -> list[str]:
    return [str(row_id), *(str(kind.sample()) for kind in list(kinds(table).values())[1:])]


def _wrong_record(table: Table, row_id: int) -> list[str]:
    return [str(row_id), *[""] * (len(kinds(table)) - 1)]
