"""Record the outcomes of a chunk: new rejects, earlier rejects that came again, and the counts so far."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyroaring import BitMap64

from hiring_api.database.transactions import transaction
from hiring_api.rejects.record import Reject, keep, raw_fields
from hiring_api.rejects.record import log as refusals
from hiring_api.rejects.resolve import resolve_by_id

from . import repairs
from .earlier import earlier
from .progress import Counts, Progress

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from hiring_api.csv_input.validation import ValidatedChunk

    from .earlier import Earlier
    from .plan import ChunkOutcomes
    from .task import Task

_LOGGED: Final = 100  # refused rows of a file; all of them are kept


def find_earlier(connection: Connection, task: Task, validated: ValidatedChunk) -> Earlier:
    """Return the earlier rejects of a chunk's records; those by line only if `task.replaces`."""
    source = task.origin.source if task.replaces else None
    return earlier(connection, task.table, source, task.file.layout, validated)


def rejects_of(
    connection: Connection,
    task: Task,
    validated: ValidatedChunk,
    outcomes: ChunkOutcomes,
    found: Earlier,
    before: Progress,
) -> dict[int, Reject]:
    """Return the rejects of a chunk by index: without rows repaired since, and with their first reasons.

    `before` is the progress before the chunk.
    """
    accepted = before.taken | outcomes.accepted
    return repairs.as_before(connection, task.table, found, _rejects(task, validated, outcomes), accepted)


def keep_outcomes(
    connection: Connection, task: Task, validated: ValidatedChunk, outcomes: ChunkOutcomes, before: Progress
) -> tuple[Progress, list[Reject]]:
    """Record the outcomes of a chunk, in the transaction that applied it.

    New rejects are kept and logged, earlier ones resolved or renewed.

    Returns:
        The progress after the chunk, and the rows refused.
    """
    found = find_earlier(connection, task, validated)
    refused = rejects_of(connection, task, validated, outcomes, found, before)
    new = repairs.settle(connection, task.table, task.file.layout, validated, found, refused)
    resolve_by_id(connection, task.table, outcomes.accepted, task.origin, same_file=task.replaces)
    keep(connection, task.table, task.origin, new, max(0, _LOGGED - before.counts.rejected))()
    after = progress_after(before, validated, outcomes, refused, found)
    if after.counts.rejected > _LOGGED >= before.counts.rejected:
        refusals.warning("%s has more refused rows than are logged: see the rejects", task.origin.source)
    return after, list(refused.values())


def keep_rejects_alone(
    engine: Engine, task: Task, validated: ValidatedChunk, refused: dict[int, Reject]
) -> None:
    """Record the rejects of a chunk whose rows are not stored."""

    def work(connection: Connection) -> None:
        found = find_earlier(connection, task, validated)
        new = repairs.settle(connection, task.table, task.file.layout, validated, found, refused, kept=False)
        keep(connection, task.table, task.origin, new, logged=0)()

    transaction(engine, work, marked=True)


def progress_after(
    before: Progress,
    validated: ValidatedChunk,
    outcomes: ChunkOutcomes,
    refused: dict[int, Reject],
    found: Earlier,
) -> Progress:
    """The progress after a chunk: `refused` and `found` are what `rejects_of` and `find_earlier` say."""
    counts = Counts(
        read=len(validated.chunk.fields) - validated.blank,
        inserted=len(outcomes.new),
        updated=len(outcomes.changed),
        unchanged=outcomes.unchanged,
        rejected=len(refused),
        repaired=len(outcomes.refused) - len(refused),
        blank=validated.blank,
        doubtful=validated.doubtful,
    )
    return Progress(
        validated.chunk.end,
        before.counts + counts,
        before.taken | outcomes.accepted,
        before.proven + outcomes.proven,
        before.again | BitMap64([old.id for index, old in found.open.items() if index in refused]),
    )


def _rejects(task: Task, validated: ValidatedChunk, outcomes: ChunkOutcomes) -> dict[int, Reject]:
    chunk = validated.chunk
    return {
        index: Reject(
            raw_fields(task.table, task.file.layout, chunk.fields[index]),
            errors,
            chunk.lines[index],
            chunk.first + index,
        )
        for index, errors in sorted(outcomes.refused.items())
    }
