"""CSV files on disk: their compression, encoding and layout, and streams of their bytes as UTF-8."""

from __future__ import annotations

import codecs
import gzip
import hashlib
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Final

import zstandard

from hiring_api.errors import InvalidFile

from .binary import no_csv
from .layout import find_layout
from .records import BLOCK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from sqlalchemy import Table

    from .chunks import Bytes, Layout

_PACKED: Final = 1024  # bytes; unpacked, they are 32 MB at most
_SAMPLE: Final = 256 * 1024  # bytes
_FEW: Final = 10  # lines that are not UTF-8
_FEW_OF_ALL: Final = 0.001


@dataclass(frozen=True, slots=True)
class Choices:
    """The user's choices for a file; None for what is to be detected."""

    delimiter: str | None = None
    encoding: str | None = None
    columns: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class RawFile:
    """The bytes of a file as they came, which can be opened again and again.

    `name` is what the user calls it. If `compressed`, gzip and Zstandard are detected and unpacked.
    """

    name: str
    open: Callable[[], AbstractContextManager[IO[bytes]]]
    compressed: bool = True


def on_disk(path: Path, name: str) -> RawFile:
    """A file on disk; `name` is what the user calls it."""
    return RawFile(name, lambda: path.open("rb"))


@dataclass(frozen=True, slots=True)
class CsvFile:
    """A file whose records can be read.

    `digest` is the SHA-256 of its content, uncompressed and in UTF-8, in hex; `size` and `lines` are the
    numbers of bytes and lines of that. `encoding` is None for UTF-8.
    """

    content: RawFile
    encoding: str | None
    layout: Layout
    digest: str
    size: int
    lines: int

    def fingerprint(self) -> str:
        """Fingerprint of the file's content and layout, independent of its name and compression.

        A load that was interrupted goes on only in a file with the same one.
        """
        return hashlib.sha256(f"{self.digest} {self.layout}".encode()).hexdigest()

    @contextmanager
    def open(self, offset: int = 0) -> Iterator[Bytes]:
        """Open the file as UTF-8 bytes without a byte order mark, from `offset` on.

        Raises:
            InvalidFile: the compressed data is damaged.
        """
        with _open(self.content, self.encoding) as stream:
            _skip(stream, offset)
            yield stream


def inspect(content: RawFile, table: Table, choices: Choices) -> CsvFile:
    """Read a file once, without keeping it, and find out how it is to be read as rows of `table`.

    Raises:
        InvalidFile: it is unreadable, binary, damaged, in another encoding, or its header does not fit.
    """
    with _open(content, choices.encoding) as stream:
        scan = _scan(stream)
    instead = no_csv(scan.sample)
    if instead is not None:
        raise InvalidFile(f"{content.name} is not a CSV file: {instead}")
    if scan.wrong > max(_FEW, _FEW_OF_ALL * scan.lines):
        raise InvalidFile(
            f"{content.name} is not UTF-8: {scan.wrong} of its {scan.lines} lines have other bytes. "
            "Save it as UTF-8, or name its encoding to the migration job, such as --encoding latin-1"
        )
    try:
        layout = find_layout(table, scan.sample, choices.delimiter, choices.columns)
    except InvalidFile as error:
        raise InvalidFile(f"{content.name}: {error.message}") from None
    return CsvFile(content, choices.encoding, layout, scan.digest, scan.size, scan.lines)


@dataclass(frozen=True, slots=True)
class _Scan:
    """The results of one pass over a file; `wrong` is the number of lines that are not UTF-8."""

    digest: str
    size: int
    lines: int
    wrong: int
    sample: bytes


def _scan(stream: Bytes) -> _Scan:
    digest = hashlib.sha256()
    size = wrong = lines = 0
    sample = left = b""
    while block := stream.read(BLOCK):
        digest.update(block)
        size += len(block)
        sample += block[: _SAMPLE - len(sample)]
        data = left + (block if b"\n" in block else block.replace(b"\r", b"\n"))
        cut = data.rfind(b"\n") + 1
        lines += data.count(b"\n")
        wrong += _wrong_lines(data[:cut])
        left = data[cut:][-BLOCK:]
    return _Scan(digest.hexdigest(), size, lines + bool(left), wrong + _wrong_lines(left), sample)


def _wrong_lines(data: bytes) -> int:
    try:
        data.decode()
    except UnicodeDecodeError:
        return sum(1 for line in data.split(b"\n") if not _is_utf8(line))
    return 0


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


@contextmanager
def _open(content: RawFile, encoding: str | None) -> Iterator[Any]:
    try:
        with content.open() as file, _decompressed(file, allowed=content.compressed) as plain:
            stream: Any = plain if encoding is None else _Transcoded(plain, encoding, content.name)
            yield _Unmarked(stream)
    except (EOFError, zlib.error, gzip.BadGzipFile, zstandard.ZstdError) as error:
        raise InvalidFile(f"{content.name} is compressed and damaged: {error}") from error
    except OSError as error:
        raise InvalidFile(f"{content.name} cannot be read: {error.strerror or error}") from error


@contextmanager
def _decompressed(file: IO[bytes], *, allowed: bool) -> Iterator[Any]:
    magic = file.read(4) if allowed else b""
    file.seek(0)
    if magic.startswith(b"\x1f\x8b"):
        with gzip.open(file) as plain:
            yield plain
    elif magic == b"\x28\xb5\x2f\xfd":
        yield _Frames(file)
    else:
        yield file


class _Frames:
    """A stream of Zstandard frames. The library's own reader takes one that is cut short for a whole one."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._plain = b""

    def read(self, size: int) -> bytes:
        """Return `size` bytes, fewer only at the end: a chunk of a load is what one call returns."""
        plain = bytearray(self._plain)
        while len(plain) < size and (packed := self._frame.unused_data or self._file.read(_PACKED)):
            if self._frame.eof:
                self._frame = zstandard.ZstdDecompressor().decompressobj()
            plain += self._frame.decompress(packed)
        if len(plain) < size and not self._frame.eof:
            raise EOFError("it is cut short")
        self._plain = bytes(plain[size:])
        return bytes(plain[:size])


class _Transcoded:
    """A stream in another encoding, read as UTF-8; bytes that it has no character for stay wrong bytes."""

    def __init__(self, stream: Bytes, encoding: str, name: str) -> None:
        self._stream = stream
        self._encoding = encoding
        self._name = name
        self._decoder = codecs.getincrementaldecoder(encoding)("surrogateescape")
        self._left = b""
        self._ended = False

    def read(self, size: int) -> bytes:
        while len(self._left) < size and not self._ended:
            block = self._stream.read(size)
            self._ended = not block
            try:
                text = self._decoder.decode(block, self._ended)
            except UnicodeError as error:
                raise InvalidFile(f"{self._name} is not in the encoding {self._encoding}: {error}") from error
            self._left += text.encode("utf-8", "surrogateescape")
        taken, self._left = self._left[:size], self._left[size:]
        return taken


class _Unmarked:
    """A stream without its byte order mark."""

    def __init__(self, stream: Bytes) -> None:
        self._stream = stream
        self._first = stream.read(BLOCK).removeprefix(codecs.BOM_UTF8)

    def read(self, size: int) -> bytes:
        block, self._first = self._first[:size], self._first[size:]
        return block or self._stream.read(size)


def _skip(stream: Bytes, offset: int) -> None:
    while offset:
        block = stream.read(min(offset, BLOCK))
        if not block:
            return
        offset -= len(block)
