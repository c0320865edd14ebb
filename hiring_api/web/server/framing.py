"""Find the end of a request's body on the wire (RFC 9112, sections 6 and 7), in pieces of any size.

Nothing is decoded or validated here: gunicorn's parser does that with the same bytes once they are all there.
What is found here must therefore be the end that gunicorn finds. Whatever is doubtful (a bare line feed, a
size that is no hexadecimal number) is called broken; the parser then reads what came and refuses it.
"""

from __future__ import annotations

import re
from typing import Protocol

# The size of a chunk, up to 2**60, and extensions, which nobody uses and everybody ignores
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[ \t]*;[^\r]*)?\r\n")
_LONGEST_LINE = 8190  # as gunicorn: of a chunk's size with its extensions
_MOST_TRAILERS = 32 * 1024
# Framing is kept on disk with the content, and no limit of bodies counts it. So there may be as many bytes of
# it for each byte of content (chunks of one byte have five), and some more for trailers and small bodies
_OVERHEAD = 8
_FREE_OVERHEAD = 64 * 1024
_END = b"\r\n"


class Framing(Protocol):
    """The state of a body that is being received. Call `take` until it has `ended` or is `broken`."""

    @property
    def size(self) -> int:
        """Bytes of content so far, without the framing around them."""

    @property
    def ended(self) -> bool:
        """True when nothing is missing."""

    @property
    def broken(self) -> bool:
        """True when no end can be found: what came is no such body, or has too much framing."""

    def take(self, data: bytes) -> int:
        """Go on with `data`; return how many of its bytes are the body's: all, unless it ends among them."""


class Length:
    """A body of as many bytes as its Content-Length says."""

    def __init__(self, length: int) -> None:
        self.length = length
        self.size = 0
        self.broken = False

    @property
    def ended(self) -> bool:
        """True when all bytes came."""
        return self.size == self.length

    def take(self, data: bytes) -> int:
        """See `Framing`."""
        taken = min(len(data), self.length - self.size)
        self.size += taken
        return taken


class Chunks:
    """A chunked body (RFC 9112, section 7.1).

    For each chunk a line with its size, as many bytes, and a line end; a line with the size 0; trailers, a
    line each; an empty line. `_read` is the method that takes the next line: it says where in this order the
    body has come to.
    """

    def __init__(self) -> None:
        self.size = 0
        self.ended = self.broken = False
        self._missing = 0  # bytes of the present chunk
        self._line = bytearray()  # the present line, as far as it came
        self._read = self._size_line
        self._trailers = self._taken = 0

    def take(self, data: bytes) -> int:
        """See `Framing`."""
        start = 0
        while start < len(data) and not (self.ended or self.broken):
            start = self._content(data, start) if self._missing else self._rest_of_line(data, start)
        self._taken += start
        self.broken |= self._taken - self.size > _OVERHEAD * self.size + _FREE_OVERHEAD
        return start

    def _content(self, data: bytes, start: int) -> int:
        """Take bytes of the present chunk from `start` on; return where they end."""
        taken = min(self._missing, len(data) - start)
        self.size += taken
        self._missing -= taken
        return start + taken

    def _rest_of_line(self, data: bytes, start: int) -> int:
        """Take bytes of the present line from `start` on, read it if it is whole; return where they end."""
        end = data.find(b"\n", start) + 1 or len(data)
        self._line += data[start:end]
        if self._line.endswith(b"\n"):
            line = bytes(self._line)
            self._line.clear()
            self.broken = not line.endswith(_END)
            if not self.broken:
                self._read(line)
        else:
            self.broken = len(self._line) > _LONGEST_LINE
        return end

    def _size_line(self, line: bytes) -> None:
        found = _SIZE.fullmatch(line)
        self.broken = found is None
        if found:
            self._missing = int(found[1], 16)
            self._read = self._line_after_content if self._missing else self._trailer

    def _line_after_content(self, line: bytes) -> None:
        self.broken = line != _END
        self._read = self._size_line

    def _trailer(self, line: bytes) -> None:
        self.ended = line == _END
        self._trailers += len(line)
        self.broken = self._trailers > _MOST_TRAILERS
