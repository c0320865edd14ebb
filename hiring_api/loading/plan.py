"""Plan a validated chunk of a file with the shared planner: rows to insert, to overwrite and to refuse."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
from pyroaring import BitMap

from hiring_api.database import lookup
from hiring_api.model.checksum import Checksum
from hiring_api.model.tables import references
from hiring_api.planning.row_rules import Rules, plan

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection, Table

    from hiring_api.csv_input.validation import ValidatedChunk
    from hiring_api.model.row_errors import RowError
    from hiring_api.model.row_lines import RowLines, Values
    from hiring_api.planning.row_rules import OnConflict

CHUNK: Final = 1_000_000  # rows: more than a chunk can have


@dataclass(slots=True)
class Target:
    """The table of a load, and its state: how conflicts are settled, and what is known of other writers.

    `parents` has, by the referring column, ids that were seen in the table it refers to, perhaps long ago.
    `contended`: other clients were in the way of a load. At `most` so many rows are tried at once: fewer
    after other clients wrote the same ids meanwhile.
    """

    table: Table
    on_conflict: OnConflict = "error"
    parents: dict[str, BitMap] = field(default_factory=dict)
    contended: bool = False
    most: int = CHUNK

    def __post_init__(self) -> None:
        self.parents = {name: self.parents.get(name, BitMap()) for name in references(self.table)}


@dataclass(slots=True)
class ChunkOutcomes:
    """The outcomes of a chunk's records: rows to insert, rows to overwrite with, unchanged, refused by index.

    `accepted` has the ids of the rows that are in the table now, `proven` is the checksum of those written.
    """

    new: RowLines
    changed: RowLines
    unchanged: int = 0
    refused: dict[int, tuple[RowError, ...]] = field(default_factory=dict)
    accepted: BitMap = field(default_factory=BitMap)
    proven: Checksum = field(default_factory=Checksum)


@dataclass
class ChunkRows:
    """The records of a chunk as the planner asks for them, by index; most of it by whole columns."""

    validated: ValidatedChunk

    @property
    def table(self) -> Table:
        """The table that the records are for."""
        return self.validated.rows.table

    @cached_property
    def errors(self) -> Mapping[int, Sequence[RowError]]:
        """The errors of each record that breaks a row rule, by index."""
        return {index: row.errors for index, row in self.validated.refused.items()}

    @property
    def ids_differ(self) -> bool:
        """True if no two records have the same id."""
        wrong = sum("id" in row.values for row in self.validated.refused.values())
        return len(self.validated.ids) == len(self.validated.rows) + wrong

    def distinct(self, column: str) -> BitMap:
        """The valid values of a column of whole numbers."""
        if column == "id":
            return self.validated.ids
        wrong = [row.values[column] for row in self.validated.refused.values() if column in row.values]
        return self.validated.rows.distinct(column) | BitMap(wrong)

    def where(self, column: str, values: BitMap) -> list[tuple[int, int]]:
        """Index and value of each record that has one of these values, in the order of the file."""
        whole = self.validated.rows.whole(column)
        right = np.isin(whole, np.fromiter(values, np.int64, len(values)))
        found = list(zip(self.validated.indexes[right].tolist(), whole[right].tolist(), strict=True))
        for index, row in self.validated.refused.items():
            if row.values.get(column, 0) in values:
                found.append((index, row.values[column]))
        return sorted(found)

    def id_of(self, index: int) -> int | None:
        """The id of a record that is no blank line; None where it has no valid one."""
        if index in self.validated.refused:
            return self.validated.refused[index].values.get("id")
        return int(self.validated.rows.whole("id")[self._row_of[index]])

    def content(self, index: int) -> Values:
        """The values of a record that is right in itself."""
        return self.validated.rows.rows[self._row_of[index]]

    def all_stored(self, connection: Connection, ids: BitMap) -> Mapping[int, int]:
        """Index and id of all that are right in themselves, if the table has them by their digest."""
        rows = self.validated.rows
        if not rows.ids <= ids or not lookup.holds(connection, rows):
            return {}
        return dict(zip(self.validated.indexes.tolist(), rows.whole("id").tolist(), strict=True))

    @cached_property
    def _row_of(self) -> dict[int, int]:
        return {index: row for row, index in enumerate(self.validated.indexes.tolist())}


def decide(connection: Connection, target: Target, validated: ValidatedChunk, taken: BitMap) -> ChunkOutcomes:
    """Plan a chunk, as if nobody else wrote meanwhile; write nothing.

    Args:
        connection: in a transaction.
        target: where the rows go.
        validated: the chunk.
        taken: the ids accepted from this file before.
    """
    rules = Rules("file", target.on_conflict)
    planned = plan(connection, ChunkRows(validated), rules, taken, target.parents)
    rows, others = validated.rows, [*planned.refused, *planned.unchanged, *planned.updated]
    new = rows
    if len(others) > len(validated.refused):
        new = rows.take(np.flatnonzero(~np.isin(validated.indexes, others)).tolist())
    changed = rows.take(np.flatnonzero(np.isin(validated.indexes, planned.updated)).tolist())
    return ChunkOutcomes(new, changed, len(planned.unchanged), planned.refused, planned.ids)
