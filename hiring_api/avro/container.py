"""Avro object container files: a header, then blocks of records (Avro 1.12, "Object Container Files").

The header of our files has three marks: the number of rows, the SHA-256 of the schema and all records'
bytes, and the SHA-256 of all bytes after the header. The digests are needed because Avro has none: a file
that was cut between two blocks, or has a bit flipped, is often readable. All three are known only at the end,
so they have a fixed width and are filled in last. A header is accepted only if it is, byte by byte, what we
would write; so a change of any byte of the file is noticed.
"""

from __future__ import annotations

import json
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from typing import IO, TYPE_CHECKING, Any, Final

from hiring_api.errors import InvalidFile
from hiring_api.model.columns.varint import varint

from .codecs import compress, decompress, known

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAGIC: Final = b"Obj\x01"
# Fixed, so that equal rows make equal files; the checksum tells what the marker would
OUR_SYNC: Final = b"hiring-api sync\n"
ROWS, CHECKSUM, BLOCKS = "hiring.rows", "hiring.checksum", "hiring.blocks"

MAX_BLOCK: Final = 64 * 1024 * 1024  # bytes, before and after decompression
_MAX_HEADER: Final = 64 * 1024  # bytes of one value
_MAX_ENTRIES: Final = 64
_ROWS_WIDTH: Final = 20
_DIGEST_WIDTH: Final = 64  # hexadecimal digits of a SHA-256
_PENDING: Final = 3  # blocks being compressed while the next one is fetched

NOT_READABLE: Final = "the file is not a readable backup"


@dataclass(frozen=True, slots=True)
class FileChecksum:
    """The content of a file by its header: number of rows, and the SHA-256 in hex of schema and records."""

    rows: int
    checksum: str


def header(metadata: dict[str, bytes], sync: bytes) -> bytes:
    """The header of a file."""
    entries = b"".join(_bytes(name.encode()) + _bytes(value) for name, value in metadata.items())
    return MAGIC + varint(len(metadata)) + entries + varint(0) + sync


def _bytes(value: bytes) -> bytes:
    return varint(len(value)) + value


def block(rows: int, data: bytes, sync: bytes) -> bytes:
    """One block; `data` is compressed already."""
    return varint(rows) + _bytes(data) + sync


def write(file: IO[bytes], schema: Any, codec: str, blocks: Iterable[tuple[int, bytes]]) -> FileChecksum:
    """Write a whole file, and say what it holds.

    Args:
        file: open for writing, and seekable: the header is written again at the end.
        schema: of the records, as JSON values.
        codec: one of `codecs.WRITTEN`.
        blocks: numbers of rows, each with the uncompressed bytes of their records.

    Another thread compresses a block while this one fetches the next.
    """
    text = json.dumps(schema, separators=(",", ":")).encode()
    start = file.tell()
    file.write(_our_header(text, codec, FileChecksum(0, ""), ""))
    digest, after, total = sha256(text), sha256(), 0
    pending: deque[tuple[int, Future[bytes]]] = deque()
    with ThreadPoolExecutor(1) as pool:
        for rows, data in blocks:
            total += rows
            pending.append((rows, pool.submit(compress, codec, data)))
            digest.update(data)
            if len(pending) > _PENDING:
                after.update(_write_next(file, pending))
        while pending:
            after.update(_write_next(file, pending))
    content = FileChecksum(total, digest.hexdigest())
    end = file.tell()
    file.seek(start)
    file.write(_our_header(text, codec, content, after.hexdigest()))
    file.seek(end)
    return content


def _write_next(file: IO[bytes], pending: deque[tuple[int, Future[bytes]]]) -> bytes:
    """Write the oldest block, and return its bytes."""
    rows, packed = pending.popleft()
    data = block(rows, packed.result(), OUR_SYNC)
    file.write(data)
    return data


def _our_header(schema: bytes, codec: str, content: FileChecksum, blocks: str | None) -> bytes:
    """The header of a file of ours; `blocks` is the SHA-256 of what follows it, None in the oldest files."""
    metadata = {
        "avro.schema": schema,
        "avro.codec": codec.encode(),
        ROWS: str(content.rows).zfill(_ROWS_WIDTH).encode(),
        CHECKSUM: content.checksum.zfill(_DIGEST_WIDTH).encode(),
    }
    if blocks is not None:
        metadata[BLOCKS] = blocks.zfill(_DIGEST_WIDTH).encode()
    return header(metadata, OUR_SYNC)


