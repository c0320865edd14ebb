"""CSV bytes -> records with their physical lines, in chunks; what cannot be split is marked, never guessed.

Lines without quotes are split at their separators, well-formed records with quotes by Python's `csv`.
Between these are the records that are broken or too long: `csv_quotes` tells where they end.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol, overload

from hiring_api.model.row_errors import RowError

from .quotes import LINE_END, LONGEST, Grammar, Inside

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .quotes import Broken, Found

BLOCK: Final = 640 * 1024  # bytes that are read at a time
_MOST: Final = 16_000  # lines of a chunk, or a little more: one of short lines would take twice the memory
_KEPT: Final = 4096  # bytes of a record that is too long
_CERTAIN: Final = LONGEST + 2  # bytes: of more, without a line end, what comes next is too long
_TOO_LONG: Final = RowError(None, "too_long", f"the record is longer than {LONGEST} bytes")

# Python's own limit is for all readers of a process, and less than what a record may have
csv.field_size_limit(2 * LONGEST)


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
    the records where each is a line without a quote; the lines end with LF there, whatever the file has.
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
        line = self._lines[place]
        return line.split(self._delimiter) if line else []


def read_chunks(stream: Bytes, layout: Layout, start: Position) -> Iterator[Chunk]:
    """The records of `stream` (UTF-8, read up to `start.offset` already) in chunks of about half a MiB."""
    reader = _Reader(layout, start)
    while block := stream.read(BLOCK):
        reader.add(block)
        yield from reader.chunks(last=False)
    reader.end()
    yield from reader.chunks(last=True)


class _Part:
    """Records that become a chunk; `line` is the number of lines before the next one."""

    def __init__(self, delimiter: str, begin: Position) -> None:
        self._delimiter = delimiter
        self._fields: list[list[str]] = []
        self._lines: list[int] = []
        self.line = begin.line
        self.chunk = Chunk(begin.record + 1, self._fields, self._lines)

    def read(self, text: str) -> None:
        """Adds well-formed records."""
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=self._delimiter, strict=True)
        before = line = self.line
        for fields in reader:
            self._fields.append(fields)
            self._lines.append(line + 1)
            line = before + reader.line_num
        self.line = line

    def refuse(self, record: bytes, line: int, wrong: RowError, lines: int) -> None:
        """Adds a record of so many lines that is wrong as a whole; its fields are left as they came."""
        self.chunk.broken[len(self._fields)] = wrong
        shown = record if len(record) <= LONGEST else record[:_KEPT]
        self._fields.append(shown.decode(errors="backslashreplace").split(self._delimiter))
        self._lines.append(line)
        self.line += lines


@dataclass(slots=True)
class _Long:
    """A record that is too long, while its end is looked for: its first bytes; how many bytes and lines of it
    were dropped, and what these end inside of; what is wrong with it, at which line.
    """  # one thought

    head: bytes
    wrong: RowError
    line: int
    inside: Inside = Inside.QUOTES
    size: int = 0
    lines: int = 0


class _Reader:
    """Makes chunks of the bytes that are added.

    `_data` has the lines that are in no chunk yet, or a part of one that is too long; `_rest` the beginning
    of the next line. `_at` is where the next record begins, `_size` the size of the file until now.
    """

    def __init__(self, layout: Layout, start: Position) -> None:
        self._layout = layout
        self._grammar = Grammar(layout.delimiter)
        self._at = start
        self._size = start.offset
        self._data = self._rest = b""
        self._long: _Long | None = None

    def add(self, block: bytes) -> None:
        """Takes the next bytes of the file."""
        self._size += len(block)
        rest = self._rest + block
        cut = _line_end_near(rest, len(rest))
        if not cut and len(rest) > _CERTAIN:
            cut = len(rest)
        self._data += rest[:cut]
        self._rest = rest[cut:]

    def end(self) -> None:
        """Takes it that there are no more. Then the last line has a line end, if not its own."""
        self._data += self._rest
        if (self._data or self._long) and not self._data.endswith(b"\n"):
            self._data += b"\n"

    def chunks(self, *, last: bool) -> Iterator[Chunk]:
        """Chunks of the records that are whole; with `last` all are."""
        lines = max(self._data.count(b"\n"), self._data.count(b"\r"))
        size = len(self._data) // (lines // _MOST + 1)
        while self._data:
            begin = self._at
            self._pass_head()
            chunk = self._next(size, last=last) if self._long is None else self._after(self._long, last=last)
            if self._at == begin:
                return
            chunk.end = self._at
            yield chunk

    def _pass_head(self) -> None:
        """Leaves out the lines before the first record of data."""
        used = lines = 0
        while self._at.line + lines < self._layout.starts and (end := LINE_END.search(self._data, used)):
            used, lines = end.end(), lines + 1
        self._data = self._data[used:]
        self._move(used, lines, 0)

    def _move(self, size: int, lines: int, records: int) -> None:
        """Goes on to the place after so many bytes, lines and records."""
        at = self._at
        # The last line end may be one that `end` added
        self._at = Position(min(at.offset + size, self._size), at.line + lines, at.record + records)

    def _next(self, size: int, *, last: bool) -> Chunk:
        """The records in about the next `size` bytes; none where the first one is not whole."""
        cut = _line_end_near(self._data, size)
        chunk = self._plain(self._data[:cut])
        if chunk is None:
            return self._careful(cut or len(self._data), last=last)
        self._data = self._data[cut:]
        self._move(cut, len(chunk.fields), len(chunk.fields))
        return chunk

    def _plain(self, data: bytes) -> Chunk | None:
        """Lines as a chunk; None where they need a closer look."""
        if not 0 < len(data) <= LONGEST or b'"' in data:
            return None
        if b"\r" in data:
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        try:
            lines = data[:-1].decode().split("\n")
        except UnicodeDecodeError:
            return None
        numbers = range(self._at.line + 1, self._at.line + 1 + len(lines))
        return Chunk(self._at.record + 1, _Lines(lines, self._layout.delimiter), numbers, plain=data)

    def _careful(self, until: int, *, last: bool) -> Chunk:
        """The records that begin before `until` in `_data`, as far as they are whole."""
        part = _Part(self._layout.delimiter, self._at)
        at = 0
        while at < until:
            end = self._grammar.well_formed(self._data, at, until)
            if end > at:
                self._read(part, at, end)
            else:
                found = self._grammar.record(self._data, at, last=last)
                if found.inside is not None:
                    break
                end = found.end
                self._read_one(part, at, found)
            at = end
        if not at and len(self._data) > _CERTAIN:
            self._long = _Long(self._data[:_KEPT], _TOO_LONG, self._at.line + 1)
            return self._after(self._long, last=last)
        self._data = self._data[at:]
        self._move(at, part.line - self._at.line, len(part.chunk.fields))
        return part.chunk

    def _read(self, part: _Part, at: int, end: int) -> None:
        """Adds the well-formed records from `at` to `end`."""
        try:
            part.read(self._data[at:end].decode())
        except UnicodeDecodeError:
            while at < end:
                found = self._grammar.record(self._data, at, last=False)
                self._read_one(part, at, found)
                at = found.end

    def _read_one(self, part: _Part, at: int, found: Found) -> None:
        """Adds the record from `at` on."""
        data = self._data[at : found.end]
        record = data.rstrip(b"\r\n")
        line, lines = part.line + 1, _line_ends(data)
        if found.broken is not None:
            line += _line_ends(self._data[at : found.broken.at])
            part.refuse(record, line, _not_closed(found.broken), lines)
        elif len(record) > LONGEST:
            part.refuse(record, line, _TOO_LONG, lines)
        else:
            try:
                part.read(data.decode())
            except UnicodeDecodeError as error:
                part.refuse(record, line, _no_text(data, error), lines)

    def _after(self, long: _Long, *, last: bool) -> Chunk:
        """The record that is too long, when its end has come; no record until then."""
        part = _Part(self._layout.delimiter, self._at)
        found = self._grammar.record(self._data, 0, long.inside, last=last)
        if found.broken is not None:
            long.wrong = _not_closed(found.broken)
            long.line = part.line + 1 + long.lines + _line_ends(self._data[: found.broken.at])
        long.size += found.end
        long.lines += _line_ends(self._data[: found.end])
        self._data = self._data[found.end :]
        if found.inside is not None:
            long.inside = found.inside
            return part.chunk
        self._long = None
        part.refuse(long.head, long.line, long.wrong, long.lines)
        self._move(long.size, long.lines, 1)
        return part.chunk


def _line_end_near(data: bytes, place: int) -> int:
    """The place after the first line end at or after `place`, else after the last one; 0 without any."""
    found = LINE_END.search(data, max(place - 1, 0))
    if found:
        return found.end()
    return max(data.rfind(b"\n"), data.rfind(b"\r", 0, max(len(data) - 1, 0))) + 1


def _line_ends(data: bytes) -> int:
    return data.count(b"\n") + data.count(b"\r") - data.count(b"\r\n")


def _not_closed(broken: Broken) -> RowError:
    return RowError(None, "invalid_format", broken.reason)


def _no_text(record: bytes, error: UnicodeDecodeError) -> RowError:
    what = "line" if _line_ends(record) == 1 else "record"
    message = f"byte {error.start + 1} of the {what} is not UTF-8: 0x{record[error.start]:02x}"
    return RowError(None, "invalid_characters", message)
