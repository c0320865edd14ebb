"""The layout of a CSV file, positions in it, and chunks of its records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, overload

if TYPE_CHECKING:
    from hiring_api.model.row_errors import RowError


class Bytes(Protocol):
    """Anything that can be read like a binary file."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The layout of a file: how its records are read.

    `names` has the column of each field, None for a field that is ignored. `starts` is the number of lines
    before the first record of data. In a rejects file, which this program wrote, `reject` is the index of the
    field with the key of the reject that a record repairs, `surplus` of the one with surplus fields.
    """

    names: tuple[str | None, ...]
    delimiter: str
    starts: int = 0
    reject: int | None = None
    surplus: int | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """A point between two records: how many bytes, lines and records are before it."""

    offset: int = 0
    line: int = 0
    record: int = 0


@dataclass(slots=True)
class Chunk:
    """Consecutive records of a CSV file.

    `fields` has the texts of each record, `lines` the number (from 1) of the line that each begins on, and
    `broken` the error of those that could not be split, by index. `first` is the number of the first record,
    `end` the position after the last one. `plain` has the bytes of the records if each is a line without a
    quote, else none; all lines end with LF there, whatever the file has.
    """

    first: int
    fields: Sequence[list[str]] = ()
    lines: Sequence[int] = ()
    broken: dict[int, RowError] = field(default_factory=dict)
    end: Position = field(default_factory=Position)
    plain: bytes = b""


class Lines(Sequence[list[str]]):
    """The fields of lines without quotes, split when they are asked for: those of most never are."""

    def __init__(self, lines: list[str], delimiter: str) -> None:
        self._lines = lines
        self._delimiter = delimiter

    def __len__(self) -> int:
        return len(self._lines)

    @overload
    def __getitem__(self, index: int) -> list[str]: ...

    @overload
    def __getitem__(self, index: slice) -> Lines: ...

    def __getitem__(self, index: int | slice) -> list[str] | Lines:
        if isinstance(index, slice):
            return Lines(self._lines[index], self._delimiter)
        line = self._lines[index]
        return line.split(self._delimiter) if line else []
