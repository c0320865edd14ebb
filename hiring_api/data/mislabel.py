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

_MOST_UNKNOWN: Final = 0.5  # of the references under the header's labels
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
        InvalidFile: most references are unknown, and would be known if two columns were exchanged.
    """
    numbers = [name for name, kind in kinds(table).items() if isinstance(kind, Reference) or name == "id"]
    if not file.layout.starts or not references(table):
        return
    there = partial(_there, connection, parents or {})
    as_labelled, total = _share(table, file, file.layout, there)
    if total < _FEWEST or as_labelled > _MOST_UNKNOWN:
        return
    for one, other in combinations(numbers, 2):
        if _share(table, file, _exchanged(file.layout, one, other), there)[0] > _MOST_KNOWN:
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


def _share(
    table: Table, file: CsvFile, layout: Layout, there: Callable[[Table, BitMap], BitMap]
) -> tuple[float, int]:
    """The share of the first rows' references that exist, and how many references these are."""
    found = total = 0
    with file.open() as stream:
        for chunk in islice(read_chunks(stream, layout, Position()), _CHUNKS):
            rows = judge_chunk(table, layout, chunk).rows
            for name, parent in references(table).items():
                ids = there(parent, rows.distinct(name))
                found += sum(value in ids for value in rows.whole(name).tolist())
                total += len(rows)
    return (found / total if total else 0.0), total
