"""Look up rows by many thousand ids at once, in few statements."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Final

import numpy as np
from pyroaring import BitMap
from sqlalchemy import select, text

from hiring_api.model.checksum import Checksum
from hiring_api.model.tables import columns

from .bulk_load import checksum
from .dialects import dialect_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection, Table, TextClause

    from hiring_api.model.row_lines import RowLines, Values

_LISTED: Final = 5_000  # ids in one condition
_GAPS: Final = 2_000  # ids left out of a range
_COUNTED: Final = 20  # conditions in one statement: about a megabyte at most


def having(ids: BitMap) -> Iterator[TextClause]:
    """Conditions that together hold for the rows with exactly these ids."""
    return map(text, _conditions(ids))


def _conditions(ids: BitMap) -> Iterator[str]:
    """Yield the conditions of `having` as SQL text.

    The ids of a part of a file are mostly a range with some gaps, which the server reads in one go: a tenth
    of the time of looking up each. They are text because SQLAlchemy takes long to bind thousands of numbers.
    """
    if not ids:
        return
    first, last = ids.min(), ids.max()
    if last - first + 1 - len(ids) <= min(_GAPS, len(ids)):
        gaps = ids.flip(first, last + 1)
        # id + 0: or the server would plan a range between every two gaps
        unless = f" AND id + 0 NOT IN ({_listed(gaps)})" if gaps else ""
        yield f"id BETWEEN {first} AND {last}{unless}"
        return
    yield from _lists(ids)


def _lists(ids: BitMap) -> Iterator[str]:
    """Yield conditions that name each id, so that no other row is locked."""
    every = list(ids)
    for start in range(0, len(every), _LISTED):
        yield f"id IN ({_listed(every[start : start + _LISTED])})"


def _listed(ids: BitMap | list[int]) -> str:
    return ",".join(map(str, ids))


def present(connection: Connection, table: Table, ids: BitMap) -> BitMap:
    """Return those of `ids` that are in the table."""
    return present_in(connection, [(table, ids)])[0]


def present_in(connection: Connection, asked: Sequence[tuple[Table, BitMap]]) -> list[BitMap]:
    """Return, for each pair of a table and ids, those of the ids that are in the table.

    One statement counts them all: mostly a table has none of the ids or all, and nothing is left to ask.
    """
    conditions = [(at, one) for at, (_, ids) in enumerate(asked) for one in _conditions(ids)]
    counts = [0] * len(asked)
    for start in range(0, len(conditions), _COUNTED):
        part = conditions[start : start + _COUNTED]
        queries = [f"(SELECT COUNT(*) FROM {asked[at][0].name} WHERE {one})" for at, one in part]
        counted = connection.exec_driver_sql(f"SELECT {', '.join(queries)}").one()
        for (at, _), count in zip(part, counted, strict=True):
            counts[at] += count
    found = []
    for (table, ids), count in zip(asked, counts, strict=True):
        if count in {0, len(ids)}:
            found.append(ids.copy() if count else BitMap())
            continue
        some = BitMap()
        for condition in _conditions(ids):
            query = f"SELECT id FROM {table.name} WHERE {condition}"
            some.update(connection.exec_driver_sql(query).scalars().all())
        found.append(some)
    return found


def rows_of(connection: Connection, table: Table, ids: BitMap, *, lock: bool = False) -> dict[int, Values]:
    """Return the rows with these ids, by id; with `lock`, locked until the transaction ends."""
    found = {}
    for condition in map(text, _lists(ids) if lock else _conditions(ids)):
        query = select(*columns(table)).where(condition)
        for row in connection.execute(query.with_for_update() if lock else query):
            found[row.id] = tuple(row)
    return found


def checksum_of(connection: Connection, table: Table, ids: BitMap) -> Checksum:
    """Return the checksum of the rows with these ids."""
    return sum((checksum(connection, table, condition) for condition in having(ids)), Checksum())


def holds(connection: Connection, rows: RowLines) -> bool:
    """True if the table has all these rows with the same values, by SHA-256; False if it lacks SHA-256.

    The ids of the rows must differ.
    """
    conditions = list(having(rows.ids))
    if len(conditions) != 1:
        return False
    stored = dialect_of(connection).digest(connection, rows.table, conditions[0])
    if stored is None:
        return False
    order = np.argsort(rows.whole("id"))
    return stored == sha256(b"".join([rows.lines[index] for index in order.tolist()])).hexdigest()
