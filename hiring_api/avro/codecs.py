"""The codecs of Avro blocks. Nothing is inflated beyond a limit, whatever a file claims."""

from __future__ import annotations

import bz2
import lzma
import zlib
from typing import TYPE_CHECKING, Any, Final

import cramjam
import zstandard

from hiring_api.errors import InvalidFile

if TYPE_CHECKING:
    from collections.abc import Callable

WRITTEN: Final = ("deflate", "null", "zstandard")
_LEVEL: Final = 3  # of deflate: 6 takes twice the time for some percent of the bytes
_LZMA_MEMORY: Final = 64 * 1024 * 1024  # bytes
_ZSTD_WINDOW: Final = 64 * 1024 * 1024
_CRC_BYTES: Final = 4
_ADLER_BYTES: Final = 4
_VARINT_BYTES: Final = 5  # of a length of 32 bits

# Ends the stream of a codec: what is damaged, cut, or longer than it should be
_DAMAGED = (
    zlib.error,
    OSError,
    ValueError,
    EOFError,
    lzma.LZMAError,
    zstandard.ZstdError,
    cramjam.DecompressionError,
)


def compress(codec: str, data: bytes) -> bytes:
    """Compress a block's bytes with `codec`, one of `WRITTEN`."""
    if codec == "deflate":
        packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        return packer.compress(data) + packer.flush()
    if codec == "zstandard":
        return zstandard.ZstdCompressor().compress(data)
    return data


def known(name: bytes) -> str:
    """The codec of that name.

    Raises:
        InvalidFile: there is none.
    """
    codec = name.decode("ascii", "replace")
    if codec not in _INFLATE:
        raise InvalidFile(f"the codec {codec[:32]!r} is not one of {', '.join(_INFLATE)}")
    return codec


def decompress(codec: str, data: bytes, limit: int) -> bytes:
    """Decompress a block's bytes with a codec that is `known`.

    Raises:
        InvalidFile: the data is damaged, or more than `limit` bytes come out.
    """
    try:
        out = _INFLATE[codec](data, limit)
    except _DAMAGED as error:
        raise InvalidFile("the file is not a readable backup: a block is damaged") from error
    if len(out) > limit:
        raise InvalidFile(f"a block of the file is larger than {limit} bytes: write it in smaller blocks")
    return out


def _deflate(data: bytes, limit: int) -> bytes:
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    out = stream.decompress(data, limit + 1)
    # fastavro and others leave some bytes of zlib's own checksum behind the stream
    if len(out) <= limit and (not stream.eof or len(stream.unused_data) > _ADLER_BYTES):
        raise EOFError
    return out


def _bzip2(data: bytes, limit: int) -> bytes:
    stream = bz2.BZ2Decompressor()
    return _all_of(stream, stream.decompress(data, limit + 1), limit)


def _xz(data: bytes, limit: int) -> bytes:
    stream = lzma.LZMADecompressor(memlimit=_LZMA_MEMORY)
    return _all_of(stream, stream.decompress(data, limit + 1), limit)


def _all_of(stream: Any, out: bytes, limit: int) -> bytes:
    if len(out) <= limit and (not stream.eof or stream.unused_data):
        raise EOFError
    return out


def _zstandard(data: bytes, limit: int) -> bytes:
    reader = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).stream_reader(data)
    out: bytes = reader.read(limit + 1)
    # A frame that is cut short gives what it has; only the frame's own end tells that it is whole
    if len(out) <= limit:
        return _whole_frame(data, out)
    return out


def _whole_frame(data: bytes, out: bytes) -> bytes:
    stream = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj()
    if stream.decompress(data) != out or not stream.eof or stream.unused_data:
        raise EOFError
    return out


def _snappy(data: bytes, limit: int) -> bytes:
    """Raw snappy, whose first bytes say how long it will be, then the CRC-32 of what comes out."""
    size = 0
    for group, byte in enumerate(data[:_VARINT_BYTES]):
        size |= (byte & 127) << (7 * group)
        if byte < 128:  # noqa: PLR2004  # the last byte of the length
            break
    if size > limit:
        raise InvalidFile(f"a block of the file is larger than {limit} bytes: write it in smaller blocks")
    out = bytes(cramjam.snappy.decompress_raw(data[:-_CRC_BYTES]))
    if zlib.crc32(out).to_bytes(_CRC_BYTES, "big") != data[-_CRC_BYTES:]:
        raise EOFError
    return out


_INFLATE: Final[dict[str, Callable[[bytes, int], bytes]]] = {
    "null": lambda data, _limit: data,
    "deflate": _deflate,
    "snappy": _snappy,
    "bzip2": _bzip2,
    "xz": _xz,
    "zstandard": _zstandard,
}
