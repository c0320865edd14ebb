"""Tables locked against writers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Table


def lock_tables(connection: Connection, tables: Sequence[Table]) -> list[int]:
    """As `Dialect.lock_tables`.

    LOCK TABLES would end the transaction. Locking every row and the gaps between them takes InnoDB's
    REPEATABLE READ, for this transaction alone.
    """
    connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    counts = [select(func.count()).select_from(table).with_for_update() for table in tables]
    return [connection.execute(count).scalar_one() for count in counts]
