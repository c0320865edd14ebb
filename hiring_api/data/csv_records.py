"""CSV bytes -> records with their physical lines, in chunks; what cannot be split is marked, never guessed.

A quoted field may span lines. But a quote that never closes must not swallow the rest of the file: it has
to close, properly, within some lines, and what it spans must not look like records of its own. Else the
line where it opened is a broken record, and reading goes on with the next line (RFC 4180, 2.6 and 2.7).
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Final, Protocol, overload

from .rows import RowError

if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCK: Final = 640 * 1024  # bytes; half of it is the longest line
_MOST: Final = 16_000  # lines of a block, or a little more: a block of short ones would take twice the memory
_SPAN: Final = 100  # lines of one record
_KEPT: Final = 4096  # bytes of a line that is too long


class Bytes(Protocol):
    """What can be read like a binary file."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How the records of a file are to be read.

    `names` has the column of each field, None for a field that is ignored. `starts` is the number of lines
    before the first record of data. In files that this program wrote, `reject` is the place of the field
    that has the key of the reject that a record repairs, `surplus` of the one with what its line had more.
    """

    names: tuple[str | None, ...]
    delimiter: str
    starts: int = 0
    reject: int | None = None
    surplus: int | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """A place between two records: how many bytes, lines and records are before it."""

    offset: int = 0
    line: int = 0
    record: int = 0


@dataclass(slots=True)
class Chunk:
    """Some consecutive records: their fields, physical lines (from 1), and what is wrong with single ones.

    `first` is the number of the first record, `end` the place after the last one. `plain` has the bytes of
    the records where each is a line without a quote.
    """

    first: int
    fields: Sequence[list[str]] = ()
    lines: Sequence[int] = ()
    broken: dict[int, RowError] = field(default_factory=dict)
    end: Position = field(default_factory=Position)
    plain: bytes = b""


class _Lines(Sequence[list[str]]):
    """The fields of lines without quotes. Those of most records are never asked for."""

    def __init__(self, lines: list[str], delimiter: str) -> None:
        self._lines = lines
        self._delimiter = delimiter

    def __len__(self) -> int:
        return len(self._lines)

    @overload
    def __getitem__(self, place: int) -> list[str]: ...

    @overload
    def __getitem__(self, place: slice) -> _Lines: ...

    def __getitem__(self, place: int | slice) -> list[str] | _Lines:
        if isinstance(place, slice):
            return _Lines(self._lines[place], self._delimiter)
        return self._lines[place].split(self._delimiter)


def read_chunks(stream: Bytes, layout: Layout, start: Position) -> Iterator[Chunk]:
    """The records of `stream` (UTF-8, read up to `start.offset` already) in chunks of about half a MiB."""
    at, rest = start, b""
    for block, dropped, last in _blocks(stream):
        if not rest and not block:
            return
        chunk, used = _parse(rest + block, layout, at, last=last)
        rest = (rest + block)[used:]
        at = Position(at.offset + used + dropped, chunk.end.line, chunk.end.record)
        chunk.end = at
        yield chunk


def _blocks(stream: Bytes) -> Iterator[tuple[bytes, int, bool]]:
    """Whole lines, about half a MiB; how many bytes of a too long one were dropped; whether it is all."""
    left, dropped = b"", 0
    while block := stream.read(BLOCK):
        left += block
        cut = left.rfind(b"\n") + 1
        if cut:
            whole, left = left[:cut], left[cut:]
            for part in _parts(whole):
                yield part, dropped, False
                dropped = 0
        elif len(left) > 2 * BLOCK:
            dropped += len(left) - BLOCK - 1
            left = left[: BLOCK + 1]
    yield left, dropped, True


def _parts(lines: bytes) -> Iterator[bytes]:
    """The lines, which all have their ends, in parts of equal length."""
    size = len(lines) // (lines.count(b"\n") // _MOST + 1)
    start = 0
    while start < len(lines):
        end = lines.find(b"\n", start + size - 1) + 1 or len(lines)
        yield lines[start:end]
        start = end


def _parse(data: bytes, layout: Layout, at: Position, *, last: bool) -> tuple[Chunk, int]:
    """The records in whole lines, and how many bytes they took: an open quote leaves some to the next."""
    skipped = data.split(b"\n", layout.starts - at.line) if at.line < layout.starts else []
    head = sum(len(line) + 1 for line in skipped[:-1])
    body = data[head:]
    begin = Position(0, max(at.line, min(layout.starts, at.line + len(skipped) - 1)), at.record)
    chunk = Chunk(begin.record + 1)
    fields = _split_plain(body, layout.delimiter)
    if fields is None:
        return _split_careful(body, layout, begin, head, last=last)
    chunk.fields = fields
    chunk.plain = body if isinstance(fields, _Lines) else b""
    chunk.lines = range(begin.line + 1, begin.line + 1 + len(fields))
    chunk.end = Position(0, begin.line + len(fields), begin.record + len(fields))
    return chunk, len(data)


def _lines(data: bytes) -> list[bytes]:
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    return lines


def _split_plain(data: bytes, delimiter: str) -> Sequence[list[str]] | None:
    """The records where every line is one; None where a closer look is needed."""
    try:
        text = data.decode().replace("\r\n", "\n")
    except UnicodeDecodeError:
        return None
    lines = text.removesuffix("\n").split("\n") if text else []
    if len(max(lines, key=len, default="")) > BLOCK // 2:
        return None
    if '"' not in text:
        return _Lines(lines, delimiter)
    try:
        fields = list(csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=True))
    except csv.Error:
        return None
    return fields if len(fields) == len(lines) else None


def _split_careful(
    data: bytes, layout: Layout, begin: Position, head: int, *, last: bool
) -> tuple[Chunk, int]:
    lines = _lines(data)
    chunk = Chunk(begin.record + 1)
    records: list[list[str]] = []
    starts: list[int] = []
    place = used = 0
    while place < len(lines):
        record = _record(lines, place, layout, last=last)
        if record is None:
            break
        fields, span, wrong = record
        if wrong is not None:
            chunk.broken[len(starts)] = wrong
        records.append(fields)
        starts.append(begin.line + 1 + place)
        used += sum(len(line) + 1 for line in lines[place : place + span])
        place += span
    chunk.fields = records
    chunk.lines = starts
    chunk.end = Position(0, begin.line + place, begin.record + len(starts))
    return chunk, head + min(used, len(data))


def _record(
    lines: list[bytes], place: int, layout: Layout, *, last: bool
) -> tuple[list[str], int, RowError | None] | None:
    """The record that begins at a line, its number of lines, and what is wrong with it.

    None where it may go on after the last of `lines`.
    """
    line = lines[place].removesuffix(b"\r")
    shown = line[:_KEPT].decode(errors="backslashreplace").split(layout.delimiter)
    if len(line) > BLOCK // 2:
        return shown, 1, RowError(None, "too_long", f"the line is longer than {BLOCK // 2} bytes")
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        message = f"byte {error.start + 1} of the line is not UTF-8: 0x{line[error.start]:02x}"
        return shown, 1, RowError(None, "invalid_characters", message)
    if '"' not in text:
        return text.split(layout.delimiter), 1, None
    return _quoted(lines, place, layout, last=last)


def _quoted(
    lines: list[bytes], place: int, layout: Layout, *, last: bool
) -> tuple[list[str], int, RowError | None] | None:
    following = (
        line.decode("utf-8", "surrogateescape") + "\n" for line in islice(lines, place, place + _SPAN)
    )
    reader = csv.reader(following, delimiter=layout.delimiter, strict=True, skipinitialspace=True)
    try:
        fields = next(reader)
    except csv.Error as error:
        opened = "end of data" in str(error) or "field limit" in str(error)
        if opened and not last and place + _SPAN > len(lines):
            return None
        return _broken(lines[place], layout, opened=opened)
    span = reader.line_num
    if span > 1 and (
        len(fields) != len(layout.names) or _has_records(lines[place + 1 : place + span], layout)
    ):
        return _broken(lines[place], layout, opened=True)
    return fields, span, None


def _has_records(lines: list[bytes], layout: Layout) -> bool:
    """Whether one of the lines that a quote spans is a record by its number of fields."""
    separator = layout.delimiter.encode()
    return any(line.count(separator) == len(layout.names) - 1 for line in lines)


def _broken(line: bytes, layout: Layout, *, opened: bool) -> tuple[list[str], int, RowError]:
    text = line.decode(errors="backslashreplace").removesuffix("\r")
    message = "a quote opens in this line and is not closed" if opened else "a quote stands inside a field"
    return text.split(layout.delimiter), 1, RowError(None, "invalid_format", message)
