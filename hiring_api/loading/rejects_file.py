"""What a load has refused, written to a CSV file of its own that can be corrected and loaded."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from hiring_api.database.bookkeeping import reject_packs
from hiring_api.database.transactions import snapshot
from hiring_api.rejects.csv_file import line_of, rejects_file
from hiring_api.rejects.packs import pack_of, unpacked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from sqlalchemy import ColumnElement, Connection, Engine, Row

    from hiring_api.rejects.packs import Kept

    from .task import Loaded, Task

_FETCHED: Final = 4  # packs


def write_rejects(engine: Engine, task: Task, loaded: Loaded, folder: Path, when: datetime) -> Path | None:
    """Writes what a load has refused to a file of its own; None where that is nothing.

    Args:
        engine: the database, which has it on record.
        task: what was loaded.
        loaded: what came of it.
        folder: where the file is written.
        when: the time of the run, in UTC, which the file is named by.
    """
    pack = reject_packs.c
    source, again = task.origin.source[:512], loaded.again
    mine = pack.run == loaded.run
    if again:
        mine |= pack.id.between(pack_of(again.min()), pack_of(again.max()))
    if loaded.resumed:
        mine |= (pack.source == source) & (pack.first_line <= loaded.resumed)

    def refused(of: Row[Any], kept: Kept) -> bool:
        if of.run == loaded.run or kept.key in again:
            return True
        return bool(of.source == source and (kept.reject.line or 0) <= loaded.resumed)

    open_ones = (pack.table_name == task.table.name) & (pack.unresolved > 0)
    with snapshot(engine) as connection, rejects_file(folder, task.table, when) as file:
        found = _by_line(connection, open_ones & mine, refused)
        file.add(line_of(task.table, of, kept.reject, kept.key) for of, kept in found)
    return file.path


def _by_line(
    connection: Connection, mine: ColumnElement[bool], wanted: Callable[[Row[Any], Kept], bool]
) -> Iterator[tuple[str, Kept]]:
    """What is `wanted` and still to be repaired, with its source, by source and line.

    A pack is taken apart when its first line's turn comes: of the packs of one load, one at a time.
    """
    pack = reject_packs.c
    query = select(reject_packs).where(mine).order_by(pack.source, pack.first_line, pack.id)
    waiting: list[tuple[str, int, int, Kept]] = []
    for found in connection.execute(query, execution_options={"yield_per": _FETCHED}):
        while waiting and waiting[0][:2] < (found.source, found.first_line or 0):
            source, *_, kept = heappop(waiting)
            yield source, kept
        for kept in unpacked(found):
            if kept.resolved_at is None and wanted(found, kept):
                heappush(waiting, (found.source, kept.reject.line or 0, kept.key, kept))
    for source, *_, kept in sorted(waiting):
        yield source, kept
