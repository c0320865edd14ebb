"""The filters and the pages of a table's list."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from marshmallow import fields, validate

from hiring_api.model.columns import MAX_ID
from hiring_api.model.tables import kinds, references, resource
from hiring_api.model.validation import schema
from hiring_api.queries.lists import filter_names, searched

from .answers import made, number, page_of
from .parameters import Moment, PageQuery, Query, Whole, choice, flag

if TYPE_CHECKING:
    import marshmallow
    from sqlalchemy import Table


def list_query(table: Table) -> type[PageQuery]:
    """The schema of the list's query parameters: which page, which rows, and with what."""
    members: dict[str, fields.Field[Any]] = {
        name: _filter(operator, column, kinds(table)[column].sample())
        for name, (column, operator) in filter_names(table).items()
    }
    if searched(table):
        members["search"] = fields.String(
            validate=validate.Length(1, 255), metadata={"description": _SEARCH, "examples": ["an"]}
        )
    if references(table):
        members["expand"] = choice(
            ("references",), metadata={"description": _EXPAND, "examples": ["references"]}
        )
    return made(f"{table.name}Query", "Which rows are listed.", members, _ListQuery)


def _filter(operator: str, column: str, example: Any) -> fields.Field[Any]:
    if operator == "eq":
        metadata = {"description": f"Rows with this {column}", "examples": [example]}
        return Whole(1, MAX_ID, metadata=metadata)
    bound = "At this date or instant, or later" if operator == "from" else "Before this date or instant"
    return Moment(
        metadata={"description": bound, "examples": ["2021-07-01" if operator == "from" else "2022-01-01"]}
    )


_SEARCH = "Rows of which a text contains this one; upper and lower case are the same, accents are not"
_EXPAND = "`references`: each row has the rows that it refers to, by the name of the column that does"


class _ListQuery(PageQuery):
    """What every list takes."""

    before = Whole(
        1,
        MAX_ID + 1,
        metadata={"description": "The rows next below this id, in place of `after`", "examples": [10]},
    )
    total = flag(
        load_default=False,
        metadata={"description": "Say in `total` how many rows there are on all pages", "examples": [True]},
    )


def list_page(table: Table) -> type[marshmallow.Schema]:
    """The schema of a page of the list."""
    name = resource(table).title()
    row = schema(table, id_required=True)
    if references(table):
        of = {
            column: fields.Nested(schema(parent, id_required=True))
            for column, parent in references(table).items()
        }
        referred = made(f"{name}References", "The rows that a row refers to, by column.", of, Query)
        members = {**row.fields, "references": fields.Nested(referred)}
        row = made(f"{name}Listed", "A row; with `expand`, also those that it refers to.", members, Query)()
    total = number("With `total=true`: how many rows there are on all pages", 12, required=False)
    page = page_of(row, "Rows by id", total=total)
    return made(f"{name}Page", f"A page of {resource(table)}.", page, Query)


def first_row(table: Table) -> dict[str, Any]:
    """The first row of the sample data."""
    return {name: kind.sample() for name, kind in kinds(table).items()}


def csv_example(table: Table) -> str:
    """The beginning of a list in CSV; `…` stands for its other lines."""
    row = first_row(table)
    return f"{','.join(row)}\r\n{','.join(map(str, row.values()))}\r\n…"


def ndjson_example(table: Table) -> str:
    """The beginning of a list in NDJSON; `…` stands for its other lines."""
    return f"{json.dumps(first_row(table))}\n…"
