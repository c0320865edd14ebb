"""What a change of a row takes, and how a row is deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hiring_api.model.tables import kinds
from hiring_api.web.media_types import JSON, MERGE_PATCH

from .answers import made
from .parameters import Query, flag

if TYPE_CHECKING:
    from sqlalchemy import Table


class DeleteQuery(Query):
    """What else goes with the row."""

    rejects = flag(
        load_default=False,
        metadata={
            "description": "Delete the rejects of this id as well, and those that the row resolved",
            "examples": [True],
        },
    )


def changes_body(table: Table) -> dict[str, Any]:
    """The request body of a change: any columns of the row."""
    title = f"{table.name.title().replace('_', '')}Changes"
    members = {name: kind.field(required=False) for name, kind in kinds(table).items()}
    columns = made(title, "The columns of a row to change; the others stay.", members, Query)
    name, kind = next((name, kind) for name, kind in kinds(table).items() if name != "id")
    described = {"schema": columns, "example": {name: kind.sample()}}
    return {"required": True, "content": dict.fromkeys((JSON, MERGE_PATCH), described)}
