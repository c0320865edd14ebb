"""The errors of a row that only other rows can cause: one text for each, whichever way the row came in.

A table is named as in HTTP for the rows of a request, and as in SQL for those of a file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from .row_errors import RowError
from .tables import resource

if TYPE_CHECKING:
    from sqlalchemy import Table

Source = Literal["request", "file"]  # where rows come from


def unknown_reference(column: str, value: int, parent: Table) -> RowError:
    """A row refers to a row that does not exist."""
    return RowError(column, "unknown_reference", f"{column} {value} is not in {parent.name}")


def duplicate_id(row_id: int, source: Source) -> RowError:
    """An earlier row of the same request or file has the id."""
    return RowError("id", "duplicate_id", f"id {row_id} stands in this {source} before")


def already_exists(row_id: int, table: Table, source: Source) -> RowError:
    """The table has a row of other content under the id."""
    return RowError("id", "already_exists", f"id {row_id} is already in {_name(table, source)}")


def being_written(row_id: int, table: Table, source: Source) -> RowError:
    """Others wrote the same row, or deleted what it refers to, each time it was tried."""
    message = f"id {row_id} is being written into {_name(table, source)} by others"
    return RowError("id", "already_exists", message)


def other_id(row_id: int) -> RowError:
    """A change of a row brings another id than the row has."""
    return RowError("id", "read_only", f"id is {row_id} by the address and cannot be changed")


def _name(table: Table, source: Source) -> str:
    return resource(table) if source == "request" else table.name
