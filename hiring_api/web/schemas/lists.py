"""The filters and the pages of a table's list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from marshmallow import fields, validate

from hiring_api.model.columns import MAX_ID
from hiring_api.model.tables import references, resource
from hiring_api.model.validation import schema
from hiring_api.queries.lists import filter_names, searched

from .parameters import Moment, PageQuery, Query, Whole, choice, flag

if TYPE_CHECKING:
    from collections.abc import Callable

    import marshmallow
    from sqlalchemy import Table


def list_query(table: Table) -> type[PageQuery]:
    """The schema of the list's query parameters: which page, which rows, and with what."""
    made: dict[str, Callable[[], fields.Field[Any]]] = {
        "eq": lambda: Whole(1, MAX_ID),
        "from": lambda: Moment(metadata={"description": "at this instant or later"}),
        "until": lambda: Moment(metadata={"description": "before this instant"}),
    }
    members: dict[str, fields.Field[Any]] = {
        name: made[operator]() for name, (_, operator) in filter_names(table).items()
    }
    if searched(table):
        members["search"] = fields.String(validate=validate.Length(1, 255), metadata={"description": _SEARCH})
    if references(table):
        members["expand"] = choice(("references",), metadata={"description": _EXPAND})
    return type(f"{table.name}Query", (_ListQuery,), members)


_SEARCH = "Rows of which a text contains this one; upper and lower case are the same, accents are not"
_EXPAND = "`references`: each row has the rows that it refers to, by the name of the column that does"


class _ListQuery(PageQuery):
    """What every list takes."""

    before = Whole(
        1, MAX_ID + 1, metadata={"description": "The rows next below this id, in place of `after`"}
    )
    total = flag(
        load_default=False, metadata={"description": "Say in `total` how many rows there are on all pages"}
    )


def list_page(table: Table) -> type[marshmallow.Schema]:
    """The schema of a page of the list."""
    name = resource(table).title()
    row = schema(table, id_required=True)
    if references(table):
        of: dict[str, fields.Field[Any]] = {
            column: fields.Nested(schema(parent, id_required=True))
            for column, parent in references(table).items()
        }
        referred = fields.Nested(Query.from_dict(of, name=f"{name}References"))
        members = {**row.fields, "references": referred}
        row = Query.from_dict(members, name=f"{name}Listed")()
    return Query.from_dict(
        {
            "items": fields.List(fields.Nested(row), required=True),
            "next": fields.String(required=True, allow_none=True),
            "total": fields.Integer(metadata={"description": "With `total=true`"}),
        },
        name=f"{name}Page",
    )
