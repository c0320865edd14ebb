"""Read the records of a CSV file from its bytes, in chunks.

Lines without quotes are split at their separators, well-formed records with quotes by Python's `csv`. Records
that are broken or too long are marked as such, never guessed: `quotes` tells where they end.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hiring_api.model.row_errors import RowError

from .chunks import Chunk, Lines, Position
from .quotes import LINE_END, LONGEST, Grammar, Inside

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .chunks import Bytes, Layout
    from .quotes import Broken, Found

BLOCK: Final = 960 * 1024  # bytes that are read at a time, less than LONGEST: see `_plain`
_MOST: Final = 24_000  # lines of a chunk, or a little more: one of short lines would take twice the memory
_KEPT: Final = 4096  # bytes of a record that is too long
_CERTAIN: Final = LONGEST + 2  # bytes: of more, without a line end, what comes next is too long
_TOO_LONG: Final = RowError(None, "too_long", f"the record is longer than {LONGEST} bytes")

# Python's own limit is for all readers of a process, and less than what a record may have
csv.field_size_limit(2 * LONGEST)


def read_chunks(stream: Bytes, layout: Layout, start: Position, smaller: int = 1) -> Iterator[Chunk]:
    """Yield the records of a stream, in chunks of about a MiB.

    Args:
        stream: bytes in UTF-8, read up to `start.offset` already.
        layout: how its records are to be read.
        start: where its next record begins; `Position()` for the beginning of a file.
        smaller: how many times smaller the chunks are to be.
    """
    reader = _Reader(layout, start)
    while block := stream.read(max(1, BLOCK // smaller)):
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
        """Add well-formed records."""
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=self._delimiter, strict=True)
        before = line = self.line
        for fields in reader:
            self._fields.append(fields)
            self._lines.append(line + 1)
            line = before + reader.line_num
        self.line = line

    def refuse(self, record: bytes, line: int, wrong: RowError, lines: int) -> None:
        """Add a record of so many lines that is wrong as a whole; its fields are left as they came."""
        self.chunk.broken[len(self._fields)] = wrong
        shown = record if len(record) <= LONGEST else record[:_KEPT]
        self._fields.append(shown.decode(errors="backslashreplace").split(self._delimiter))
        self._lines.append(line)
        self.line += lines


@dataclass(slots=True)
class _Long:
    """A record that is too long, while its end is looked for.

    `head` has its first bytes, `wrong` and `line` its error and the line of that. `size` and `lines` are the
    numbers of bytes and lines that were dropped, `inside` what the last of these bytes is inside of.
    """

    head: bytes
    wrong: RowError
    line: int
    inside: Inside = Inside.QUOTES
    size: int = 0
    lines: int = 0


class _Reader:
    """Turns the bytes that are added into chunks.

    `_data` has the lines that are in no chunk yet, or a part of one that is too long; `_rest` the beginning
    of the next line. `_at` is where the next record begins, `_size` the number of bytes read until now.

    Memory stays bounded whatever the file holds: of a record without an end, only `_Long` is kept.
    """

    def __init__(self, layout: Layout, start: Position) -> None:
        self._layout = layout
        self._grammar = Grammar(layout.delimiter)
        self._at = start
        self._size = start.offset
        self._data = self._rest = b""
        self._long: _Long | None = None

    def add(self, block: bytes) -> None:
        """Take the next bytes of the file."""
        self._size += len(block)
        rest = self._rest + block
        cut = _line_end_near(rest, len(rest))
        if not cut and len(rest) > _CERTAIN:
            cut = len(rest)
        self._data += rest[:cut]
        self._rest = rest[cut:]

    def end(self) -> None:
        """Take note that no bytes follow. The last line gets a line end if it has none."""
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
        """Skip the lines before the first record of data."""
        used = lines = 0
        while self._at.line + lines < self._layout.starts and (end := LINE_END.search(self._data, used)):
            used, lines = end.end(), lines + 1
        self._data = self._data[used:]
        self._move(used, lines, 0)

    def _move(self, size: int, lines: int, records: int) -> None:
        """Advance by so many bytes, lines and records."""
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
        return Chunk(self._at.record + 1, Lines(lines, self._layout.delimiter), numbers, plain=data)

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
        """Add the well-formed records from `at` to `end`."""
        try:
            part.read(self._data[at:end].decode())
        except UnicodeDecodeError:
            while at < end:
                found = self._grammar.record(self._data, at, last=False)
                self._read_one(part, at, found)
                at = found.end

    def _read_one(self, part: _Part, at: int, found: Found) -> None:
        """Add the record from `at` on."""
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


def _line_end_near(data: bytes, at: int) -> int:
    """The offset after the first line end at or after `at`, else after the last one; 0 without any."""
    found = LINE_END.search(data, max(at - 1, 0))
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
