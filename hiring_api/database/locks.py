"""Locks: by name, across processes; and on the rows that new rows refer to."""

from __future__ import annotations

from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING

from .dialects import dialect_of
from .driver_errors import translated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine, Table

    from hiring_api.model.row_lines import RowLines


@contextmanager
def named_lock(engine: Engine, name: str, wait: int = 0) -> Iterator[bool]:
    """Hold the lock `name` of this database; yield False where another holds it after `wait` seconds.

    It is free again when its holder leaves the block, or dies.
    """
    with translated(engine), dialect_of(engine).named_lock(engine, name, wait) as held:
        yield held


def references_held(connection: Connection, rows: RowLines, into: Table) -> AbstractContextManager[bool]:
    """Within the block, for loading `rows` into the table `into`, the server need not look up what each of
    them refers to, as it is proven and locked here.

    Gives True where that is so, and the rows alone are left to be locked.
    """
    if not into.foreign_keys or not rows:
        return nullcontext(True)
    return dialect_of(connection).references_held(connection, rows)
