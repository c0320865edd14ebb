"""Load a CSV file into its table in chunks; rows, rejects and progress of each are committed together.

Chunks are committed in their order, but two of them are written at a time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from sqlalchemy import func, select

from hiring_api.csv_input.records import read_chunks
from hiring_api.csv_input.validation import ValidatedChunk, validate_chunk
from hiring_api.database.dialects import dialect_of
from hiring_api.database.transaction_size import require_taken
from hiring_api.database.transactions import snapshot, transaction
from hiring_api.errors import TransactionTooLarge, Unproven
from hiring_api.model.tables import references
from hiring_api.rejects.record import Reject
from hiring_api.system.ordered_steps import StepBack, Turn, in_order
from hiring_api.system.prefetch import ahead

from . import progress as stored_progress
from . import repairs
from .apply import apply_chunk, prove
from .outcomes import find_earlier, keep_outcomes, keep_rejects_alone, progress_after, rejects_of
from .plan import Target, decide
from .progress import Progress
from .task import Loaded, Task

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pyroaring import BitMap
    from sqlalchemy import Connection, Engine, Table

    from hiring_api.database.lease import Lease

log = logging.getLogger(__name__)

_AHEAD: Final = 1  # chunks
# Where a chunk was too large for a cluster: how many times smaller the next ones are, and at most
_SMALLER, _SMALLEST = 8, 512
_PATIENCE: Final = 2  # seconds; others give up waiting for a lock after 5
_SHOWN: Final = 100  # refused rows in the result


Record = Callable[[ValidatedChunk, dict[int, Reject]], None]
Tell = Callable[[Progress], None]
Confirm = Callable[["Connection"], None]
_Turn = Turn[ValidatedChunk, Progress]


class _TooMany(Exception):
    """More rejects than the limit: the transaction is to be undone."""


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
    with ahead(_validated(task, progress, smaller), _AHEAD) as chunks:
        step = partial(_commit_chunk, engine, key, task, target, confirm)
        for progress in in_order(chunks, begun, step, dialect_of(engine).writers):
            if tell is not None:
                tell(progress)
    transaction(engine, lambda connection: _finish(connection, key, task, progress, confirm), marked=True)
    return _loaded(task, progress, resumed=begun.at.line)


def load_at_once(engine: Engine, task: Task, tell: Tell | None = None, lease: Lease | None = None) -> Loaded:
    """Load a file in one transaction: if it has more rejects than its limit, none of its rows is stored.

    The rejects are recorded in either case. The arguments are those of `load`.

    Raises:
        Busy: the lease is lost; nothing was kept.
        DatabaseUnavailable: nothing was kept.
        InvalidFile: the file cannot be read to its end; nothing was kept.
        TransactionTooLarge: a cluster would not take so much, or did not; nothing was kept.
        Unproven: what would be stored is not what was read; nothing was kept.
    """
    confirm = _nothing if lease is None else lease.confirm

    def work(connection: Connection) -> Loaded:
        loaded = _load_all(connection, task, tell)
        confirm(connection)
        return loaded

    try:
        return transaction(engine, work, marked=True)
    except _TooMany:
        return check(engine, task, partial(keep_rejects_alone, engine, task))


def check(
    engine: Engine,
    task: Task,
    record: Record,
    parents: Mapping[str, BitMap] | None = None,
    tell: Tell | None = None,
) -> Loaded:
    """Tell what `load` would do; write nothing.

    Args:
        engine: the database.
        task: what to check.
        record: called with each chunk and what is refused of it, by index.
        parents: ids that count as present in other tables, by the table's name.
        tell: called after each chunk.
    """
    parents = parents or {}
    of_columns = references(task.table).items()
    known = {name: parents[parent.name].copy() for name, parent in of_columns if parent.name in parents}
    target = Target(task.table, task.on_conflict, known)
    with snapshot(engine) as connection:

        def check_chunk(validated: ValidatedChunk, before: Progress) -> tuple[Progress, list[Reject]]:
            outcomes = decide(
                connection, target, _refuse_unchanged(connection, task, validated), before.taken
            )
            found = find_earlier(connection, task, validated)
            refused = rejects_of(connection, task, validated, outcomes, found, before)
            record(validated, refused)
            return progress_after(before, validated, outcomes, refused, found), list(refused.values())

        progress, first = _each_chunk(task, check_chunk, tell)
    return replace(_loaded(task, progress, first), kept=False)


def _loaded(task: Task, progress: Progress, first: Sequence[Reject] = (), *, resumed: int = 0) -> Loaded:
    doubtful = progress.counts.doubtful
    if doubtful:
        log.warning(
            "%s: texts such as NULL or in quotes, taken as they are: %d", task.origin.source, doubtful
        )
    return Loaded(
        progress.counts,
        list(first),
        progress.taken,
        proven=progress.proven,
        run=task.origin.run,
        again=progress.again,
        resumed=resumed,
    )


def _load_all(connection: Connection, task: Task, tell: Tell | None) -> Loaded:
    # It is never gone on with, so nobody looks for it by its fingerprint
    key = stored_progress.begin(connection, task.table, task.origin, fingerprint="")
    target = Target(task.table, task.on_conflict)

    def load_chunk(validated: ValidatedChunk, before: Progress) -> tuple[Progress, list[Reject]]:
        outcomes = apply_chunk(
            connection, target, _refuse_unchanged(connection, task, validated), before.taken
        )
        prove(connection, target, outcomes)
        after, refused = keep_outcomes(connection, task, validated, outcomes, before)
        if before.at.offset == 0:
            _require_taken(connection, task, validated, after)
        if task.limit.exceeded(after.counts, ended=False):
            raise _TooMany
        return after, refused

    progress, first = _each_chunk(task, load_chunk, tell)
    if task.limit.exceeded(progress.counts, ended=True):
        raise _TooMany
    _prove(connection, task, progress)
    stored_progress.end(connection, key, progress)
    return _loaded(task, progress, first)


def _each_chunk(
    task: Task,
    step: Callable[[ValidatedChunk, Progress], tuple[Progress, list[Reject]]],
    tell: Tell | None,
) -> tuple[Progress, list[Reject]]:
    """Take `step` for each chunk of a file; it gets the progress so far, and returns the new one and rejects.

    Returns:
        The progress after the last chunk, and the first rejects of the file.
    """
    progress = Progress()
    first: list[Reject] = []
    with ahead(_validated(task, progress), _AHEAD) as chunks:
        for validated in chunks:
            progress, refused = step(validated, progress)
            first += refused[: _SHOWN - len(first)]
            if tell is not None:
                tell(progress)
    return progress, first


def _nothing(_connection: Connection) -> None:
    """Confirms the lease of a load that needs none."""


def _require_taken(connection: Connection, task: Task, validated: ValidatedChunk, progress: Progress) -> None:
    """Refuse a file that a cluster would refuse at its end, if the rest of it is as the first chunk was."""
    written = progress.counts.inserted + progress.counts.updated
    require_taken(connection, validated.rows, written * task.file.size / progress.at.offset)


def _begin(connection: Connection, task: Task, confirm: Confirm) -> tuple[int, Task, Progress]:
    confirm(connection)
    fingerprint = task.file.fingerprint()
    found = stored_progress.unfinished(connection, task.table, task.origin, fingerprint)
    if found is None:
        return stored_progress.begin(connection, task.table, task.origin, fingerprint), task, Progress()
    key, run, progress = found
    log.info("going on with %s after line %d", task.origin.source, progress.at.line)
    return key, replace(task, origin=replace(task.origin, run=run)), progress


def _validated(task: Task, progress: Progress, smaller: int = 1) -> Iterator[ValidatedChunk]:
    with task.file.open(progress.at.offset) as stream:
        for chunk in read_chunks(stream, task.file.layout, progress.at, smaller):
            yield validate_chunk(task.table, task.file.layout, chunk)


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
        validated = _refuse_unchanged(connection, task, turn.item)
        outcomes = apply_chunk(connection, target, validated, turn.latest().taken, turn.enter, turn.hold)
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


def _refuse_unchanged(connection: Connection, task: Task, validated: ValidatedChunk) -> ValidatedChunk:
    return repairs.refuse_unchanged(connection, task.table, task.file.layout, validated)


def _finish(connection: Connection, key: int, task: Task, progress: Progress, confirm: Confirm) -> None:
    _prove(connection, task, progress)
    stored_progress.end(connection, key, progress)
    confirm(connection)


def _prove(connection: Connection, task: Task, progress: Progress) -> None:
    """Require that all of the file was read and counted, and that every stored reference exists.

    Each chunk was compared when it was stored.

    Raises:
        Unproven: it is not so.
    """
    if progress.at.offset != task.file.size:
        raise Unproven(f"{task.origin.source} was not read to its end: did it change meanwhile?")
    if not progress.counts.add_up():
        raise Unproven(f"the rows of {task.origin.source} do not add up: {progress.counts}")
    for name, parent in references(task.table).items():
        used = select(task.table.c[name]).distinct().subquery()
        dangling = select(func.count()).select_from(used).where(used.c[name].not_in(select(parent.c.id)))
        if connection.execute(dangling).scalar_one():
            raise Unproven(f"{task.table.name} has rows whose {name} is not in {parent.name}")
