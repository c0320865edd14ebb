"""Rows as lines of text: the form in which they are loaded in bulk, and of which checksums are made.

A row's line is `str()` of each of its values, with tabs between and a line feed at the end. Valid text holds
no control character, so nothing in it needs an escape.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from functools import cached_property
from operator import mul
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from .checksum import Checksum
from .tables import kinds, references

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence, Sized

    from sqlalchemy import Table

Values = tuple[Any, ...]  # of one row, in the order of the table's columns
Whole = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class RowLines:
    """Rows of `table` as lines, one per row.

    `wholes` has columns of whole numbers by name, and `given` the values of the rows, if these are known
    already; both save reading the lines again.
    """

    table: Table
    lines: list[bytes]
    wholes: dict[str, Whole] = field(default_factory=dict)
    given: Sequence[Values] | None = None

    def __len__(self) -> int:
        return len(self.lines)

    @cached_property
    def rows(self) -> Sequence[Values]:
        """The values of each row, in the order of the table's columns."""
        if self.given is not None:
            return self.given
        columns = zip(*(line[:-1].decode().split("\t") for line in self.lines), strict=True)
        values = [kind.from_line(texts) for kind, texts in zip(kinds(self.table).values(), columns)]  # noqa: B905  # no rows, no columns
        return list(zip(*values, strict=True))

    @cached_property
    def data(self) -> bytes:
        """All lines in one piece."""
        return b"".join(self.lines)

    @cached_property
    def ids(self) -> BitMap:
        """The ids of the rows."""
        return self.distinct("id")

    @cached_property
    def checksum(self) -> Checksum:
        """The checksum of the rows, equal to that of the same rows stored."""
        # In Python's integers: a CRC has 32 bits and an id 31, so that the sum of some products exceeds
        # the 64 bits of NumPy's
        return Checksum(len(self), sum(map(mul, map(crc32, self.lines), self.whole("id").tolist())))

    def ready(self) -> RowLines:
        """Itself, with all that takes time computed.

        Call it in a prefetching thread, so that the one that talks to the database need not wait.
        """
        _ = self.data, self.checksum, [self.whole(name) for name in references(self.table)]
        return self

    def whole(self, column: str) -> Whole:
        """The values of a column of whole numbers."""
        if column not in self.wholes:
            index = list(kinds(self.table)).index(column)
            self.wholes[column] = np.array([row[index] for row in self.rows], np.int64)
        return self.wholes[column]

    def distinct(self, column: str) -> BitMap:
        """The different values of a column of whole numbers."""
        return BitMap(array("I", self.whole(column).astype(np.uint32).tobytes()))

    def take(self, indexes: Iterable[int]) -> RowLines:
        """The rows at these indexes, in this order."""
        wanted = np.fromiter(indexes, np.intp)
        lines = [self.lines[index] for index in wanted.tolist()]
        return RowLines(self.table, lines, {name: whole[wanted] for name, whole in self.wholes.items()})


def joined(parts: Sequence[RowLines]) -> RowLines:
    """The rows of all parts together; at least one part, all of one table."""
    names = {name for part in parts for name in part.wholes}
    wholes = {name: np.concatenate([part.whole(name) for part in parts]) for name in names}
    return RowLines(parts[0].table, [line for part in parts for line in part.lines], wholes)


def line_format(columns: Sized) -> str:
    """The %-format of the line of a row that has these columns."""
    return "\t".join(["%s"] * len(columns)) + "\n"


def to_lines(table: Table, rows: Sequence[Values]) -> RowLines:
    """Rows of valid values, in the order of the table's columns, as lines."""
    text = line_format(kinds(table))
    return RowLines(table, [(text % row).encode() for row in rows], given=rows)
