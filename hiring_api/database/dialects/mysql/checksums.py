"""Checksums and digests of stored rows, computed by the server from the same lines as `RowLines` has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import String, cast, func, literal_column, select

from hiring_api.model.checksum import Checksum
from hiring_api.model.columns import Instant
from hiring_api.model.tables import kinds

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Table

    from hiring_api.database.dialects.dialect import Where
    from hiring_api.model.columns import Kind


def checksum(connection: Connection, table: Table, where: Where | None) -> Checksum:
    """As `Dialect.checksum`."""
    crc = func.crc32(_line(table))
    totals = select(func.count(), func.coalesce(func.sum(crc * table.c.id), 0))
    rows, total = connection.execute(totals if where is None else totals.where(where)).one()
    return Checksum(rows, int(total))


def digest(connection: Connection, table: Table, where: Where) -> str | None:
    """As `Dialect.digest`. Of more lines than a session puts together, the digest is another one."""
    line = _line(table).compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True})
    together: ColumnElement[str] = literal_column(
        f"GROUP_CONCAT({line} ORDER BY {table.name}.id SEPARATOR '')"
    )
    found: str | None = connection.execute(
        select(func.sha2(together, 256)).select_from(table).where(where)
    ).scalar_one()
    return found


def _line(table: Table) -> ColumnElement[str]:
    """SQL for the line of a stored row."""
    columns = [_text(table.c[name], kind) for name, kind in kinds(table).items()]
    return func.concat(func.concat_ws("\t", *columns), "\n")


def _text(column: ColumnElement[Any], kind: Kind) -> ColumnElement[Any]:
    """SQL for what `str` says of the value in Python: that of a datetime leaves out a fraction of zero."""
    return func.replace(cast(column, String(26)), ".000000", "") if isinstance(kind, Instant) else column
