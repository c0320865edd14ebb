"""Whether a backup and the database hold the same rows, and where not, how many differ."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from hiring_api.database import staging
from hiring_api.database.transactions import snapshot
from hiring_api.model.tables import resource

from .checks import Checked, check
from .load_rows import fill

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Engine

    from hiring_api.avro.reader import AvroRows


@dataclass(frozen=True, slots=True)
class Comparison:
    """A table in the database beside the same in a backup, in numbers of rows.

    `different` rows have the same id and other content; `missing` ones are in the backup alone, `added` ones
    in the database alone.
    """

    table: str
    same: bool
    rows_in_backup: int
    rows_stored: int
    equal: int
    different: int
    missing: int
    added: int

    def to_json(self) -> dict[str, Any]:
        """The comparison as users see it."""
        return asdict(self)


def compare(engine: Engine, files: Sequence[AvroRows]) -> list[Comparison]:
    """Compare the tables with the files of a backup, row by row and to the byte, in their order.

    All tables are read in one snapshot; others may write meanwhile, and nothing is changed. The rows of a
    file wait in a temporary table, so the memory that this takes does not grow with their number.

    Raises:
        InvalidFile: a file is damaged.
        InvalidRows: rows of it break a row rule.
        DatabaseUnavailable: the database cannot be reached, or has no schema.
        StorageFull: there is no room for the temporary table.
    """
    checked = [check(file) for file in files]
    with snapshot(engine) as connection:
        return [_compared(connection, file) for file in checked]


def _compared(connection: Connection, file: Checked) -> Comparison:
    stage = staging.create(connection, file.table)
    try:
        fill(connection, file.rows, stage)
        found = staging.count(connection, file.table, stage)
    finally:
        staging.drop(connection, stage)
    received, missing, added = len(file.ids), found["inserted"], found["deleted"]
    both = received - missing
    return Comparison(
        table=resource(file.table),
        same=not any(found.values()),
        rows_in_backup=received,
        rows_stored=both + added,
        equal=both - found["updated"],
        different=found["updated"],
        missing=missing,
        added=added,
    )
