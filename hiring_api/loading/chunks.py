"""The chunks of a file: validated ahead of their use, taken in order, and accounted for at the end."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from sqlalchemy import func, select

from hiring_api.csv_input.records import read_chunks
from hiring_api.csv_input.validation import validate_chunk
from hiring_api.errors import Unproven
from hiring_api.model.tables import references
from hiring_api.system.prefetch import ahead

from .progress import Progress
from .task import Loaded

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection

    from hiring_api.csv_input.validation import ValidatedChunk
    from hiring_api.rejects.record import Reject

    from .task import Task

    Step = Callable[[ValidatedChunk, Progress], tuple[Progress, list[Reject]]]

log = logging.getLogger(__name__)

_AHEAD: Final = 1  # chunks
_SHOWN: Final = 100  # refused rows in the result

Tell = Callable[[Progress], None]


@contextmanager
def validated_chunks(task: Task, progress: Progress, smaller: int = 1) -> Iterator[Iterator[ValidatedChunk]]:
    """Within the block, a thread validates the chunks of a file, from where `progress` is to its end.

    They are `smaller` times smaller than usual.
    """

    def chunks() -> Iterator[ValidatedChunk]:
        with task.file.open(progress.at.offset) as stream:
            for chunk in read_chunks(stream, task.file.layout, progress.at, smaller):
                yield validate_chunk(task.table, task.file.layout, chunk)

    with ahead(chunks(), _AHEAD) as validated:
        yield validated


def each_chunk(task: Task, step: Step, tell: Tell | None) -> tuple[Progress, list[Reject]]:
    """Take `step` for each chunk of a file; it gets the progress so far, and returns the new one and rejects.

    Returns:
        The progress after the last chunk, and the first rejects of the file.
    """
    progress = Progress()
    first: list[Reject] = []
    with validated_chunks(task, progress) as chunks:
        for validated in chunks:
            progress, refused = step(validated, progress)
            first += refused[: _SHOWN - len(first)]
            if tell is not None:
                tell(progress)
    return progress, first


def result_of(task: Task, progress: Progress, first: Sequence[Reject] = (), *, resumed: int = 0) -> Loaded:
    """Return the result of a load.

    Args:
        task: what was loaded.
        progress: at the end of the file.
        first: the first rejects.
        resumed: the line after which it went on where another load was killed.
    """
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


def prove_end(connection: Connection, task: Task, progress: Progress) -> None:
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
