"""A judged chunk of a file -> the table, within the caller's transaction, and the proof of what is stored.

Where another writer got in between, the whole chunk is undone and looked at again; after several lost races
each row is tried alone.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Final

import numpy as np
from sqlalchemy.exc import IntegrityError

from . import bulk, stored
from .csv_judge import JudgedChunk
from .decide import Placed, decide
from .errors import Unproven
from .held import references_held
from .rows import Judged, RowError
from .spelled import joined
from .tables import references

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyroaring import BitMap
    from sqlalchemy import Connection

    from .decide import Target

_RACES: Final = 3  # lost with a whole chunk before its rows are tried one by one
_ROW_RACES: Final = 3


def _free() -> None:
    """For rows that need not wait for others."""


def place(
    connection: Connection,
    target: Target,
    judged: JudgedChunk,
    taken: BitMap,
    enter: Callable[[], None] = _free,
    hold: Callable[[], None] = _free,
) -> Placed:
    """Inserts what can go in.

    Args:
        connection: in a transaction.
        target: where the rows go.
        judged: the chunk.
        taken: the ids accepted from this file before.
        enter: called each time before locks are taken.
        hold: called when no locks are left to be taken but those of new rows.
    """
    for _ in range(_RACES):
        placed = decide(connection, target, judged, taken)
        enter()
        try:
            _write(connection, target, placed, hold)
        except IntegrityError:
            _look_again(target, judged)
            continue
        return placed
    return _place_one_by_one(connection, target, judged, taken)


def _write(connection: Connection, target: Target, placed: Placed, hold: Callable[[], None] = _free) -> None:
    """Inserts and overwrites all of it, or raises an IntegrityError and has done nothing."""
    table = target.table
    # The load undoes itself what it has done
    with connection.begin_nested() if placed.changed else nullcontext():
        with references_held(connection, placed.new, table) as held:
            if held and not placed.changed and not target.contended:
                hold()
            bulk.load(connection, placed.new)
        if placed.changed:
            bulk.overwrite(connection, table, placed.changed.rows)
    placed.proven = placed.new.checksum + placed.changed.checksum


def prove(connection: Connection, target: Target, placed: Placed) -> None:
    """Compares what was placed in this transaction with what the table holds.

    Raises:
        Unproven: the rows stored are not those read.
    """
    ids = placed.new.ids | placed.changed.ids
    if stored.checksum_of(connection, target.table, ids) != placed.proven:
        raise Unproven(f"what {target.table.name} holds is not what was read: this part was not kept")


def _look_again(target: Target, judged: JudgedChunk) -> None:
    """Another writer was faster, perhaps in deleting parents: forgets that this chunk's were seen."""
    for name in references(target.table):
        target.parents[name].difference_update(judged.rows.distinct(name))


def _place_one_by_one(connection: Connection, target: Target, judged: JudgedChunk, taken: BitMap) -> Placed:
    """Each row in a savepoint of its own: slow, and exact whatever others write meanwhile."""
    none = judged.rows.take([])
    every = Placed(none, none)
    new, changed = [none], [none]
    rows: dict[int, int | Judged] = {index: row for row, index in enumerate(judged.places.tolist())}
    rows |= judged.refused
    for index, row in sorted(rows.items(), key=_index):
        if isinstance(row, Judged):
            one = JudgedChunk(judged.chunk, none, refused={index: row})
        else:
            one = JudgedChunk(judged.chunk, judged.rows.take([row]), np.array([index]))
        placed = _place_row(connection, target, one, taken | every.accepted)
        new.append(placed.new)
        changed.append(placed.changed)
        every.unchanged += placed.unchanged
        every.refused |= placed.refused
        every.accepted |= placed.accepted
        every.proven += placed.proven
    every.new, every.changed = joined(new), joined(changed)
    return every


def _index(item: tuple[int, int | Judged]) -> int:
    return item[0]


def _place_row(connection: Connection, target: Target, one: JudgedChunk, taken: BitMap) -> Placed:
    for _ in range(_ROW_RACES):
        _look_again(target, one)
        placed = decide(connection, target, one, taken)
        try:
            _write(connection, target, placed)
        except IntegrityError:
            continue
        return placed
    error = RowError("id", "already_exists", f"the row is being written into {target.table.name} by others")
    none = one.rows.take([])
    return Placed(none, none, refused={int(one.places[0]): Judged(None, {}, [error])})
