"""The fast way in, per database, for rows that are validated already; and the proof that they arrived.

`LOAD DATA LOCAL` turns what is wrong into warnings and drops it. So it is fed only valid rows, must warn of
nothing and take every row; else it is undone and an INSERT says what is wrong. Source: MySQL manual,
"LOAD DATA Statement", on LOCAL and IGNORE.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from weakref import WeakSet

from sqlalchemy import String, cast, func, literal_column, select
from sqlalchemy.exc import DBAPIError

from hiring_api.model.checksum import Checksum
from hiring_api.model.columns import Id, Instant, Reference
from hiring_api.model.row_lines import line_format, to_lines
from hiring_api.model.tables import kinds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy import ColumnElement, Connection, CursorResult, Engine, Table, TextClause

    from hiring_api.model.columns import Kind
    from hiring_api.model.row_lines import RowLines, Values

# LOCAL is forbidden: by MySQL up to 5.7, by MySQL 8 and newer, by MariaDB; or the statement is unsupported
_FORBIDDEN: Final = {1148, 3948, 4166, 1235}
_STATEMENT_BYTES: Final = 1_000_000  # of an INSERT: the smallest max_allowed_packet in use is 4 MiB
# Of one of many INSERTs: MySQL takes the same rows a quarter faster than in statements of a million bytes
_QUICK_BYTES: Final = 64_000
_FETCHED: Final = 10_000  # rows
_without_local: WeakSet[Engine] = WeakSet()

Where: TypeAlias = "ColumnElement[bool] | TextClause"


class _Inexact(Exception):
    """LOAD DATA did not take every row as it is."""


def load(connection: Connection, rows: RowLines, into: Table | None = None) -> None:
    """Inserts rows into their table, or `into`, within the caller's transaction: exactly all, or none.

    Raises:
        IntegrityError: an id is taken or stands twice, or a reference is unknown; no row went in.
    """
    if not rows:
        return
    table = rows.table if into is None else into
    if load_lines(connection, table, list(kinds(table)), rows.data, len(rows)):
        return
    with connection.begin_nested():
        if connection.dialect.name == "sqlite":
            insert_all(connection, table, rows.rows)
        else:
            insert_lines(connection, table, list(kinds(table)), rows.data, _QUICK_BYTES)


def insert_all(connection: Connection, table: Table, rows: Sequence[Values]) -> None:
    """Inserts valid rows by INSERT; after an error some may be in, so that the caller needs a savepoint.

    Raises:
        IntegrityError: as `load` does.
    """
    insert_rows(connection, table, list(kinds(table)), rows)


def insert_rows(connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Values]) -> int:
    """Inserts valid values of `columns` by INSERT; the first id that the last statement generated, if any;
    nothing of use for SQLite.

    In most rows no text has a quote or backslash: then their literals need no escapes, which is quickest. As
    many quotes as were put there are proof of it.
    """  # one thought
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(*_many(table, columns, rows))
        return 0
    of = kinds(table)
    literals = ["%s" if isinstance(of[name], (Id, Reference)) else "'%s'" for name in columns]
    literal = f"({','.join(literals)})"
    text = ",".join([literal % row for row in rows])
    plain = "\\" not in text and text.count("'") == literal.count("'") * len(rows)
    if not plain or 4 * len(text) > _STATEMENT_BYTES:
        line = line_format(columns)
        return insert_lines(connection, table, columns, "".join([line % row for row in rows]).encode())
    return _execute(connection, f"{_insert_into(table, columns)} VALUES {text}")


def insert_lines(
    connection: Connection, table: Table, columns: Sequence[str], lines: bytes, most: int = _STATEMENT_BYTES
) -> int:
    """As `load_lines`, by INSERT and not for SQLite; the lines may hold no control character of their own.

    `most` bytes, a million, or less go in as one statement. The first id that the last statement generated,
    if any.
    """
    first = 0
    for statement in _statements(table, columns, lines, most):
        first = _execute(connection, statement)
    return first


def _execute(connection: Connection, statement: str) -> int:
    done = connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
    return done.lastrowid


def _insert_into(table: Table, columns: Iterable[str]) -> str:
    return f"INSERT INTO `{table.name}` ({', '.join(f'`{name}`' for name in columns)})"


def overwrite(connection: Connection, table: Table, rows: Sequence[Values]) -> None:
    """Writes valid rows over those that have their ids."""
    names = list(kinds(table))
    others = [name for name in names if name != "id"]
    if connection.dialect.name == "sqlite":
        assign = ", ".join(f'"{name}" = excluded."{name}"' for name in others)
        insert, values = _many(table, names, rows)
        connection.exec_driver_sql(f"{insert} ON CONFLICT (id) DO UPDATE SET {assign}", values)
        return
    # Spelled so that PyMySQL sends many rows in one statement; it sends those of SQLAlchemy's spelling
    # (with an alias for the new row) one by one
    into = ", ".join(f"`{name}`" for name in names)
    marks = ", ".join(["%s"] * len(names))
    assign = ", ".join(f"`{name}` = VALUES(`{name}`)" for name in others)
    text = f"INSERT INTO `{table.name}` ({into}) VALUES ({marks}) ON DUPLICATE KEY UPDATE {assign}"
    connection.exec_driver_sql(text, list(rows))


def _many(table: Table, columns: Sequence[str], rows: Sequence[Values]) -> tuple[str, list[Values]]:
    """What the driver's executemany takes; instants as SQLAlchemy stores them in SQLite."""
    of = kinds(table)
    for place, name in enumerate(columns):
        if isinstance(of[name], Instant):
            spelled = (row[place].isoformat(" ", "microseconds") for row in rows)
            rows = [(*row[:place], text, *row[place + 1 :]) for row, text in zip(rows, spelled, strict=True)]
    into = ", ".join(f'"{name}"' for name in columns)
    return f"INSERT INTO {table.name} ({into}) VALUES ({', '.join('?' for _ in columns)})", list(rows)


