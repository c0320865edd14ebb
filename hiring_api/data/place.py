"""A judged chunk of a file -> the table, within the caller's transaction, and proof of what is stored.

Where another writer got in between, the whole chunk is undone and looked at again; after several lost races
each row is tried alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pyroaring import BitMap
from sqlalchemy.exc import IntegrityError

from . import bulk
from .bulk import Checksum
from .csv_judge import JudgedChunk
from .decide import Placed, conditions, decide, ids_of, ids_present
from .errors import Unproven
from .rows import Judged, RowError
from .tables import kinds, references

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table

    from .bulk import Values
    from .decide import Target

_RACES: Final = 3  # lost with a whole chunk before its rows are tried one by one
_ROW_RACES: Final = 3


def place(connection: Connection, target: Target, judged: JudgedChunk, taken: BitMap) -> Placed:
    """Inserts what can go in. `taken` has the ids accepted from this file before.

    Raises:
        Unproven: the rows stored are not those read.
    """
    for _ in range(_RACES):
        placed = decide(connection, target, judged, taken)
        try:
            with connection.begin_nested():
                _write(connection, target, placed, judged)
        except IntegrityError:
            _look_again(connection, target, judged)
            continue
        return placed
    return _place_one_by_one(connection, target, judged, taken)


def _write(connection: Connection, target: Target, placed: Placed, judged: JudgedChunk) -> None:
    table = target.table
    spelled = judged.spelled if placed.new is judged.rows else None
    spelled = spelled or bulk.spell(table, placed.new)
    bulk.load(connection, table, placed.new, spelled.lines)
    if placed.changed:
        bulk.overwrite(connection, table, placed.changed)
    read = spelled.checksum + bulk.checksum_of(table, placed.changed)
    ids = ids_of(table, placed.new) | ids_of(table, placed.changed)
    if not _in_range(connection, target, ids, read) and _stored_checksum(connection, table, ids) != read:
        raise Unproven(f"what {table.name} holds is not what was read: this part was not kept")
    placed.proven = read
    target.known.ids.update(ids)


def _in_range(connection: Connection, target: Target, ids: BitMap, read: Checksum) -> bool:
    """Whether the rows from the lowest to the highest of `ids` are just those read.

    It is asked only where no other row is known to be there: it costs a tenth of asking for each id.
    """
    if not ids or target.known.ids.range_cardinality(ids.min(), ids.max() + 1):
        return False
    between = target.table.c.id.between(ids.min(), ids.max())
    return bulk.checksum(connection, target.table, between) == read


def _stored_checksum(connection: Connection, table: Table, ids: BitMap) -> Checksum:
    parts = (bulk.checksum(connection, table, condition) for condition in conditions(table, ids))
    return sum(parts, Checksum())


def _look_again(connection: Connection, target: Target, judged: JudgedChunk) -> None:
    """Another writer was faster: brings what is known of this chunk's ids up to date."""
    columns = list(kinds(target.table))
    parents = references(target.table)
    looked = [("id", target.table, target.known.ids)]
    looked += [(name, parent, target.known.parents[name]) for name, parent in parents.items()]
    for name, table, ids in looked:
        wanted = BitMap([row[columns.index(name)] for row in judged.rows])
        ids.difference_update(wanted)
        ids.update(ids_present(connection, table, wanted))


def _place_one_by_one(connection: Connection, target: Target, judged: JudgedChunk, taken: BitMap) -> Placed:
    """Each row in a savepoint of its own: slow, and exact whatever others write meanwhile."""
    every = Placed()
    rows: dict[int, Values | Judged] = dict(zip(judged.places, judged.rows, strict=True))
    rows |= judged.refused
    for index, row in sorted(rows.items(), key=_index):
        one = JudgedChunk(judged.chunk)
        if isinstance(row, Judged):
            one.refused = {index: row}
        else:
            one.rows, one.places = [row], [index]
        placed = _place_row(connection, target, one, taken | every.accepted)
        every.new += placed.new
        every.changed += placed.changed
        every.unchanged += placed.unchanged
        every.refused |= placed.refused
        every.accepted |= placed.accepted
        every.proven += placed.proven
    return every


def _index(item: tuple[int, Any]) -> int:
    return item[0]


def _place_row(connection: Connection, target: Target, one: JudgedChunk, taken: BitMap) -> Placed:
    for _ in range(_ROW_RACES):
        _look_again(connection, target, one)
        placed = decide(connection, target, one, taken)
        try:
            with connection.begin_nested():
                _write(connection, target, placed, one)
        except IntegrityError:
            continue
        return placed
    error = RowError("id", "already_exists", f"the row is being written into {target.table.name} by others")
    return Placed(refused={one.places[0]: Judged(None, {}, [error])})
