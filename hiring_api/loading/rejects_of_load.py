"""Write the rejects of a load to a CSV file that can be corrected and loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from hiring_api.database.bookkeeping import rejects
from hiring_api.database.transactions import snapshot
from hiring_api.rejects.csv_file import line_of, rejects_file
from hiring_api.rejects.record import reject_of

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from sqlalchemy import Engine

    from .task import Loaded, Task

_FETCHED: Final = 20  # rejects at a time: each may be a million characters long


def write_rejects(engine: Engine, task: Task, loaded: Loaded, folder: Path, when: datetime) -> Path | None:
    """Write the open rejects of a load to a CSV file, ordered by source and line.

    Args:
        engine: the database, which has it on record.
        task: what was loaded.
        loaded: what came of it.
        folder: where the file is written.
        when: the time of the run, in UTC, which the file is named by.

    Returns:
        The file's path; None where nothing is open.
    """
    column, again = rejects.c, loaded.again
    own = column.run == loaded.run
    if loaded.resumed:
        own |= (column.source == task.origin.source[:512]) & (column.line <= loaded.resumed)
    mine = own
    if again:
        mine |= column.id.between(again.min(), again.max())
    # Only what a line needs: reading them takes longest after a load with many wrong rows
    needed: list[Any] = [column.id, column.source, column.line, column.record, column.raw, column.errors]
    query = (
        select(*needed, own.label("own"))
        .where(column.table_name == task.table.name, column.resolved_at.is_(None), mine)
        .order_by(column.source, column.line, column.id)
    )
    with snapshot(engine) as connection, rejects_file(folder, task.table, when) as file:
        for row in connection.execute(query, execution_options={"yield_per": _FETCHED}):
            if row.own or row.id in again:
                file.add([line_of(task.table, row.source, reject_of(row), row.id)])
    return file.path
