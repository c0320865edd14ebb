"""Locks on the rows that new rows refer to."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

from .dialects import dialect_of

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from sqlalchemy import Connection, Table

    from hiring_api.model.row_lines import RowLines


def references_held(connection: Connection, rows: RowLines, into: Table) -> AbstractContextManager[bool]:
    """Within the block, for loading `rows` into the table `into`, the server need not look up what each of
    them refers to, as it is proven and locked here.

    Gives True where that is so, and the rows alone are left to be locked.
    """
    if not into.foreign_keys or not rows:
        return nullcontext(True)
    return dialect_of(connection).references_held(connection, rows)
