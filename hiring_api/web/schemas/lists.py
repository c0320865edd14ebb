"""The filters and the pages of a table's list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from marshmallow import fields

from hiring_api.model.columns import MAX_ID
from hiring_api.model.tables import resource
from hiring_api.model.validation import schema
from hiring_api.queries.lists import filter_names

from .parameters import Moment, PageQuery, Query, Whole

if TYPE_CHECKING:
    from collections.abc import Callable

    import marshmallow
    from sqlalchemy import Table


def list_query(table: Table) -> type[PageQuery]:
    """The schema of the list's query parameters: where a page starts, and the filters that the table has."""
    made: dict[str, Callable[[], fields.Field[Any]]] = {
        "eq": lambda: Whole(1, MAX_ID),
        "from": lambda: Moment(metadata={"description": "at this instant or later"}),
        "until": lambda: Moment(metadata={"description": "before this instant"}),
    }
    members = {name: made[operator]() for name, (_, operator) in filter_names(table).items()}
    return type(f"{table.name}Query", (PageQuery,), members)


def list_page(table: Table) -> type[marshmallow.Schema]:
    """The schema of a page of the list."""
    row = schema(table, id_required=True)
    return Query.from_dict(
        {
            "items": fields.List(fields.Nested(row), required=True),
            "next": fields.String(required=True, allow_none=True),
        },
        name=f"{resource(table).title()}Page",
    )
