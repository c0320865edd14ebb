"""Erasing rejects for good: they hold the raw row, and the law may ask that nothing of a person is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, or_, select

from hiring_api.database.bookkeeping import rejects

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table

_TOGETHER: Final = 200  # rejects in one statement


def erase(connection: Connection, reject_id: int) -> bool:
    """Delete a reject; False if there is none."""
    return bool(connection.execute(delete(rejects).where(rejects.c.id == reject_id)).rowcount)


def erase_of(connection: Connection, table: Table, row_id: int) -> int:
    """Delete the rejects whose row had this id, and those that the row with this id resolved; their number.

    A refused row without a valid id that nobody repaired is not found so: nothing says whose it is.
    """
    column = rejects.c
    of_row = or_(column.row_id == row_id, column.resolved_by == row_id)
    # Read first, without a lock: there is no index for it, and a DELETE would lock all that it looks at
    found = connection.execute(select(column.id).where(column.table_name == table.name, of_row)).scalars()
    every = sorted(found)
    for start in range(0, len(every), _TOGETHER):
        connection.execute(delete(rejects).where(column.id.in_(every[start : start + _TOGETHER])))
    return len(every)
