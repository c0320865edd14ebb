"""Rows in the canonical form: what a fast way in sends, and what a checksum is made of.

A row's line is `str()` of each of its values, tabs between, ended by a line feed. Valid text holds no control
character, so nothing in it needs an escape.
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
    """Rows of `table` by their lines; `wholes` has columns of whole numbers and `given` the values, where
    these are known already.
    """

    table: Table
    lines: list[bytes]
    wholes: dict[str, Whole] = field(default_factory=dict)
    given: Sequence[Values] | None = None

    def __len__(self) -> int:
        return len(self.lines)

    @cached_property
    def rows(self) -> Sequence[Values]:
        """The values of each row."""
        if self.given is not None:
            return self.given
        columns = zip(*(line[:-1].decode().split("\t") for line in self.lines), strict=True)
        values = [kind.from_line(texts) for kind, texts in zip(kinds(self.table).values(), columns)]  # noqa: B905  # no rows, no columns
        return list(zip(*values, strict=True))

    @cached_property
    def data(self) -> bytes:
        """All lines."""
        return b"".join(self.lines)

    @cached_property
    def ids(self) -> BitMap:
        """The ids of the rows."""
        return self.distinct("id")

    @cached_property
    def checksum(self) -> Checksum:
        """Of the rows: equal to that of the same rows stored."""
        # Not NumPy's sum: a single product may have 63 bits
        return Checksum(len(self), sum(map(mul, map(crc32, self.lines), self.whole("id").tolist())))

    def ready(self) -> RowLines:
        """Itself, with what takes time done: for another thread than the one that talks to the database."""
        _ = self.data, self.checksum, [self.whole(name) for name in references(self.table)]
        return self

    def whole(self, column: str) -> Whole:
        """The values of a column of whole numbers."""
        if column not in self.wholes:
            place = list(kinds(self.table)).index(column)
            self.wholes[column] = np.array([row[place] for row in self.rows], np.int64)
        return self.wholes[column]

    def distinct(self, column: str) -> BitMap:
        """The different values of a column of whole numbers."""
        return BitMap(array("I", self.whole(column).astype(np.uint32).tobytes()))

    def take(self, places: Iterable[int]) -> RowLines:
        """The rows at these places, in this order."""
        wanted = np.fromiter(places, np.intp)
        lines = [self.lines[place] for place in wanted.tolist()]
        return RowLines(self.table, lines, {name: whole[wanted] for name, whole in self.wholes.items()})


def joined(parts: Sequence[RowLines]) -> RowLines:
    """The rows of all parts, of which there is at least one, all of one table."""
    names = {name for part in parts for name in part.wholes}
    wholes = {name: np.concatenate([part.whole(name) for part in parts]) for name in names}
    return RowLines(parts[0].table, [line for part in parts for line in part.lines], wholes)


def line_format(columns: Sized) -> str:
    """The format of a row's line, to be filled with the values of these columns."""
    return "\t".join(["%s"] * len(columns)) + "\n"


def to_lines(table: Table, rows: Sequence[Values]) -> RowLines:
    """Valid rows in the canonical form."""
    text = line_format(table.columns)
    return RowLines(table, [(text % row).encode() for row in rows], given=rows)