class Container:
    """A file that is being read; nothing in it is believed.

    `content` is what the header says that the file holds, None for a file of another program.

    Raises:
        InvalidFile: from all methods, for what is no Avro or is damaged.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._seen = sha256()  # of the bytes after the header, as they are read
        start = file.tell()
        if file.read(len(MAGIC)) != MAGIC:
            raise InvalidFile(f"{NOT_READABLE}: it is not an Avro object container file")
        metadata = self._metadata()
        self._sync = self._exactly(len(OUR_SYNC))
        self._schema = metadata.get("avro.schema", b"")
        self.schema = _parse_schema(self._schema)
        self.codec = known(metadata.get("avro.codec", b"null"))
        self.content = self._content(metadata)
        self._blocks = metadata[BLOCKS].decode("ascii", "replace") if BLOCKS in metadata else None
        if self.content:
            self._require_our_header(start)
        self._seen = sha256()

    def _require_our_header(self, start: int) -> None:
        """Require the header to be, byte by byte, what `write` would have written."""
        end = self._file.tell()
        self._file.seek(start)
        found = self._file.read(end - start)
        if self.content and found != _our_header(self._schema, self.codec, self.content, self._blocks):
            raise InvalidFile(f"{NOT_READABLE}: its header is damaged")

    def _metadata(self) -> dict[str, bytes]:
        metadata: dict[str, bytes] = {}
        while count := self._long():
            if count < 0:  # then the size of the entries in bytes follows
                self._long()
            if abs(count) + len(metadata) > _MAX_ENTRIES:
                raise InvalidFile(f"{NOT_READABLE}: its header has too many entries")
            for _ in range(abs(count)):
                name = self._text().decode("utf-8", "replace")
                metadata[name] = self._text()
        return metadata

    def _content(self, metadata: dict[str, bytes]) -> FileChecksum | None:
        rows, checksum = metadata.get(ROWS), metadata.get(CHECKSUM)
        if rows is None and checksum is None and self._sync != OUR_SYNC:
            return None
        # One of the three marks tells that it is our file, and then all must be there
        if rows is None or checksum is None or not (rows.isdigit() and len(rows) == _ROWS_WIDTH):
            raise InvalidFile(f"{NOT_READABLE}: its row count or checksum is damaged")
        return FileChecksum(int(rows), checksum.decode("ascii", "replace"))

    def blocks(self) -> Iterator[tuple[int, bytes]]:
        """Yield the number of rows and the uncompressed bytes of each block.

        Raises:
            InvalidFile: rows or bytes are not those saved; at the latest after the last block.
        """
        digest, total = sha256(self._schema), 0
        while first := self._read(1):
            rows, data = self._block(first)
            total += rows
            digest.update(data)
            yield rows, data
        if self.content and total != self.content.rows:
            raise InvalidFile(f"{NOT_READABLE}: it has {total} of the {self.content.rows} rows saved")
        if self.content and digest.hexdigest() != self.content.checksum:
            raise InvalidFile(f"{NOT_READABLE}: its content is not what was saved (checksum mismatch)")
        if self.content and self._blocks is not None and self._seen.hexdigest() != self._blocks:
            raise InvalidFile(f"{NOT_READABLE}: its bytes are not those that were saved (checksum mismatch)")

    def _block(self, first: bytes) -> tuple[int, bytes]:
        rows = self._long(first)
        size = self._long()
        if rows < 0 or not 0 <= size <= MAX_BLOCK:
            raise InvalidFile(f"{NOT_READABLE}: a block claims {rows} rows in {size} bytes")
        packed = self._exactly(size)
        if self._exactly(len(self._sync)) != self._sync:
            raise InvalidFile(f"{NOT_READABLE}: a block does not end where it should")
        data = decompress(self.codec, packed, MAX_BLOCK)
        if rows > len(data):  # a record without bytes has no rows to give; its count could be anything
            raise InvalidFile(f"{NOT_READABLE}: a block claims {rows} rows in {len(data)} bytes")
        return rows, data

    def _text(self) -> bytes:
        size = self._long()
        if not 0 <= size <= _MAX_HEADER:
            raise InvalidFile(f"{NOT_READABLE}: its header is damaged or too large")
        return self._exactly(size)

    def _long(self, byte: bytes = b"") -> int:
        zigzag = shift = 0
        while True:
            byte = byte or self._exactly(1)
            zigzag |= (byte[0] & 127) << shift
            if byte[0] < 128:  # noqa: PLR2004  # the last byte of a number
                return (zigzag >> 1) ^ -(zigzag & 1)
            shift, byte = shift + 7, b""
            if shift > 63:  # noqa: PLR2004  # bits of a long
                raise InvalidFile(f"{NOT_READABLE}: a number in it is too long")

    def _read(self, size: int) -> bytes:
        data = self._file.read(size)
        self._seen.update(data)
        return data

    def _exactly(self, size: int) -> bytes:
        data = self._read(size)
        if len(data) < size:
            raise InvalidFile(f"{NOT_READABLE}: it is cut short")
        return data


def _parse_schema(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidFile(f"{NOT_READABLE}: its schema is not JSON") from None
