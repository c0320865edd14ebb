"""Many valid rows into tables, each database by its fastest way; and the proof that they arrived."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.exc import IntegrityError

from hiring_api.model.columns import MAX_ID
from hiring_api.model.tables import kinds

from .dialects import dialect_of
from .dialects.dialect import NULL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Table

    from hiring_api.model.checksum import Checksum
    from hiring_api.model.row_lines import RowLines, Values

    from .dialects.dialect import Where

__all__ = ["NULL", "checksum", "insert_all", "insert_generated", "insert_lines", "load", "overwrite"]


def load(connection: Connection, rows: RowLines, into: Table | None = None) -> None:
    """Insert rows into their table, or `into`, within the caller's transaction: exactly all, or none.

    Raises:
        IntegrityError: an id is taken or stands twice, or a reference is unknown; no row went in.
    """
    if rows:
        dialect_of(connection).load(connection, rows.table if into is None else into, rows)


def insert_all(connection: Connection, table: Table, rows: Sequence[Values]) -> None:
    """Insert valid rows by INSERT; after an error some may be in, so that the caller needs a savepoint.

    Raises:
        IntegrityError: as `load` does.
    """
    dialect_of(connection).insert(connection, table, list(kinds(table)), rows)


def insert_lines(connection: Connection, table: Table, columns: Sequence[str], lines: bytes) -> None:
    """Insert values of `columns` from UTF-8 lines: tabs between values, a line feed after each row.

    A value that is `NULL` alone becomes NULL; there are no escapes, and no other control characters.
    """
    dialect_of(connection).insert_lines(connection, table, columns, lines)


def insert_generated(
    connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Values]
) -> list[int]:
    """Insert valid values of `columns`, which `id` is not among. Return the rows' new ids in their order.

    Raises:
        IntegrityError: as `load` does, or no id is left to give; some rows may be in.
    """
    ids = dialect_of(connection).insert_generated(connection, table, columns, rows)
    if ids[-1] > MAX_ID:
        raise IntegrityError("no id left", None, ValueError())
    return ids


def overwrite(connection: Connection, table: Table, rows: Sequence[Values]) -> None:
    """Write valid rows over those that have their ids; those that have none are inserted."""
    dialect_of(connection).overwrite(connection, table, rows)


def checksum(connection: Connection, table: Table, where: Where | None = None) -> Checksum:
    """The checksum of the stored rows (that fulfil `where`): equal to that of the same `RowLines`."""
    return dialect_of(connection).checksum(connection, table, where)