def load_lines(
    connection: Connection,
    table: Table,
    columns: Sequence[str],
    lines: bytes,
    count: int,
) -> bool:
    """Whether the server took `count` lines as rows of `table` by LOAD DATA LOCAL; if not, it took none.

    Tabs stand between the values of `columns`, line feeds at the ends; there are no escapes.
    """
    if connection.dialect.name == "sqlite" or connection.engine in _without_local:
        return False
    try:
        with connection.begin_nested(), _file(lines) as path:
            _demand(connection.exec_driver_sql(_load_statement(table, columns, path)), count)
    except _Inexact:
        return False
    except DBAPIError as error:
        if error.orig is None or error.orig.args[0] not in _FORBIDDEN:
            raise
        _without_local.add(connection.engine)
        return False
    return True


def _demand(done: CursorResult[Any], rows: int) -> None:
    if done.rowcount != rows or done.context.cursor.warning_count:
        raise _Inexact


def _load_statement(table: Table, columns: Iterable[str], path: str) -> str:
    into = ", ".join(f"`{name}`" for name in columns)
    return (
        f"LOAD DATA LOCAL INFILE '{path}' INTO TABLE `{table.name}` CHARACTER SET utf8mb4 "
        rf"FIELDS TERMINATED BY '\t' ESCAPED BY '' LINES TERMINATED BY '\n' ({into})"
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


def _statements(table: Table, columns: Sequence[str], lines: bytes, most: int) -> Iterator[str]:
    """INSERT statements of about `most` bytes, made of the canonical form as a whole.

    The sessions of `database.open_engine` take a backslash as an escape, and valid text has no control
    character: so two replacements make literals of all values, and two more put the rows apart. A number
    in quotes is read as that number.
    """
    into = _insert_into(table, columns)
    start = 0
    while start < len(lines):
        end = lines.find(b"\n", start + most) + 1 or len(lines)
        text = lines[start : end - 1].decode().replace("\\", "\\\\").replace("'", "''")
        values = text.replace("\t", "','").replace("\n", "'),('")
        yield f"{into} VALUES ('{values}')"
        start = end


def checksum(connection: Connection, table: Table, where: Where | None = None) -> Checksum:
    """Of the stored rows (those that fulfil `where`), by the server; by this process for SQLite."""
    if connection.dialect.name == "sqlite":
        query = select(table) if where is None else select(table).where(where)
        parts = connection.execute(query).partitions(_FETCHED)
        return sum((to_lines(table, [tuple(row) for row in part]).checksum for part in parts), Checksum())
    crc = func.crc32(_stored_line(table))
    totals = select(func.count(), func.coalesce(func.sum(crc * table.c.id), 0))
    rows, total = connection.execute(totals if where is None else totals.where(where)).one()
    return Checksum(rows, int(total))


def digest(connection: Connection, table: Table, where: Where) -> str | None:
    """The SHA-256 (hexadecimal) of the lines of the stored rows that fulfil `where`, by id; not for SQLite.

    None where there are none. Of more lines than the sessions of `database.open_engine` put together, the
    digest is another one.
    """
    line = _stored_line(table).compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True})
    together: ColumnElement[str] = literal_column(
        f"GROUP_CONCAT({line} ORDER BY {table.name}.id SEPARATOR '')"
    )
    told: str | None = connection.execute(
        select(func.sha2(together, 256)).select_from(table).where(where)
    ).scalar_one()
    return told


def _stored_line(table: Table) -> ColumnElement[str]:
    """The canonical form of a stored row, by the server."""
    columns = [_stored_text(table.c[name], kind) for name, kind in kinds(table).items()]
    return func.concat(func.concat_ws("\t", *columns), "\n")


def _stored_text(column: ColumnElement[Any], kind: Kind) -> ColumnElement[Any]:
    """What `str` says of the value in Python: that of a datetime leaves out a fraction of zero."""
    return func.replace(cast(column, String(26)), ".000000", "") if isinstance(kind, Instant) else column
