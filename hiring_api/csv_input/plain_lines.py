"""Take valid rows straight from the bytes of CSV lines, with NumPy.

Most lines of most files are rows already: their fields stand in the table's order and are written as they are
stored (but for an instant's `T` and `Z`), without quotes. Their bytes need not become Python values at all,
which takes a seventh of the time. Lines that are in doubt are left to `validation`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from hiring_api.model.columns import Whole
from hiring_api.model.columns.byte_columns import ByteColumn, odd_bytes
from hiring_api.model.row_lines import RowLines
from hiring_api.model.tables import kinds

if TYPE_CHECKING:
    from sqlalchemy import Table

    from hiring_api.model.columns.byte_columns import Bytes, Indexes, Mask

    from .chunks import Chunk, Layout

_LINE_FEED, _TAB = b"\n\t"
NONE: Final = np.empty(0, np.intp)


def plain_rows(table: Table, layout: Layout, chunk: Chunk) -> tuple[Indexes, RowLines]:
    """The valid rows among the plain lines of a chunk, and their indexes in it.

    There are none if the fields stand in another order than the table's columns, or the chunk has quotes.
    """
    if not chunk.plain or layout.names != tuple(kinds(table)) or not layout.delimiter.isascii():
        return NONE, RowLines(table, [])
    lines = _split(chunk.plain, ord(layout.delimiter), len(layout.names))
    kept = np.ones(len(lines.data), np.bool_)
    columns = dict(zip(kinds(table), lines.fields(kept), strict=True))
    good = np.ones(len(lines.fits), np.bool_)
    numbers = {}
    for name, kind in kinds(table).items():
        if isinstance(kind, Whole):
            numbers[name] = kind.numbers(columns[name])
            good &= numbers[name] > 0
        else:
            good &= kind.check_bytes(columns[name])
    for name, kind in kinds(table).items():
        kind.normalize(columns[name], good)
    wholes = {name: found[good] for name, found in numbers.items()}
    return lines.fits[good], RowLines(table, lines.canonical(good, kept), wholes)


@dataclass(frozen=True, slots=True)
class _Lines:
    """Lines as offsets into `data`, their bytes.

    `starts` and `ends` (the offset of the line feed) have one entry per line. `fits` has the indexes of the
    lines with the right number of fields; `cuts[i, j]` is the offset of separator i in the j-th of those.
    """

    data: Bytes
    starts: Indexes
    ends: Indexes
    fits: Indexes
    cuts: Indexes

    def fields(self, kept: Mask) -> list[ByteColumn]:
        """The fields of the lines that fit, one `ByteColumn` per column."""
        odd = odd_bytes(self.data)
        starts = [self.starts[self.fits], *(self.cuts + 1)]
        ends = [*self.cuts, self.ends[self.fits]]
        return [ByteColumn(self.data, kept, odd, *bounds) for bounds in zip(starts, ends, strict=True)]

    def canonical(self, good: Mask, kept: Mask) -> list[bytes]:
        """The lines that fit and are `good`, in the form of `RowLines`, from those bytes that are `kept`."""
        # In place: a copy of each line would take more time than all checks. A byte that goes (an instant's
        # Z) is unset in `kept`; one that changes (its T, a separator) is overwritten
        self.data[self.cuts[:, good]] = _TAB
        chosen = np.zeros(len(self.starts), np.bool_)
        chosen[self.fits[good]] = True
        kept &= np.repeat(chosen, self.ends + 1 - self.starts)
        return self.data[kept].tobytes().splitlines(keepends=True)


def _split(text: bytes, delimiter: int, width: int) -> _Lines:
    # A line fits if as many separators lie before its end as before its start, and `width - 1` more
    data = np.frombuffer(bytearray(text), np.uint8)
    ends = np.flatnonzero(data == _LINE_FEED)
    starts = np.concatenate([[0], ends[:-1] + 1])
    cuts = np.flatnonzero(data == delimiter)
    firsts = np.searchsorted(cuts, starts)
    fits = np.flatnonzero(np.searchsorted(cuts, ends) - firsts == width - 1)
    inner = cuts[firsts[fits] + np.arange(width - 1)[:, None]]
    return _Lines(data, starts, ends, fits, inner)
