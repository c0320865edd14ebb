"""A CSV file -> its table, chunk by chunk; each chunk's rows, rejects and progress are committed together."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, select

from . import loads, repairs
from .ahead import ahead
from .csv_judge import JudgedChunk, judge_chunk, kept_fields
from .csv_records import read_chunks
from .database import transaction
from .errors import Unproven
from .loads import Counts, Progress
from .place import Placed, Target, known, place
from .rejects import Origin, Reject, keep
from .tables import references

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection, Engine, Table

    from .csv_files import CsvFile
    from .place import OnConflict

log = logging.getLogger(__name__)

_AHEAD: Final = 2  # chunks
_LOGGED: Final = 100  # refused rows of a file; all of them are kept


@dataclass(frozen=True, slots=True)
class Task:
    """One file to load: for the record `origin`, its run included."""

    table: Table
    file: CsvFile
    origin: Origin
    on_conflict: OnConflict = "error"


def load(engine: Engine, task: Task, tell: Callable[[Progress], None] | None = None) -> Counts:
    """Loads a file; where an earlier load of the same content was killed, goes on from there.

    Args:
        engine: the database.
        task: what to load.
        tell: called after each chunk that is committed.

    Raises:
        DatabaseUnavailable: what was committed before stays, and running it again goes on from there.
        InvalidFile: the file cannot be read any further.
        Unproven: what is stored is not what was read.
    """
    key, task, progress = transaction(engine, lambda connection: _begin(connection, task))
    target = Target(task.table, _known(engine, task.table), task.on_conflict)
    with ahead(_judged(task, progress), _AHEAD) as chunks:
        for judged in chunks:
            progress = _load_chunk(engine, key, task, target, judged, progress)
            if tell is not None:
                tell(progress)
    transaction(engine, lambda connection: _finish(connection, key, task, progress))
    return progress.counts


def _begin(connection: Connection, task: Task) -> tuple[int, Task, Progress]:
    fingerprint = f"{task.file.fingerprint()}"
    found = loads.unfinished(connection, task.table, task.origin, fingerprint)
    if found is None:
        return loads.begin(connection, task.table, task.origin, fingerprint), task, Progress()
    key, run, progress = found
    log.info("going on with %s at line %d", task.origin.source, progress.at.line + 1)
    same_run = Task(task.table, task.file, Origin(task.origin.source, run), task.on_conflict)
    return key, same_run, progress


def _known(engine: Engine, table: Table) -> Any:
    return transaction(engine, lambda connection: known(connection, table))


def _judged(task: Task, progress: Progress) -> Iterator[JudgedChunk]:
    with task.file.open(progress.at.offset) as stream:
        for chunk in read_chunks(stream, task.file.layout, progress.at):
            yield judge_chunk(task.table, task.file.layout, chunk)


def _load_chunk(
    engine: Engine, key: int, task: Task, target: Target, judged: JudgedChunk, before: Progress
) -> Progress:
    def work(connection: Connection) -> Progress:
        placed = place(connection, target, judged, before.taken)
        refused = _rejects(task, judged, placed)
        new = repairs.settle(connection, task.table, task.origin.source, task.file.layout, judged, refused)
        keep(connection, task.table, task.origin, new, max(0, _LOGGED - before.counts.rejected))
        after = Progress(
            judged.chunk.end, before.counts + _counts(judged, placed), before.taken | placed.accepted
        )
        loads.advance(connection, key, after)
        return after

    after = transaction(engine, work)
    target.known.ids |= after.taken
    if after.counts.rejected > _LOGGED >= before.counts.rejected:
        log.warning("%s has more refused rows than are logged: see the rejects file", task.origin.source)
    return after


def _counts(judged: JudgedChunk, placed: Placed) -> Counts:
    return Counts(
        read=len(judged.chunk.fields) - judged.blank,
        inserted=len(placed.new),
        updated=len(placed.changed),
        unchanged=placed.unchanged,
        rejected=len(placed.refused),
        blank=judged.blank,
    )


def _rejects(task: Task, judged: JudgedChunk, placed: Placed) -> dict[int, Reject]:
    chunk = judged.chunk
    return {
        index: Reject(
            kept_fields(task.table, task.file.layout, chunk.fields[index]),
            row.errors,
            chunk.lines[index],
            chunk.first + index,
        )
        for index, row in sorted(placed.refused.items())
    }


def _finish(connection: Connection, key: int, task: Task, progress: Progress) -> None:
    if not progress.counts.add_up():
        raise Unproven(f"the rows of {task.origin.source} do not add up: {progress.counts}")
    for name, parent in references(task.table).items():
        used = select(task.table.c[name]).distinct().subquery()
        dangling = select(func.count()).select_from(used).where(used.c[name].not_in(select(parent.c.id)))
        if connection.execute(dangling).scalar_one():
            raise Unproven(f"{task.table.name} has rows whose {name} is not in {parent.name}")
    loads.end(connection, key, progress)
