"""LOAD DATA LOCAL, the fastest way in for valid rows, and INSERT where a server does not take it.

`LOAD DATA LOCAL` turns what is wrong into warnings and drops it. So it is fed only valid rows, must warn of
nothing and take every row; else it is undone and an INSERT says what is wrong. Source: MySQL manual,
"LOAD DATA Statement", on LOCAL and IGNORE.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

from sqlalchemy.exc import DBAPIError

from hiring_api.database.dialects.dialect import NULL
from hiring_api.model.tables import kinds

from .error_numbers import number_of
from .inserts import insert_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy import Connection, CursorResult, Engine, Table

    from hiring_api.model.row_lines import RowLines

# LOCAL is forbidden: by MySQL up to 5.7, by MySQL 8 and newer, by MariaDB; or the statement is unsupported
_FORBIDDEN: Final = {1148, 3948, 4166, 1235}
# Of one of many INSERTs: MySQL takes the same rows a quarter faster than in statements of a million bytes
_QUICK_BYTES: Final = 64_000
_FEW_BYTES: Final = 32_000  # of lines that one INSERT takes sooner than LOAD DATA between its savepoints
_without_local: WeakSet[Engine] = WeakSet()


class _Inexact(Exception):
    """LOAD DATA did not take every row as it is."""


def load(connection: Connection, table: Table, rows: RowLines) -> None:
    """As `Dialect.load`."""
    columns = list(kinds(table))
    if not _load_local(connection, table, columns, rows.data, len(rows)):
        with connection.begin_nested():
            insert_lines(connection, table, columns, rows.data, _QUICK_BYTES)


def load_lines(connection: Connection, table: Table, columns: Sequence[str], lines: bytes) -> None:
    """As `Dialect.insert_lines`."""
    few = len(lines) < _FEW_BYTES
    if few or not _load_local(connection, table, columns, lines, lines.count(b"\n")):
        insert_lines(connection, table, columns, lines)


def _load_local(
    connection: Connection, table: Table, columns: Iterable[str], lines: bytes, count: int
) -> bool:
    """True if the server took `count` lines as rows of `table`; if not, it took none."""
    if connection.engine in _without_local:
        return False
    escaped = lines.replace(b"\\", rb"\\").replace(NULL.encode(), rb"\N")
    try:
        with connection.begin_nested(), _file(escaped) as path:
            _require_all(connection.exec_driver_sql(_statement(table, columns, path)), count)
    except _Inexact:
        return False
    except DBAPIError as error:
        if number_of(error.orig) not in _FORBIDDEN:
            raise
        _without_local.add(connection.engine)
        return False
    return True


def _require_all(done: CursorResult[Any], rows: int) -> None:
    if done.rowcount != rows or done.context.cursor.warning_count:
        raise _Inexact


def _statement(table: Table, columns: Iterable[str], path: str) -> str:
    into = ", ".join(f"`{name}`" for name in columns)
    return (
        f"LOAD DATA LOCAL INFILE '{path}' INTO TABLE `{table.name}` CHARACTER SET utf8mb4 "
        rf"FIELDS TERMINATED BY '\t' ESCAPED BY '\\' LINES TERMINATED BY '\n' ({into})"
    )


@contextmanager
def _file(content: bytes) -> Iterator[str]:
    """The path of a file that holds `content`, in memory where the system can."""
    if hasattr(os, "memfd_create"):
        with open(os.memfd_create("rows"), "wb", buffering=0) as file:  # noqa: PTH123  # a descriptor
            _write_all(file.fileno(), content)
            yield f"/proc/self/fd/{file.fileno()}"
    else:
        with tempfile.NamedTemporaryFile() as named:
            named.write(content)
            named.flush()
            yield named.name


def _write_all(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
