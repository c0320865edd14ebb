"""The counters of the ids that the server gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, Table

_LOCK_SECONDS: Final = 5  # that the counter waits for transactions which use the table

# MySQL keeps old figures for a day unless told otherwise; MariaDB skips the comment
_NO_OLD_FIGURES: Final = "SET SESSION sql_mode = @@sql_mode /*!80000 , information_schema_stats_expiry = 0 */"
_COUNTER: Final = (
    "SELECT auto_increment FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = %s"
)


def next_id(connection: Connection, table: Table) -> int:
    """As `Dialect.next_id`."""
    connection.exec_driver_sql(_NO_OLD_FIGURES)
    return int(connection.exec_driver_sql(_COUNTER, (table.name,)).scalar() or 1)


def reset_next_id(engine: Engine, table: Table) -> None:
    """As `Dialect.reset_next_id`."""
    with engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        connection.exec_driver_sql(f"SET SESSION lock_wait_timeout = {_LOCK_SECONDS}")
        try:
            # Of a lower number the server makes the highest id in the table plus one; it copies no row
            connection.exec_driver_sql(f"ALTER TABLE `{table.name}` AUTO_INCREMENT = 1")
        finally:
            if not connection.invalidated:
                connection.exec_driver_sql("SET SESSION lock_wait_timeout = DEFAULT")
