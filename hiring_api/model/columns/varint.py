"""Avro's binary encoding of whole numbers and strings, many at a time.

A number is zigzagged, then written in groups of 7 bits, the lowest first, the top bit set in all bytes but
the last (Avro 1.12 specification, "Binary Encoding"). Two groups at a time are looked up in a table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_BITS: Final = 14
_MASK: Final = (1 << _BITS) - 1
_LONG_BITS: Final = 63


def varint(number: int) -> bytes:
    """Return the encoding of a number of at most 64 bits, the sign included.

    Raises:
        ValueError: it has more bits.
    """
    if not -(1 << _LONG_BITS) <= number < 1 << _LONG_BITS:
        raise ValueError(f"{number} does not fit into a long")
    return _groups(number << 1 if number >= 0 else ~(number << 1))


def _groups(rest: int) -> bytes:
    out = bytearray()
    while rest > 127:  # noqa: PLR2004  # 7 bits
        out.append(rest & 127 | 128)
        rest >>= 7
    out.append(rest)
    return bytes(out)


_MORE: Final = [bytes([pair & 127 | 128, pair >> 7 | 128]) for pair in range(1 << _BITS)]
_LAST: Final = [_groups(pair) for pair in range(1 << _BITS)]


def encode_ids(texts: Sequence[bytes], most: int) -> list[bytes]:
    """Return the encoding of decimal numbers from 1 to `most`, which has at most 31 bits.

    Raises:
        ValueError: one of them is none.
    """
    if not texts:
        return []
    numbers = list(map(int, texts))
    if min(numbers) < 1 or max(numbers) > most:
        raise ValueError("a number is out of range")
    return [
        _LAST[zigzag]
        if (zigzag := number << 1) <= _MASK
        else _MORE[zigzag & _MASK] + _LAST[zigzag >> 14]
        if zigzag < 1 << 28
        else _MORE[zigzag & _MASK] + _MORE[zigzag >> 14 & _MASK] + _LAST[zigzag >> 28]
        for number in numbers
    ]


def encode_longs(texts: Sequence[bytes]) -> list[bytes]:
    """The encoding of decimal numbers of 64 bits; quickest for microseconds since 1970.

    Raises:
        ValueError: one of them is none.
    """
    return [
        _MORE[zigzag & _MASK]
        + _MORE[zigzag >> 14 & _MASK]
        + _MORE[zigzag >> 28 & _MASK]
        + _LAST[zigzag >> 42]
        if 1 << 42 <= (zigzag := number << 1) < 1 << 56
        else varint(number)
        for number in map(int, texts)
    ]


def encode_strings(texts: Sequence[bytes]) -> list[bytes]:
    """The encoding of UTF-8 strings.

    Raises:
        ValueError: one of them is not UTF-8, or empty.
    """
    b"\0".join(texts).decode()  # the separator keeps halves of a letter apart
    return [_LAST[len(text) << 1] + text if 0 < len(text) < 1 << 13 else _long_string(text) for text in texts]


def _long_string(text: bytes) -> bytes:
    if not text:
        raise ValueError("a text is empty")
    return varint(len(text)) + text
