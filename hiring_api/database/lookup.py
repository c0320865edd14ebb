"""Which of some ids, perhaps many thousand, are in a table, and with what; asked in few statements."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Final

import numpy as np
from pyroaring import BitMap
from sqlalchemy import func, select, text

from hiring_api.model.checksum import Checksum

from .bulk_load import checksum
from .dialects import dialect_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Table, TextClause

    from hiring_api.model.row_lines import RowLines, Values

_LISTED: Final = 5_000  # ids in one condition
_GAPS: Final = 2_000  # ids left out of a range


def having(ids: BitMap) -> Iterator[TextClause]:
    """Conditions that together hold for the rows with exactly these ids.

    The ids of a part of a file are mostly a range with some gaps, which the server reads in one go: a tenth
    of the time of looking up each. Spelled as text: SQLAlchemy takes long to bind thousands of numbers.
    """
    if not ids:
        return
    first, last = ids.min(), ids.max()
    if last - first + 1 - len(ids) <= min(_GAPS, len(ids)):
        gaps = ids.flip(first, last + 1)
        # id + 0: or the server would plan a range between every two gaps
        unless = f" AND id + 0 NOT IN ({_listed(gaps)})" if gaps else ""
        yield text(f"id BETWEEN {first} AND {last}{unless}")
        return
    every = list(ids)
    for start in range(0, len(every), _LISTED):
        yield text(f"id IN ({_listed(every[start : start + _LISTED])})")


def _listed(ids: BitMap | list[int]) -> str:
    return ",".join(map(str, ids))


def present(connection: Connection, table: Table, ids: BitMap) -> BitMap:
    """Those of `ids` that are in the table."""
    found = BitMap()
    wanted = len(ids)
    for condition in having(ids):
        # Mostly there are none of them or all, which need not be sent
        count = connection.execute(select(func.count()).select_from(table).where(condition)).scalar_one()
        if count == wanted:
            return ids
        if count:
            found.update(connection.execute(select(table.c.id).where(condition)).scalars())
    return found


def rows_of(connection: Connection, table: Table, ids: BitMap) -> dict[int, Values]:
    """The rows that have these ids, by id."""
    return {
        row.id: tuple(row)
        for condition in having(ids)
        for row in connection.execute(select(table).where(condition))
    }


def checksum_of(connection: Connection, table: Table, ids: BitMap) -> Checksum:
    """Of the rows that have these ids."""
    return sum((checksum(connection, table, condition) for condition in having(ids)), Checksum())


def holds(connection: Connection, rows: RowLines) -> bool:
    """Whether the table has all these rows, as they are, by SHA-256; where it cannot be asked so, no.

    The ids of the rows must differ.
    """
    conditions = list(having(rows.ids))
    if len(conditions) != 1:
        return False
    stored = dialect_of(connection).digest(connection, rows.table, conditions[0])
    if stored is None:
        return False
    order = np.argsort(rows.whole("id"))
    return stored == sha256(b"".join([rows.lines[place] for place in order.tolist()])).hexdigest()
