"""Avro's binary encoding of whole numbers and strings, many at a time.

A number is zigzagged, then written in groups of 7 bits, the lowest first, the top bit set in all bytes but
the last (Avro 1.12 specification, "Binary Encoding").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .byte_columns import Bytes, Indexes

_LONG_BITS: Final = 63
_GROUP: Final = 7  # bits
_VALUE, _MORE = np.uint8(127), np.uint8(128)
_SHIFTS: Final = _GROUP * np.arange(10, dtype=np.uint64)


class Piece(NamedTuple):
    """A piece of each of many encodings: of value i, the first `lengths[i]` bytes in row i of `data`."""

    data: Bytes
    lengths: Indexes


def joined(pieces: Sequence[Piece]) -> bytes:
    """Return the encodings of rows: all pieces of the first row, those of the second one, and so on."""
    kept = [np.arange(piece.data.shape[1]) < piece.lengths[:, None] for piece in pieces]
    return np.hstack([piece.data for piece in pieces])[np.hstack(kept)].tobytes()


def varint(number: int) -> bytes:
    """Return the encoding of a number of at most 64 bits, the sign included.

    Raises:
        ValueError: it has more bits.
    """
    if not -(1 << _LONG_BITS) <= number < 1 << _LONG_BITS:
        raise ValueError(f"{number} does not fit into a long")
    return joined([_varints(np.array([number], np.int64))])


def encode_ids(texts: Sequence[bytes], most: int) -> list[Piece]:
    """Return the encoding of decimal numbers from 1 to `most`, which has at most 63 bits.

    Raises:
        ValueError: one of them is none.
    """
    numbers = _numbers(texts)
    if len(numbers) and not 1 <= numbers.min() <= numbers.max() <= most:
        raise ValueError("a number is out of range")
    return [_varints(numbers)]


def encode_longs(texts: Sequence[bytes]) -> list[Piece]:
    """Return the encoding of decimal numbers of 64 bits.

    Raises:
        ValueError: one of them is none.
    """
    return [_varints(_numbers(texts))]


def encode_strings(texts: Sequence[bytes]) -> list[Piece]:
    """Return the encoding of UTF-8 strings without U+0000.

    Raises:
        ValueError: one of them is not UTF-8, or empty.
    """
    b"\0".join(texts).decode()  # the separator keeps halves of a letter apart
    lengths = np.array(list(map(len, texts)), np.intp)
    if not lengths.all():
        raise ValueError("a text is empty")
    data = np.array(texts, np.bytes_)
    return [_varints(lengths), Piece(data.view(np.uint8).reshape(len(texts), data.itemsize), lengths)]


def _numbers(texts: Sequence[bytes]) -> NDArray[np.int64]:
    try:
        return np.array(list(map(int, texts)), np.int64)
    except OverflowError as error:
        raise ValueError("a number does not fit into a long") from error


def _varints(numbers: NDArray[np.int64]) -> Piece:
    zigzag = (numbers << 1 ^ numbers >> _LONG_BITS).view(np.uint64)
    width = max(1, -(-int(zigzag.max(initial=0)).bit_length() // _GROUP))
    groups = zigzag[:, None] >> _SHIFTS[:width]
    lengths = np.maximum(1, np.count_nonzero(groups, axis=1))
    data = groups.astype(np.uint8) | _MORE
    data[np.arange(len(data)), lengths - 1] &= _VALUE
    return Piece(data, lengths)
