"""Does a file's content contradict its header? Two columns exchanged would load the wrong values, and most of
them without an error, where ids are small numbers everywhere.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import combinations, islice
from typing import TYPE_CHECKING, Final

from pyroaring import BitMap

from .columns import Reference
from .csv_judge import judge_chunk
from .csv_records import Position, read_chunks
from .errors import InvalidFile
from .stored import present
from .tables import kinds, references

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy import Connection, Table

    from .csv_files import CsvFile
    from .csv_records import Layout

_MOST_UNKNOWN: Final = 0.5  # of a column's references under the header's labels
_MOST_KNOWN: Final = 0.9  # of them when two columns are exchanged
_FEWEST: Final = 5  # references: fewer tell nothing
_CHUNKS: Final = 1


def refuse_mislabelled(
    connection: Connection, table: Table, file: CsvFile, parents: Mapping[str, BitMap] | None = None
) -> None:
    """Looks at the first rows of a file with a header.

    Args:
        connection: the database.
        table: what the file is for.
        file: the file.
        parents: ids that count as present in other tables, by the table's name.

    Raises:
        InvalidFile: most references of a column are unknown, and nearly all would be known if two columns
            were exchanged.
    """
    numbers = [name for name, kind in kinds(table).items() if isinstance(kind, Reference) or name == "id"]
    if not file.layout.starts or not references(table):
        return
    there = partial(_there, connection, parents or {})
    found, rows = _known(table, file, file.layout, there)
    if rows * len(found) < _FEWEST or min(found.values()) > _MOST_UNKNOWN * rows:
        return
    for one, other in combinations(numbers, 2):
        found, rows = _known(table, file, _exchanged(file.layout, one, other), there)
        if sum(found.values()) > _MOST_KNOWN * rows * len(found):
            raise InvalidFile(
                f"{file.content.name}: the header seems to be wrong: most references are unknown, but not if "
                f"{one} and {other} are exchanged. Correct it, or settle it with --columns"
            )


def _exchanged(layout: Layout, one: str, other: str) -> Layout:
    to = {one: other, other: one}
    return replace(layout, names=tuple(to.get(name or "", name) for name in layout.names))


def _there(connection: Connection, parents: Mapping[str, BitMap], parent: Table, ids: BitMap) -> BitMap:
    """Those of `ids` that are in the table `parent`, or count as present."""
    return present(connection, parent, ids) | (ids & parents.get(parent.name, BitMap()))


def _known(
    table: Table, file: CsvFile, layout: Layout, there: Callable[[Table, BitMap], BitMap]
) -> tuple[dict[str, int], int]:
    """How many of the references of each column exist in the first rows, and how many rows these are."""
    found = dict.fromkeys(references(table), 0)
    total = 0
    with file.open() as stream:
        for chunk in islice(read_chunks(stream, layout, Position()), _CHUNKS):
            rows = judge_chunk(table, layout, chunk).rows
            for name, parent in references(table).items():
                ids = there(parent, rows.distinct(name))
                found[name] += sum(value in ids for value in rows.whole(name).tolist())
            total += len(rows)
    return found, total
