"""Find where records end in the bytes of a CSV file, and which quotes are never properly closed.

RFC 4180 as Python's `csv` reads it with `strict=True`: a field that begins with a quote ends with the next
quote that is not doubled; a separator, a line end or the end of the file must follow. In other fields a quote
is a character like any other. Lines end with LF, CRLF or CR.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final, NamedTuple

# Bytes of a record without its line end, and from a quote to the one that closes it
LONGEST: Final = 1024 * 1024

# A return that is the last byte may be half of a line end
LINE_END: Final = re.compile(rb"\r?\n|\r(?=[^\n])")
_QUOTED: Final = re.compile(rb'"[^"]*+(?:""[^"]*+)*+"')


class Inside(Enum):
    """What the end of the bytes read so far is inside of, in a record that goes on."""

    QUOTES = 1  # or between two fields: the rest is read from the field's beginning
    FIELD = 2  # that no quote opened
    LINE = 3  # of which only the end is looked for


class Broken(NamedTuple):
    """A quote that is not properly closed: where it opens, and what is wrong with its line."""

    at: int
    reason: str


class Found(NamedTuple):
    """A record up to `end`, its line end included, or up to there only where it goes on `inside` something.

    A record with a broken quote ends with the line in which that quote opens.
    """

    end: int
    inside: Inside | None = None
    broken: Broken | None = None


class Grammar:
    """Finds records whose fields are separated by `delimiter`, a single character.

    The bytes that are looked at end with a line end, or lack one for longer than `LONGEST`.
    """

    def __init__(self, delimiter: str) -> None:
        # One pass: all quantifiers are possessive (`*+`), so that what was matched is never tried in another
        # way. Without that, a megabyte with an open quote would take time that grows with its square
        whole = delimiter.encode()
        sign, first = re.escape(whole), re.escape(whole[:1])
        # Of a separator of several bytes, the first alone may begin another letter
        other = (
            rb"[^%b\r\n]" % first if len(whole) == 1 else rb"(?:[^%b\r\n]|(?!%b)%b)" % (first, sign, first)
        )
        field = rb'(?:%b|(?!")%b++)?+' % (_QUOTED.pattern, other)
        record = rb"%b(?:%b%b)*+(?:%b)" % (field, sign, field, LINE_END.pattern)
        self._records = re.compile(rb"(?:%b)*+" % record)
        self._fields = re.compile(rb"(?:%b%b)*+" % (field, sign))
        self._bare = re.compile(rb"%b*+" % other)
        self._separator = whole

    def well_formed(self, data: bytes, at: int, until: int) -> int:
        """The end of the last well-formed record from `at` on that ends before `until`.

        It is `at` if there is none: the first record ends later, or needs a closer look.
        """
        return _end(self._records, data, at, min(until, at + LONGEST))

    def record(self, data: bytes, at: int, inside: Inside = Inside.QUOTES, *, last: bool) -> Found:
        """Find the end of the record that begins at `at`, or that goes on there `inside` something.

        Args:
            data: bytes of the file.
            at: an offset in them.
            inside: what the bytes before `at` ended inside of.
            last: nothing comes after `data`.
        """
        if inside is Inside.LINE:
            return _to_line_end(data, at)
        while True:
            if inside is Inside.QUOTES:
                at = _end(self._fields, data, at, at + LONGEST)
            if inside is Inside.QUOTES and data.startswith(b'"', at):
                end, reason = self._closing(data, at, last=last)
                if reason is not None:
                    return _to_line_end(data, at, Broken(at, reason))
                if end == at:
                    return Found(at, Inside.QUOTES)
            else:
                end = _end(self._bare, data, at, len(data))
            if not data.startswith(self._separator, end):
                line_end = LINE_END.match(data, end)
                return Found(line_end.end()) if line_end else Found(end, Inside.FIELD)
            at, inside = end + len(self._separator), Inside.QUOTES

    def _closing(self, data: bytes, at: int, *, last: bool) -> tuple[int, str | None]:
        """Find the quote that closes the one at `at`.

        Returns the offset after it, or `at` if it may come later; and why the quote is not properly closed,
        None if it is or may be.
        """
        found = _QUOTED.match(data, at)
        end = found.end() if found else len(data)
        if end - at > LONGEST + 1:
            return at, f"a quote opens in this line and is not closed within {LONGEST} bytes"
        if found is None and last:
            return at, "a quote opens in this line and is not closed"
        if found is None or end == len(data):
            return at, None
        if data.startswith((self._separator, b"\r", b"\n"), end):
            return end, None
        return (
            at,
            "a quote opens in this line, and what follows the next one is no separator",
        )


def _end(pattern: re.Pattern[bytes], data: bytes, at: int, until: int) -> int:
    """The end of what the pattern matches from `at` on, before `until`; `at` if it does not match."""
    found = pattern.match(data, at, until)
    return found.end() if found else at


def _to_line_end(data: bytes, at: int, broken: Broken | None = None) -> Found:
    found = LINE_END.search(data, at)
    if found:
        return Found(found.end(), broken=broken)
    return Found(len(data) - data.endswith(b"\r"), Inside.LINE, broken)
