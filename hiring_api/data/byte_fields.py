"""Fields of CSV lines as bytes, a column of a whole block at a time, by NumPy.

What is told here is always sure: a field that is not plainly what is asked for is left to a closer look.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Callable

Bytes = NDArray[np.uint8]
Places = NDArray[np.intp]
Mask = NDArray[np.bool_]

_MOST_DIGITS: Final = 9  # at most nine digits are below the bound of ids
_BLANK, _ZERO, _LAST_PLAIN = b" 0~"
_INSTANT: Final = b"0000-00-00T00:00:00Z"
_SEPARATOR: Final = _INSTANT.index(b"T")
_FIRST_YEAR: Final = 1000
_FEBRUARY: Final = 2
_CLOCK: Final = {11: 24, 14: 60, 17: 60}  # hours, minutes, seconds by their place
_DAYS: Final = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])


def odd_bytes(data: Bytes) -> Places:
    """The places of the bytes that are not printable ASCII."""
    return np.flatnonzero((data < _BLANK) | (data > _LAST_PLAIN))


@dataclass(frozen=True, eq=False)
class ByteFields:
    """The fields `data[starts[i]:ends[i]]`; `odd` are the places in `data` that `odd_bytes` tells.

    `data` may be changed, and `kept` be unset where a byte is to go, by which the fields are respelled.
    """

    data: Bytes
    kept: Mask
    odd: Places
    starts: Places
    ends: Places

    @cached_property
    def lengths(self) -> Places:
        """Of each field, in bytes."""
        return self.ends - self.starts

    @cached_property
    def wholes(self) -> NDArray[np.int64]:
        """The whole numbers that the fields plainly spell; 0 for others, and for more than nine digits."""
        found = np.zeros(len(self.starts), np.int64)
        good = (self.lengths > 0) & (self.lengths <= _MOST_DIGITS)
        digits = int(self.lengths[good].max(initial=0))
        for place in range(digits):
            within = good & (self.lengths > place)
            digit = self.data[self.ends - 1 - place] - np.uint8(_ZERO)  # what is below wraps around
            good &= (digit <= 9) | ~within  # noqa: PLR2004
            found += np.where(within, digit, 0).astype(np.int64) * 10**place
        good &= self.data[np.where(good, self.starts, 0)] != _ZERO
        return np.where(good, found, 0)

    def are_texts(self, longest: int, closely: Callable[[str], bool]) -> Mask:
        """Which fields are printable, trimmed, of 1 to `longest` bytes; `closely` judges other than ASCII."""
        good = (self.lengths > 0) & (self.lengths <= longest)
        firsts, lasts = np.where(good, self.starts, 0), np.where(good, self.ends - 1, 0)
        good &= (self.data[firsts] != _BLANK) & (self.data[lasts] != _BLANK)
        odd = np.searchsorted(self.odd, self.starts) != np.searchsorted(self.odd, self.ends)
        for place in np.flatnonzero(good & odd).tolist():
            good[place] = closely(self.data[self.starts[place] : self.ends[place]].tobytes().decode())
        return good

    @cached_property
    def are_instants(self) -> Mask:
        """Which fields are instants of the years from 1000, in the form 2021-07-27T16:02:08Z."""
        found: Mask = self.lengths == len(_INSTANT)
        usual = np.flatnonzero(found)
        text = self.data[np.arange(len(_INSTANT))[:, None] + self.starts[usual]]
        shaped = np.ones(len(usual), np.bool_)
        for place, sign in enumerate(_INSTANT):
            shaped &= text[place] - np.uint8(_ZERO) <= 9 if sign == _ZERO else text[place] == sign  # noqa: PLR2004
        found[usual] = shaped
        found[usual[shaped]] = _is_moment(text[:, shaped].astype(np.int64) - _ZERO)
        return found

    def respell_instants(self, which: Mask) -> None:
        """Writes them as SQL does: 2021-07-27 16:02:08."""
        self.data[self.starts[which] + _SEPARATOR] = _BLANK
        self.kept[self.ends[which] - 1] = False


def _is_moment(digits: NDArray[np.int64]) -> Mask:
    """Whether the digits of instants, by their place in the text, are a day and a time that there is."""

    def pair(place: int) -> NDArray[np.int64]:
        number: NDArray[np.int64] = digits[place] * 10 + digits[place + 1]
        return number

    year, month, day = pair(0) * 100 + pair(2), pair(5), pair(8)
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    good: Mask = (year >= _FIRST_YEAR) & (month < len(_DAYS)) & (day >= 1)
    good &= day <= _DAYS[np.where(good, month, 0)] + ((month == _FEBRUARY) & leap)
    for place, limit in _CLOCK.items():
        good &= pair(place) < limit
    return good
