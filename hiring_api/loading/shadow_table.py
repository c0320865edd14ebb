"""What a table would hold after a load that is only checked: a private table in a temporary file."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy.schema import CreateTable

from hiring_api.database import bulk_load
from hiring_api.database.dialects import open_scratch_engine
from hiring_api.system.temp_files import ScratchFolder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Table

    from .plan import Placed


@dataclass(frozen=True, slots=True)
class Shadow:
    """The rows that a check has accepted so far; those of the real table are not among them."""

    table: Table
    connection: Connection

    def add(self, placed: Placed) -> None:
        """Takes what a chunk would insert and overwrite."""
        rows = [*placed.new.rows, *placed.changed.rows]
        if rows:
            bulk_load.overwrite(self.connection, self.table, rows)


@contextmanager
def shadow(table: Table) -> Iterator[Shadow]:
    """An empty shadow of `table`; gone when the block is left."""
    with ScratchFolder("hiring-rows-") as folder:
        engine = open_scratch_engine(folder / "rows.db")
        with engine.connect() as connection:
            connection.execute(CreateTable(table, include_foreign_key_constraints=[]))
            yield Shadow(table, connection)
        engine.dispose()
