"""Write a validated chunk to its table in the caller's transaction, and verify what is stored.

If another writer gets in between, the attempt is undone, and the chunk is planned again and written in
smaller parts, which take less time and are seldom hit again. Rows that were written stay locked until the
end of the transaction: other writers would wait for minutes if thousands were written one by one.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Final

import numpy as np
from sqlalchemy.exc import IntegrityError

from hiring_api.csv_input.validation import ValidatedChunk
from hiring_api.database import bulk_load, lookup
from hiring_api.database.locks import references_held
from hiring_api.errors import Unproven
from hiring_api.model.conflicts import being_written
from hiring_api.model.row_lines import joined
from hiring_api.model.tables import references

from .plan import CHUNK, ChunkOutcomes, decide

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyroaring import BitMap
    from sqlalchemy import Connection

    from .plan import Target

_ROW_RACES: Final = 3  # lost with a single row before it is refused
_FEWER: Final = 4  # times fewer rows are tried at once after a lost race
_MORE: Final = 4  # a fourth more after each that went well


def _free() -> None:
    """Do nothing: there is no other step to wait for."""


def apply_chunk(
    connection: Connection,
    target: Target,
    validated: ValidatedChunk,
    taken: BitMap,
    enter: Callable[[], None] = _free,
    hold: Callable[[], None] = _free,
) -> ChunkOutcomes:
    """Write the rows of a validated chunk that can go in, and return what came of each record.

    Args:
        connection: in a transaction.
        target: where the rows go.
        validated: the chunk.
        taken: the ids accepted from this file before.
        enter: called each time before locks are taken.
        hold: called when no locks are left to be taken but those of new rows.
    """
    done: list[ChunkOutcomes] = []
    first, end, lost = 0, len(validated.chunk.fields), 0
    while first < end:
        rows = min(target.most, end - first)
        part = validated if rows == end else _part(validated, first, first + rows)
        outcomes = decide(connection, target, part, taken)
        enter()
        try:
            _write(connection, target, outcomes, hold if rows == end else _free)
        except IntegrityError:
            _look_again(target, part)
            target.most = max(1, rows // _FEWER)
            lost += rows == 1
            if lost < _ROW_RACES:
                continue
            outcomes = _refused(target, part)
        done.append(outcomes)
        taken = taken | outcomes.accepted
        first, lost = first + rows, 0
        target.most = min(CHUNK, target.most + 1 + target.most // _MORE)
    return _together(validated, done)


def _write(
    connection: Connection, target: Target, outcomes: ChunkOutcomes, hold: Callable[[], None] = _free
) -> None:
    """Insert and overwrite all planned rows.

    Raises:
        IntegrityError: another writer got in between; nothing was written.
    """
    table = target.table
    # The load undoes itself what it has done
    with connection.begin_nested() if outcomes.changed else nullcontext():
        with references_held(connection, outcomes.new, table) as held:
            if held and not outcomes.changed and not target.contended:
                hold()
            bulk_load.load(connection, outcomes.new)
        if outcomes.changed:
            bulk_load.overwrite(connection, table, outcomes.changed.rows)
    outcomes.proven = outcomes.new.checksum + outcomes.changed.checksum


def prove(connection: Connection, target: Target, outcomes: ChunkOutcomes) -> None:
    """Compare the rows that this transaction wrote with what the table holds.

    Raises:
        Unproven: the rows stored are not those read.
    """
    ids = outcomes.new.ids | outcomes.changed.ids
    if lookup.checksum_of(connection, target.table, ids) != outcomes.proven:
        raise Unproven(f"what {target.table.name} holds is not what was read: this part was not kept")


def _look_again(target: Target, validated: ValidatedChunk) -> None:
    """Forget the parents of a chunk that were seen: another writer may have deleted them."""
    for name in references(target.table):
        target.parents[name].difference_update(validated.rows.distinct(name))


def _part(validated: ValidatedChunk, first: int, end: int) -> ValidatedChunk:
    """The records of a chunk from the index `first` to before `end`."""
    start, stop = np.searchsorted(validated.indexes, [first, end]).tolist()
    refused = {index: row for index, row in validated.refused.items() if first <= index < end}
    return ValidatedChunk(
        validated.chunk, validated.rows.take(range(start, stop)), validated.indexes[start:stop], refused
    )


def _refused(target: Target, one: ValidatedChunk) -> ChunkOutcomes:
    """Refuse a single row: others wrote it, or deleted its parents, at each attempt."""
    error = being_written(int(one.rows.whole("id")[0]), target.table, "file")
    none = one.rows.take([])
    return ChunkOutcomes(none, none, refused={int(one.indexes[0]): (error,)})


def _together(validated: ValidatedChunk, parts: list[ChunkOutcomes]) -> ChunkOutcomes:
    """Join the outcomes of the parts of a chunk."""
    if len(parts) == 1:
        return parts[0]
    none = validated.rows.take([])
    every = ChunkOutcomes(
        joined([none, *(part.new for part in parts)]), joined([none, *(part.changed for part in parts)])
    )
    for part in parts:
        every.unchanged += part.unchanged
        every.refused |= part.refused
        every.accepted |= part.accepted
        every.proven += part.proven
    return every
