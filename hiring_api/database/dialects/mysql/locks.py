"""Named locks of the server, and tables locked against writers."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection, Engine, Table


@contextmanager
def named_lock(engine: Engine, name: str, wait: int) -> Iterator[bool]:
    """As `Dialect.named_lock`, by GET_LOCK, which the server keeps with a connection of its own."""
    # The names of GET_LOCK belong to the whole server and have at most 64 characters
    digest = hashlib.sha256(f"{engine.url.database}/{name}".encode()).hexdigest()[:48]
    with engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        held = connection.exec_driver_sql("SELECT GET_LOCK(%s, %s)", (digest, wait)).scalar() == 1
        try:
            yield held
        finally:
            if held:
                _release(connection, digest)


def _release(connection: Connection, digest: str) -> None:
    try:
        connection.exec_driver_sql("SELECT RELEASE_LOCK(%s)", (digest,))
    except DBAPIError:  # the lock ends with its connection; what was done under it stays done
        connection.invalidate()


def lock_tables(connection: Connection, tables: Sequence[Table]) -> list[int]:
    """As `Dialect.lock_tables`.

    LOCK TABLES would end the transaction. Locking every row and the gaps between them takes InnoDB's
    REPEATABLE READ, for this transaction alone.
    """
    connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    counts = [select(func.count()).select_from(table).with_for_update() for table in tables]
    return [connection.execute(count).scalar_one() for count in counts]
