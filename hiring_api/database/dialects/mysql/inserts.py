"""INSERT statements for many valid rows: PyMySQL escapes each value by itself, which takes longest of all."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from sqlalchemy.exc import IntegrityError, InternalError, OperationalError

from hiring_api.database.dialects.dialect import NULL
from hiring_api.database.dialects.failures import busy
from hiring_api.model.columns import Id, Reference
from hiring_api.model.row_lines import line_format
from hiring_api.model.tables import kinds

from .error_numbers import number_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy import Connection, Table

    from hiring_api.model.row_lines import Values

_STATEMENT_BYTES: Final = 1_000_000  # of an INSERT: the smallest max_allowed_packet in use is 4 MiB
_SURELY_ONE_STATEMENT: Final = 900_000  # bytes, as they are counted below
_STEP: Final = "SELECT @@auto_increment_increment"
_NO_ID_LEFT: Final = {167, 1467}  # MariaDB says "out of range", MySQL "cannot read"


def insert(connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Values]) -> int:
    """As `Dialect.insert`; returns the first id that the last statement generated, if any.

    In most rows no text has a quote or backslash: then their literals need no escapes, which is quickest. As
    many quotes as were put there are proof of it.
    """
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
    """As `Dialect.insert_lines`, at most about `most` bytes of the lines in a statement.

    Returns the first id that the last statement generated, if any.

    The sessions take a backslash as an escape, and valid text has no control character. So two replacements
    make literals of all values, and two more put the rows apart. A number in quotes is read as that number.
    """
    first = start = 0
    while start < len(lines):
        end = lines.find(b"\n", start + most) + 1 or len(lines)
        text = lines[start : end - 1].decode().replace("\\", "\\\\").replace("'", "''")
        values = text.replace("\t", "','").replace("\n", "'),('")
        literals = f"('{values}')".replace(f"'{NULL}'", "NULL")
        first = _execute(connection, f"{_insert_into(table, columns)} VALUES {literals}")
        start = end
    return first


def _execute(connection: Connection, statement: str) -> int:
    done = connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
    return done.lastrowid


def _insert_into(table: Table, columns: Iterable[str]) -> str:
    return f"INSERT INTO `{table.name}` ({', '.join(f'`{name}`' for name in columns)})"


def overwrite(connection: Connection, table: Table, rows: Sequence[Values]) -> None:
    """As `Dialect.overwrite`."""
    names = list(kinds(table))
    marks = ", ".join(["%s"] * len(names))
    # Written so that PyMySQL sends many rows in one statement; it sends those of SQLAlchemy's statement (with
    # an alias for the new row) one by one
    assign = ", ".join(f"`{name}` = VALUES(`{name}`)" for name in names if name != "id")
    text = f"{_insert_into(table, names)} VALUES ({marks}) ON DUPLICATE KEY UPDATE {assign}"
    connection.exec_driver_sql(text, list(rows))


def insert_generated(
    connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Values]
) -> list[int]:
    """As `Dialect.insert_generated`.

    InnoDB gives consecutive ids to an INSERT whose number of rows is known beforehand, in every
    innodb_autoinc_lock_mode, and LAST_INSERT_ID() is the first of them (MySQL manual, "AUTO_INCREMENT
    Handling in InnoDB"). So each part goes in as one statement. Galera changes the step when a node comes or
    goes: then nobody knows which one the statement took, and the transaction is run again.
    """
    ids: list[int] = []
    step = connection.exec_driver_sql(_STEP).scalar_one()
    for part in _parts(rows):
        with _exhaustion():
            first = insert(connection, table, columns, part)
        ids.extend(range(first, first + step * len(part), step))
    if len(rows) > 1 and connection.exec_driver_sql(_STEP).scalar_one() != step:
        raise busy()
    return ids


@contextmanager
def _exhaustion() -> Iterator[None]:
    """Turn the servers' errors for a table without ids left to give into an IntegrityError."""
    try:
        yield
    except (InternalError, OperationalError) as error:
        if number_of(error.orig) not in _NO_ID_LEFT or error.orig is None:
            raise
        raise IntegrityError("no id left", None, error.orig) from error


def _parts(rows: Sequence[Values]) -> Iterable[list[Values]]:
    """Parts of `rows` that `insert` sends in one statement each, as their lines are below its limit.

    A character is at most 4 bytes in UTF-8; a number or date takes at most 30.
    """
    part: list[Values] = []
    size = 0
    for row in rows:
        need = sum(4 * len(value) + 4 if isinstance(value, str) else 30 for value in row)
        if part and size + need > _SURELY_ONE_STATEMENT:
            yield part
            part, size = [], 0
        part.append(row)
        size += need
    yield part
