"""The ids that a database gives: it counts on from the highest that ever was, and stops at the last one.

A single row with that id, once, and none is given again, not even when the row is gone. So the counter is set
back then; else it stays where it is, so that the id of a row that was deleted is not given to another one.
"""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from hiring_api.errors import HiringError
from hiring_api.model.columns import MAX_ID
from hiring_api.model.tables import resource

from .driver_errors import translated
from .transactions import snapshot, transaction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Engine, Table

log = logging.getLogger(__name__)

_FEW: Final = 1_000_000  # ids left to give
_LOCK_SECONDS: Final = 5  # that the counter waits for transactions which use the table

# MySQL keeps old figures for a day unless told otherwise; MariaDB skips the comment
_NO_OLD_FIGURES: Final = "SET SESSION sql_mode = @@sql_mode /*!80000 , information_schema_stats_expiry = 0 */"
_COUNTER: Final = (
    "SELECT auto_increment FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = %s"
)


@dataclass(frozen=True, slots=True)
class Reset:
    """The next id of a table, before and after its counter was set back."""

    table: str
    before: int
    after: int

    def to_json(self) -> dict[str, Any]:
        """As users see it."""
        return asdict(self)


def replenish(engine: Engine, tables: Sequence[Table]) -> None:
    """Sets the counters back that have few ids left, where that gains some. It only ever helps: what fails is
    logged, such as a right that is missing.
    """
    for table in tables:
        try:
            with snapshot(engine) as connection:
                left = MAX_ID - _next(connection, table)
                possible = MAX_ID - _highest(connection, table)
            if left < min(_FEW, possible - 1):
                reset(engine, table)
        except (HiringError, DBAPIError) as error:
            log.warning(
                "%s has few ids left to give: run python -m hiring_api reset-ids (%s)", table.name, error
            )


def reset(engine: Engine, table: Table) -> Reset:
    """Makes the ids of a table go on after the highest that is in it.

    Raises:
        DatabaseUnavailable: it cannot be reached, or others use the table without end.
    """
    if engine.dialect.name == "sqlite":
        return transaction(engine, lambda connection: _reset_sqlite(connection, table))
    with translated(engine), engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        before = _next(connection, table)
        connection.exec_driver_sql(f"SET SESSION lock_wait_timeout = {_LOCK_SECONDS}")
        try:
            # Of a lower number the server makes the highest id in the table plus one; it copies no row
            connection.exec_driver_sql(f"ALTER TABLE `{table.name}` AUTO_INCREMENT = 1")
        finally:
            connection.exec_driver_sql("SET SESSION lock_wait_timeout = DEFAULT")
        return Reset(resource(table), before, _next(connection, table))


def _reset_sqlite(connection: Connection, table: Table) -> Reset:
    before = _next(connection, table)
    connection.exec_driver_sql(
        "UPDATE sqlite_sequence SET seq = ? WHERE name = ?", (_highest(connection, table), table.name)
    )
    return Reset(resource(table), before, _next(connection, table))


def _next(connection: Connection, table: Table) -> int:
    """The id that the database would give next."""
    if connection.dialect.name == "sqlite":
        query = "SELECT seq FROM sqlite_sequence WHERE name = ?"
        return int(connection.exec_driver_sql(query, (table.name,)).scalar() or 0) + 1
    connection.exec_driver_sql(_NO_OLD_FIGURES)
    return int(connection.exec_driver_sql(_COUNTER, (table.name,)).scalar() or 1)


def _highest(connection: Connection, table: Table) -> int:
    """The highest id in the table; 0 in an empty one."""
    return connection.execute(select(func.max(table.c.id))).scalar() or 0
