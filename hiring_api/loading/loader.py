"""Load a CSV file into its table in chunks; rows, rejects and progress of each are committed together.

Chunks are committed in their order, but two of them are written at a time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from hiring_api.csv_input.validation import ValidatedChunk
from hiring_api.database.dialects import dialect_of
from hiring_api.database.transactions import transaction
from hiring_api.errors import TransactionTooLarge
from hiring_api.model.tables import references
from hiring_api.system.ordered_steps import StepBack, Turn, in_order

from . import progress as stored_progress
from . import repairs
from .apply import apply_chunk, prove
from .chunks import prove_end, result_of, validated_chunks
from .outcomes import keep_outcomes
from .plan import Target
from .progress import Progress

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, Table

    from hiring_api.database.lease import Lease

    from .chunks import Tell
    from .task import Loaded, Task

log = logging.getLogger(__name__)

# Where a chunk was too large for a cluster: how many times smaller the next ones are, and at most
_SMALLER, _SMALLEST = 8, 512
_PATIENCE: Final = 2  # seconds; others give up waiting for a lock after 5

Confirm = Callable[["Connection"], None]
_Turn = Turn[ValidatedChunk, Progress]


def load(engine: Engine, task: Task, tell: Tell | None = None, lease: Lease | None = None) -> Loaded:
    """Load a file; go on where an earlier load of the same content was killed.

    Chunks that are more than a cluster takes in one transaction are made smaller.

    Args:
        engine: the database.
        task: what to load; its limit is not looked at.
        tell: called after each chunk that is committed.
        lease: what must still be held when a chunk is committed.

    Raises:
        Busy: the lease is lost; as `DatabaseUnavailable`.
        DatabaseUnavailable: what was committed before stays, and running it again goes on from there.
        InvalidFile: the file cannot be read any further.
        TransactionTooLarge: even a few rows are too many for the database cluster.
        Unproven: what is stored is not what was read.
    """
    confirm = _nothing if lease is None else lease.confirm
    smaller = 1
    while True:
        try:
            return _load(engine, task, tell, confirm, smaller)
        except TransactionTooLarge:
            if smaller >= _SMALLEST:
                raise
            smaller *= _SMALLER
            log.info("the database cluster takes less at once: going on with smaller parts of the file")


def _load(
    engine: Engine,
    task: Task,
    tell: Tell | None,
    confirm: Confirm,
    smaller: int,
) -> Loaded:
    key, task, begun = transaction(engine, lambda connection: _begin(connection, task, confirm), marked=True)
    progress = begun
    target = Target(task.table, task.on_conflict)
    with validated_chunks(task, progress, smaller) as chunks:
        step = partial(_commit_chunk, engine, key, task, target, confirm)
        for progress in in_order(chunks, begun, step, dialect_of(engine).writers):
            if tell is not None:
                tell(progress)
    transaction(engine, lambda connection: _finish(connection, key, task, progress, confirm), marked=True)
    return result_of(task, progress, resumed=begun.at.line)


def _nothing(_connection: Connection) -> None:
    """Confirms the lease of a load that needs none."""


def _begin(connection: Connection, task: Task, confirm: Confirm) -> tuple[int, Task, Progress]:
    confirm(connection)
    fingerprint = task.file.fingerprint()
    found = stored_progress.unfinished(connection, task.table, task.origin, fingerprint)
    if found is None:
        return stored_progress.begin(connection, task.table, task.origin, fingerprint), task, Progress()
    key, run, progress = found
    log.info("going on with %s after line %d", task.origin.source, progress.at.line)
    return key, replace(task, origin=replace(task.origin, run=run)), progress


def _commit_chunk(
    engine: Engine, key: int, task: Task, target: Target, confirm: Confirm, turn: _Turn
) -> Progress:
    """Apply a chunk while the one before it is applied, and commit it after that one.

    Two chunks insert their rows at a time until another client who writes the same ids is seen to be in the
    way, waiting for one and waited for by the other; from then on one takes its locks after the other.

    With one chunk at a time a job of 500,000 employees takes 29 % longer, and 34 % where LOAD DATA LOCAL is
    forbidden (MariaDB 10.11, 2 cores).
    """

    def work(connection: Connection) -> Progress:
        turn.begin()
        changed = repairs.refuse_unchanged(connection, task.table, task.file.layout, turn.item)
        outcomes = apply_chunk(connection, target, changed, turn.latest().taken, turn.enter, turn.hold)
        turn.hold()
        prove(connection, target, outcomes)
        before = turn.previous(None if target.contended else _PATIENCE)
        after, _ = keep_outcomes(connection, task, turn.item, outcomes, before)
        stored_progress.advance(connection, key, after, outcomes.accepted)
        confirm(connection)
        return after

    if turn.before is not None and _depends(task.table, turn.item, turn.before.item):
        turn.wait()
    try:
        return transaction(engine, work, marked=True)
    except StepBack:
        target.contended = True
        turn.wait()
        return transaction(engine, work, marked=True)


def _depends(table: Table, validated: ValidatedChunk, before: ValidatedChunk) -> bool:
    """True if a chunk's outcomes depend on those of the chunk before: same ids, or parents loaded by it."""
    return table in references(table).values() or bool(validated.ids & before.ids)


def _finish(connection: Connection, key: int, task: Task, progress: Progress, confirm: Confirm) -> None:
    prove_end(connection, task, progress)
    stored_progress.end(connection, key, progress)
    confirm(connection)
