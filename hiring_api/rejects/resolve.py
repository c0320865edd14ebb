"""Resolve open rejects whose corrected rows were stored."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from pyroaring import BitMap
from sqlalchemy import bindparam, case, func, select, update

from hiring_api.database.bookkeeping import rejects
from hiring_api.database.lookup import rows_of
from hiring_api.model.tables import kinds
from hiring_api.model.validation import validate_fields, validate_row

from .record import Origin, Reject, stored_reject

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sqlalchemy import ColumnElement, Connection, Table

    from hiring_api.model.row_lines import Values

_TOGETHER: Final = 200  # rejects in one statement
# The lowest and the highest row id of the open rejects of a table. Made once, as each clean batch asks it: it
# takes longer to make than to answer. Of one query with both ends, SQLite would read all between
_OPEN_ROW_IDS: Final = [
    select(end(rejects.c.row_id))
    .where(rejects.c.table_name == bindparam("table"), rejects.c.resolved_at.is_(None))
    .scalar_subquery()
    for end in (func.min, func.max)
]
_ENDS: Final = select(*_OPEN_ROW_IDS)
_SPARSE: Final = 10  # times as wide as its ids are many, a range is not read as a whole


def resolve_by_id(
    connection: Connection,
    table: Table,
    accepted: Iterable[int],
    origin: Origin | None = None,
    *,
    same_file: bool = False,
) -> None:
    """Resolve the open rejects whose rows were stored now, corrected, under the same id.

    If no reject of the table is open, this costs one query of the two ends of an index.

    Args:
        connection: in the transaction that has stored the rows.
        table: which stored them.
        accepted: the ids of these rows.
        origin: where the rows come from: other rows of the same run repair nothing, since a file that has an
            id twice, once right and once wrong, must tell the same story each time.
        same_file: True if `origin.source` names a file whose earlier rejects are those of this one: then they
            are resolved line by line, and not here.
    """
    wanted = BitMap(accepted)
    if not wanted:
        return
    first, last = connection.execute(_ENDS, {"table": table.name}).one()
    if first is None:
        return
    wanted &= BitMap(range(first, last + 1))
    column = rejects.c
    others = (column.table_name == table.name) & column.resolved_at.is_(None)
    if origin is not None:
        others &= column.run != origin.run
        if same_file:
            others &= column.source != origin.source[:512]
    found: dict[int, int] = {}
    for condition in _with_row_ids(wanted):
        some = connection.execute(select(column.id, column.row_id).where(others, condition))
        found |= {reject_id: row_id for reject_id, row_id in some if row_id in wanted}
    if found:
        mark_resolved(connection, _repaired(connection, table, found))


def _with_row_ids(ids: BitMap) -> Iterator[ColumnElement[bool]]:
    """Yield conditions that select all rejects of rows with these ids, and perhaps others between them."""
    column = rejects.c.row_id
    if ids and ids.max() - ids.min() < _SPARSE * len(ids):
        yield column.between(ids.min(), ids.max())
        return
    every = list(ids)
    for start in range(0, len(every), _TOGETHER):
        yield column.in_(every[start : start + _TOGETHER])


def _repaired(connection: Connection, table: Table, found: Mapping[int, int]) -> dict[int, int]:
    """Return those of the rejects (id -> row id) that their stored rows repair."""
    repaired = {}
    every = sorted(found)
    for start in range(0, len(every), _TOGETHER):
        part = every[start : start + _TOGETHER]
        stored = rows_of(connection, table, BitMap([found[reject_id] for reject_id in part]))
        for row in connection.execute(select(rejects).where(rejects.c.id.in_(part))):
            of = found[row.id]
            if of in stored and is_repaired_by(table, stored_reject(row).reject, stored[of]):
                repaired[row.id] = of
    return repaired


def is_repaired_by(table: Table, reject: Reject, row: Values) -> bool:
    """True if a stored row with the id of a refused one is that row with its wrong values corrected.

    A row whose other values differ is another row that has got the same id. Of a row that was refused for its
    id, or of a line that was wrong as a whole, nobody can tell. `row` has the values in the columns' order.
    """
    # The row that had taken the id may by now be overwritten by the one that was refused
    wrong = {error.field for error in reject.errors if error.code != "already_exists"}
    if wrong & {"id", None}:
        return False
    names = list(kinds(table))
    if isinstance(reject.raw, dict):
        right = validate_row(table, reject.raw).values
    elif isinstance(reject.raw, list):
        right = validate_fields(table, names, reject.raw[: len(names)]).values
    else:  # too long to be kept as a whole
        return False
    now: dict[str, Any] = dict(zip(names, row, strict=True))
    return all(now[name] == value for name, value in right.items() if name not in wrong)


def mark_resolved(connection: Connection, resolved_by: Mapping[int, int]) -> None:
    """Mark rejects as resolved by rows (reject id -> row id), unless another writer has done so already."""
    now = datetime.now(UTC).replace(tzinfo=None)
    every = sorted(resolved_by)  # one order for all writers: no two wait for each other
    for start in range(0, len(every), _TOGETHER):
        part = every[start : start + _TOGETHER]
        rows = case({reject_id: resolved_by[reject_id] for reject_id in part}, value=rejects.c.id)
        still_open = rejects.c.id.in_(part) & rejects.c.resolved_at.is_(None)
        connection.execute(update(rejects).where(still_open).values(resolved_at=now, resolved_by=rows))
