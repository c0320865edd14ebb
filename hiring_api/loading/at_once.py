"""Load a CSV file in one transaction, so that all of it is kept or nothing."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from hiring_api.database.transaction_size import require_taken
from hiring_api.database.transactions import transaction

from . import progress as stored_progress
from . import repairs
from .apply import apply_chunk, prove
from .chunks import each_chunk, prove_end, result_of
from .dry_run import check
from .outcomes import keep_outcomes, keep_rejects_alone
from .plan import Target

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from hiring_api.csv_input.validation import ValidatedChunk
    from hiring_api.database.lease import Lease
    from hiring_api.rejects.record import Reject

    from .chunks import Tell
    from .progress import Progress
    from .task import Loaded, Task


class _TooMany(Exception):
    """More rejects than the limit: the transaction is to be undone."""


def load_at_once(engine: Engine, task: Task, tell: Tell | None = None, lease: Lease | None = None) -> Loaded:
    """Load a file in one transaction: if it has more rejects than its limit, none of its rows is stored.

    The rejects are recorded in either case.

    Args:
        engine: the database.
        task: what to load.
        tell: called after each chunk.
        lease: what must still be held when all is committed.

    Raises:
        Busy: the lease is lost; nothing was kept.
        DatabaseUnavailable: nothing was kept.
        InvalidFile: the file cannot be read to its end; nothing was kept.
        TransactionTooLarge: a cluster would not take so much, or did not; nothing was kept.
        Unproven: what would be stored is not what was read; nothing was kept.
    """

    def work(connection: Connection) -> Loaded:
        loaded = _load_all(connection, task, tell)
        if lease is not None:
            lease.confirm(connection)
        return loaded

    try:
        return transaction(engine, work, marked=True)
    except _TooMany:
        return check(engine, task, partial(keep_rejects_alone, engine, task))


def _load_all(connection: Connection, task: Task, tell: Tell | None) -> Loaded:
    # It is never gone on with, so nobody looks for it by its fingerprint
    key = stored_progress.begin(connection, task.table, task.origin, fingerprint="")
    target = Target(task.table, task.on_conflict)

    def load_chunk(validated: ValidatedChunk, before: Progress) -> tuple[Progress, list[Reject]]:
        changed = repairs.refuse_unchanged(connection, task.table, task.file.layout, validated)
        outcomes = apply_chunk(connection, target, changed, before.taken)
        prove(connection, target, outcomes)
        after, refused = keep_outcomes(connection, task, validated, outcomes, before)
        if before.at.offset == 0:
            _require_taken(connection, task, validated, after)
        if task.limit.exceeded(after.counts, ended=False):
            raise _TooMany
        return after, refused

    progress, first = each_chunk(task, load_chunk, tell)
    if task.limit.exceeded(progress.counts, ended=True):
        raise _TooMany
    prove_end(connection, task, progress)
    stored_progress.end(connection, key, progress)
    return result_of(task, progress, first)


def _require_taken(connection: Connection, task: Task, validated: ValidatedChunk, progress: Progress) -> None:
    """Refuse a file that a cluster would refuse at its end, if the rest of it is as the first chunk was."""
    written = progress.counts.inserted + progress.counts.updated
    require_taken(connection, validated.rows, written * task.file.size / progress.at.offset)
