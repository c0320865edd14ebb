"""SQLite: a file, one writer at a time, and no server to wait for."""

from __future__ import annotations

import os
import sqlite3
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import event, func, select

from hiring_api.errors import DatabaseUnavailable
from hiring_api.model.columns import Instant
from hiring_api.model.tables import kinds

from . import failures
from .dialect import NULL, Address, Dialect, JsonObjects

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from sqlalchemy import ColumnElement, Connection, Engine, Table
    from sqlalchemy.engine import URL

    from hiring_api.errors import HiringError
    from hiring_api.model.row_lines import RowLines, Values


class SQLite(Dialect):
    """SQLite behaves as a server does: references hold, and transactions begin when they are said to."""

    has_server = False
    writers = 1
    hasty_arguments: ClassVar = {"timeout": 0.2}
    snapshot_options: ClassVar = {"read_only": True}  # for `_begin`
    driver_error = sqlite3.Error

    def engine_options(self, url: URL) -> dict[str, Any]:
        # isolation_level None: BEGIN is said by `_begin`, not guessed by the driver
        return {"connect_args": {"timeout": 30, "isolation_level": None}, "max_overflow": -1}

    def prepare(self, engine: Engine) -> None:
        if not event.contains(engine, "begin", _begin):
            event.listen(engine, "do_connect", _make_private)
            event.listen(engine, "connect", _set_pragmas)
            event.listen(engine, "begin", _begin)

    def may_exist(self, url: URL) -> bool:
        return Path(url.database or "").exists()

    def address(self, connection: Connection) -> Address:
        # The folder of a file says nothing to other machines
        return Address("sqlite", None, Path(connection.engine.url.database or "").name)

    def meaning(
        self, engine: Engine, error: BaseException | None, *, lost: bool, committing: bool
    ) -> HiringError | None:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the rest says more of the same
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return failures.busy()
        if code == sqlite3.SQLITE_FULL:
            return failures.full()
        if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY):
            return DatabaseUnavailable("the database file cannot be opened or written")
        if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
            return DatabaseUnavailable("the database file is damaged, or none of SQLite's")
        return failures.no_schema() if str(error).startswith("no such table") else None

    def load(self, connection: Connection, table: Table, rows: RowLines) -> None:
        with connection.begin_nested():
            self.insert(connection, table, list(kinds(table)), rows.rows)

    def insert(
        self, connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Values]
    ) -> None:
        connection.exec_driver_sql(_insert_into(table, columns), _stored(table, columns, rows))

    def insert_lines(
        self, connection: Connection, table: Table, columns: Sequence[str], lines: bytes
    ) -> None:
        rows = [line.split("\t") for line in lines.decode().split("\n")[:-1]]
        values = [tuple([None if value == NULL else value for value in row]) for row in rows]
        connection.exec_driver_sql(_insert_into(table, columns), values)

    def insert_generated(
        self, connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Values]
    ) -> list[int]:
        self.insert(connection, table, columns, rows)
        # There is one writer at a time: nobody else got an id in between
        last = connection.exec_driver_sql("SELECT last_insert_rowid()").scalar_one()
        return list(range(last - len(rows) + 1, last + 1))

    def overwrite(self, connection: Connection, table: Table, rows: Sequence[Values]) -> None:
        columns = list(kinds(table))
        assign = ", ".join(f'"{name}" = excluded."{name}"' for name in columns if name != "id")
        upsert = f"{_insert_into(table, columns)} ON CONFLICT (id) DO UPDATE SET {assign}"
        connection.exec_driver_sql(upsert, _stored(table, columns, rows))

    def references_held(self, connection: Connection, rows: RowLines) -> AbstractContextManager[bool]:
        return nullcontext(True)  # the one writer is this one

    def lock_tables(self, connection: Connection, tables: Sequence[Table]) -> list[int]:
        counts = [select(func.count()).select_from(table) for table in tables]  # the transaction is the lock
        return [connection.execute(count).scalar_one() for count in counts]

    def drop_temporary(self, connection: Connection, name: str) -> None:
        connection.exec_driver_sql(f"DROP TABLE IF EXISTS temp.{name}")

    def json_objects(self, column: ColumnElement[str], *members: str) -> JsonObjects:
        each = func.json_each(column).table_valued("value", name="objects", joins_implicitly=True)
        found = {name: func.json_extract(each.c.value, f"$.{name}") for name in members}
        return JsonObjects(each, dict(found))

    def packed_rows(self, connection: Connection, table: Table, first: int, last: int) -> tuple[int, bytes]:
        texts = [
            _microseconds(f'"{name}"') if isinstance(kind, Instant) else f'"{name}"'
            for name, kind in kinds(table).items()
        ]
        row = " || x'1f' || ".join(f"CAST({text} AS TEXT)" for text in texts)
        query = (
            f"SELECT count(*), CAST(group_concat({row} || x'1f', '') AS BLOB) "
            f'FROM "{table.name}" WHERE id BETWEEN ? AND ?'
        )
        rows, packed = connection.exec_driver_sql(query, (first, last)).one()
        return rows, packed or b""

    def next_id(self, connection: Connection, table: Table) -> int:
        query = "SELECT seq FROM sqlite_sequence WHERE name = ?"
        return int(connection.exec_driver_sql(query, (table.name,)).scalar() or 0) + 1

    def reset_next_id(self, engine: Engine, table: Table) -> None:
        highest = f"(SELECT coalesce(max(id), 0) FROM {table.name})"
        with engine.begin() as connection:
            connection.exec_driver_sql(
                f"UPDATE sqlite_sequence SET seq = {highest} WHERE name = ?", (table.name,)
            )

    def computed_quarter(self, instant: str) -> str:
        # The text's own digits: strftime rounds a fraction to milliseconds, and so into the next quarter
        year, month = f'substr("{instant}", 1, 4)', f'substr("{instant}", 6, 2)'
        return f"INTEGER GENERATED ALWAYS AS ({year} * 10 + ({month} + 2) / 3) VIRTUAL"


