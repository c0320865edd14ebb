"""Tell what a load would do, without writing anything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from hiring_api.csv_input.validation import ValidatedChunk
from hiring_api.database.transactions import snapshot
from hiring_api.model.tables import references
from hiring_api.rejects.record import Reject

from . import repairs
from .chunks import each_chunk, result_of
from .outcomes import find_earlier, progress_after, rejects_of
from .plan import Target, decide

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyroaring import BitMap
    from sqlalchemy import Engine

    from .chunks import Tell
    from .progress import Progress
    from .task import Loaded, Task

Record = Callable[[ValidatedChunk, dict[int, Reject]], None]


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
            changed = repairs.refuse_unchanged(connection, task.table, task.file.layout, validated)
            outcomes = decide(connection, target, changed, before.taken)
            found = find_earlier(connection, task, validated)
            refused = rejects_of(connection, task, validated, outcomes, found, before)
            record(validated, refused)
            return progress_after(before, validated, outcomes, refused, found), list(refused.values())

        progress, first = each_chunk(task, check_chunk, tell)
    return replace(result_of(task, progress, first), kept=False)
