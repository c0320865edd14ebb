"""Find files whose content contradicts their header.

If the labels of two columns are exchanged, rows are stored with wrong values, or all of them are refused.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING, Final

import numpy as np
from pyroaring import BitMap

from hiring_api.csv_input.chunks import Chunk, Position
from hiring_api.csv_input.layout import REMEDY
from hiring_api.csv_input.records import read_chunks
from hiring_api.csv_input.validation import validate_chunk
from hiring_api.database.lookup import present
from hiring_api.errors import InvalidFile
from hiring_api.model.tables import kinds, references

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection, Table

    from hiring_api.csv_input.chunks import Layout
    from hiring_api.csv_input.files import CsvFile

_FEWEST: Final = 20  # rows: fewer are no evidence
_MOST: Final = 1000  # rows that are looked at
_NEARLY_ALL: Final = 0.9


def refuse_mislabelled(
    connection: Connection, table: Table, file: CsvFile, parents: Mapping[str, BitMap] | None = None
) -> None:
    """Refuse a file whose first rows contradict its header; one without a header passes.

    Args:
        connection: the database.
        table: what the file is for.
        file: the file.
        parents: ids that count as present in other tables, by the table's name.

    Raises:
        InvalidFile: nearly all of at least 20 rows are wrong under the header's labels, and would be right if
            two columns were exchanged.
    """
    if not file.layout.starts:
        return
    sample = _first_records(file)
    rows = len(sample.fields)
    right = _right(connection, table, file.layout, sample, parents or {})
    if rows < _FEWEST or rows - right < _NEARLY_ALL * rows:
        return
    for one, other in combinations(kinds(table), 2):
        exchanged = _right(connection, table, _exchanged(file.layout, one, other), sample, parents or {})
        if exchanged >= _NEARLY_ALL * rows:
            raise InvalidFile(
                f"{file.content.name}: the header seems to be wrong: of the first {rows} rows {right} are "
                f"right, but {exchanged} if {one} and {other} are exchanged. {REMEDY}"
            )


def _first_records(file: CsvFile) -> Chunk:
    """The first records that are neither blank nor broken."""
    found: list[list[str]] = []
    with file.open() as stream:
        for chunk in read_chunks(stream, file.layout, Position()):
            for index in range(len(chunk.fields)):
                fields = chunk.fields[index]
                if index not in chunk.broken and "".join(fields).strip():
                    found.append(fields)
                if len(found) == _MOST:
                    return Chunk(1, found, range(1, _MOST + 1))
    return Chunk(1, found, range(1, len(found) + 1))


def _exchanged(layout: Layout, one: str, other: str) -> Layout:
    to = {one: other, other: one}
    return replace(layout, names=tuple(to.get(name or "", name) for name in layout.names))


def _right(
    connection: Connection, table: Table, layout: Layout, sample: Chunk, parents: Mapping[str, BitMap]
) -> int:
    """Count the rows that are valid, with different ids, and with references that exist."""
    rows = validate_chunk(table, layout, sample).rows
    right = np.ones(len(rows), np.bool_)
    for name, parent in references(table).items():
        ids = rows.distinct(name)
        there = present(connection, parent, ids) | (ids & parents.get(parent.name, BitMap()))
        right &= np.isin(rows.whole(name), np.array(there, np.int64))
    return len(np.unique(rows.whole("id")[right]))