def _microseconds(column: str) -> str:
    """SQL for the microseconds since 1970 of an instant, stored as text: 2021-07-27 16:02:08.000000."""
    fraction = f"CAST(substr({column} || '000000', 21, 6) AS INTEGER)"
    # strftime rounds a fraction to milliseconds, and so to the next second
    second = f"CAST(strftime('%s', substr({column}, 1, 19)) AS INTEGER)"
    return f"({second} * 1000000 + {fraction})"


def _insert_into(table: Table, columns: Sequence[str]) -> str:
    into = ", ".join(f'"{name}"' for name in columns)
    return f"INSERT INTO {table.name} ({into}) VALUES ({', '.join('?' for _ in columns)})"


def _stored(table: Table, columns: Sequence[str], rows: Sequence[Values]) -> list[Values]:
    """Rows as the driver's executemany takes them: instants as the text that SQLAlchemy stores."""
    of = kinds(table)
    for index, name in enumerate(columns):
        if isinstance(of[name], Instant):
            texts = [row[index].isoformat(" ", "microseconds") for row in rows]
            rows = [(*row[:index], text, *row[index + 1 :]) for row, text in zip(rows, texts, strict=True)]
    return list(rows)


def _make_private(_dialect: Any, _record: Any, arguments: list[str], _named: Any) -> None:
    """Make the file of a new database for its owner alone; SQLite would make it for all to read.

    A file that is there is never opened: closing it would free the locks that this process holds on it.
    """
    if not arguments[0].startswith((":", "file:")):
        with suppress(OSError):
            os.close(os.open(arguments[0], os.O_CREAT | os.O_EXCL, 0o600))


def _set_pragmas(connection: sqlite3.Connection, _record: Any) -> None:
    for pragma in ("foreign_keys=ON", "journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")
    # SQLite's own knows the letters of ASCII alone; servers know those of Unicode
    connection.create_function("lower", 1, _lower, deterministic=True)


def _lower(text: str | None) -> str | None:
    # The capital of Turkish i is i to servers as well; Python would keep its dot as a letter of its own
    return None if text is None else text.replace("İ", "i").lower()


def _begin(connection: Connection) -> None:
    # A writer takes the lock at once: upgrading a read lock later fails without waiting
    read_only = connection.get_execution_options().get("read_only")
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")
