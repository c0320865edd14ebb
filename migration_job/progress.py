"""Progress of a load: a bar on a terminal, else a line of the log every ten seconds."""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from hiring_api.system.output import MANY, on_terminal, width

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hiring_api.loading.progress import Progress
    from hiring_api.loading.task import Task

log = logging.getLogger(__name__)

_EVERY: Final = 10.0  # seconds between two log lines


@contextmanager
def shown(task: Task) -> Iterator[Callable[[Progress], None]]:
    """Give a function that is called with the progress after each chunk, and shows it."""
    if on_terminal():
        with _bar(task) as tell:
            yield tell
    else:
        yield _lines(task)


@contextmanager
def _bar(task: Task) -> Iterator[Callable[[Progress], None]]:
    lines = task.file.lines
    bar = tqdm(total=lines, desc=task.table.name, unit=" rows", unit_scale=lines >= MANY, **width())
    with logging_redirect_tqdm(), bar:

        def tell(progress: Progress) -> None:
            bar.set_postfix(rejected=progress.counts.rejected, refresh=False)
            bar.update(progress.at.line - bar.n)

        yield tell


def _lines(task: Task) -> Callable[[Progress], None]:
    begun = last = time.monotonic()
    first: int | None = None

    def tell(progress: Progress) -> None:
        nonlocal last, first
        now = time.monotonic()
        line = progress.at.line
        first = line if first is None else first
        if now - last < _EVERY:
            return
        last = now
        rate = (line - first) / (now - begun)
        left = (task.file.lines - line) / rate if rate else 0
        log.info(
            "%s: %d of %d lines, %d refused, %d lines/s, %d s left",
            task.table.name,
            line,
            task.file.lines,
            progress.counts.rejected,
            rate,
            left,
        )

    return tell
