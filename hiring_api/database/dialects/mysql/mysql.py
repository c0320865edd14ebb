"""The dialect of MySQL and MariaDB; what takes more than a few lines is in the modules beside this one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

import pymysql
from sqlalchemy import LargeBinary, String, cast, collate, literal_column, text

from hiring_api.database.dialects.dialect import Address, Dialect, JsonObjects
from hiring_api.database_url import servers_of
from hiring_api.model.columns import Instant
from hiring_api.model.tables import kinds

from . import (
    checksums,
    error_numbers,
    inserts,
    limits,
    load_data,
    locks,
    next_ids,
    parent_locks,
    positions,
    servers,
    sessions,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from sqlalchemy import ColumnElement, Connection, Engine, Table
    from sqlalchemy.engine import URL

    from hiring_api.database.dialects.dialect import TransactionLimit, Where
    from hiring_api.errors import HiringError
    from hiring_api.model.checksum import Checksum
    from hiring_api.model.row_lines import RowLines, Values

_EXACT: Final = "utf8mb4_bin"


class MySQL(Dialect):
    """MySQL and MariaDB, alone or in a cluster."""

    hasty_arguments: ClassVar = {"connect_timeout": 1, "read_timeout": 1, "write_timeout": 1}
    driver_error = pymysql.Error

    def engine_options(self, url: URL) -> dict[str, Any]:
        return sessions.engine_options(url)

    def reading_options(self, url: URL, wanted: Callable[[], str | None]) -> dict[str, Any]:
        return sessions.reading_options(url, wanted)

    def position(self, connection: Connection) -> str | None:
        self.catch_up(connection)
        return positions.position(sessions.session(connection))

    def catch_up(self, connection: Connection) -> None:
        positions.catch_up(sessions.session(connection))

    def prepare(self, engine: Engine) -> None:
        sessions.prepare(engine)

    def address(self, connection: Connection) -> Address:
        url, dialect = connection.engine.url, connection.dialect
        kind = "mariadb" if getattr(dialect, "is_mariadb", False) else dialect.name
        host = ",".join(map(str, servers_of(url))) or url.host
        return Address(kind, host, url.database or "")

    def require_writable(self, connection: Connection) -> None:
        # Refused where the server or the account may only read. Source: MySQL manual, "START TRANSACTION"
        connection.exec_driver_sql("START TRANSACTION READ WRITE")
        servers.require_member(sessions.session(connection))

    def answered_soon(self, connection: Connection) -> AbstractContextManager[None]:
        return sessions.answered_soon(connection)

    def meaning(
        self, engine: Engine, error: BaseException | None, *, lost: bool, committing: bool
    ) -> HiringError | None:
        return error_numbers.meaning(engine, error, lost=lost, committing=committing)

    def load(self, connection: Connection, table: Table, rows: RowLines) -> None:
        load_data.load(connection, table, rows)

    def insert(
        self, connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Values]
    ) -> None:
        inserts.insert(connection, table, columns, rows)

    def insert_lines(
        self, connection: Connection, table: Table, columns: Sequence[str], lines: bytes
    ) -> None:
        load_data.load_lines(connection, table, columns, lines)

    def insert_generated(
        self, connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Values]
    ) -> list[int]:
        return inserts.insert_generated(connection, table, columns, rows)

    def overwrite(self, connection: Connection, table: Table, rows: Sequence[Values]) -> None:
        inserts.overwrite(connection, table, rows)

    def checksum(self, connection: Connection, table: Table, where: Where | None) -> Checksum:
        return checksums.checksum(connection, table, where)

    def digest(self, connection: Connection, table: Table, where: Where) -> str | None:
        return checksums.digest(connection, table, where)

    def references_held(self, connection: Connection, rows: RowLines) -> AbstractContextManager[bool]:
        return parent_locks.references_held(connection, rows)

    def lock_tables(self, connection: Connection, tables: Sequence[Table]) -> list[int]:
        return locks.lock_tables(connection, tables)

    def transaction_limits(self, connection: Connection) -> list[TransactionLimit]:
        return limits.transaction_limits(connection)

    def drop_temporary(self, connection: Connection, name: str) -> None:
        # Without TEMPORARY it would end the transaction
        connection.exec_driver_sql(f"DROP TEMPORARY TABLE IF EXISTS {name}")

    def exact(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        # The collations take no notice of trailing blanks
        return cast(column, LargeBinary) if isinstance(column.type, String) else column

    def json_objects(self, column: ColumnElement[str], *members: str) -> JsonObjects:
        wanted = ", ".join(f"`{name}` VARCHAR(255) PATH '$.{name}'" for name in members)
        source = text(f"JSON_TABLE({column}, '$[*]' COLUMNS ({wanted})) AS objects")
        # The columns have the connection's collation, to which upper and lower case are the same
        columns = {name: collate(literal_column(f"objects.`{name}`", String), _EXACT) for name in members}
        return JsonObjects(source, dict(columns))

    def packed_rows(self, connection: Connection, table: Table, first: int, last: int) -> tuple[int, bytes]:
        texts = [
            f"TIMESTAMPDIFF(MICROSECOND, '1970-01-01', `{name}`)"
            if isinstance(kind, Instant)
            else f"`{name}`"
            for name, kind in kinds(table).items()
        ]
        row = f"CAST(CONCAT_WS(0x1f, {', '.join(texts)}, '') AS BINARY)"
        # The rows come in the order of the index; saying ORDER BY would cost a temporary table
        query = (
            f"SELECT COUNT(*), GROUP_CONCAT({row} SEPARATOR '') FROM `{table.name}` FORCE INDEX (PRIMARY) "
            "WHERE id BETWEEN %s AND %s"
        )
        rows, packed = connection.exec_driver_sql(query, (first, last)).one()
        return rows, packed or b""

    def next_id(self, connection: Connection, table: Table) -> int:
        return next_ids.next_id(connection, table)

    def reset_next_id(self, engine: Engine, table: Table) -> None:
        next_ids.reset_next_id(engine, table)

    def computed_quarter(self, instant: str) -> str:
        return f"INT GENERATED ALWAYS AS (YEAR(`{instant}`) * 10 + QUARTER(`{instant}`)) VIRTUAL INVISIBLE"

    def create_view(self, connection: Connection, name: str, query: str) -> None:
        # As its maker, the default, it would need an account that may be gone by then
        connection.execute(text(f"CREATE OR REPLACE SQL SECURITY INVOKER VIEW {name} AS {query}"))
