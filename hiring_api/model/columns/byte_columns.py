"""A column of a block of CSV lines, as bytes, for the kinds to check all its fields at once with NumPy.

What is told here is always sure: a field that is not plainly what is asked for is left to a closer look.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Indexes = NDArray[np.intp]
Mask = NDArray[np.bool_]

_BLANK, _LAST_PLAIN = b" ~"


def odd_bytes(data: Bytes) -> Indexes:
    """The indexes of the bytes that are not printable ASCII."""
    return np.flatnonzero((data < _BLANK) | (data > _LAST_PLAIN))


@dataclass(frozen=True, eq=False)
class ByteColumn:
    """The fields `data[starts[i]:ends[i]]`; `odd` are the indexes in `data` that `odd_bytes` tells.

    `data` may be changed, and `kept` be unset where a byte is to go, to normalize the fields.
    """

    data: Bytes
    kept: Mask
    odd: Indexes
    starts: Indexes
    ends: Indexes

    @cached_property
    def lengths(self) -> Indexes:
        """The length of each field, in bytes."""
        return self.ends - self.starts

    def has_odd(self) -> Mask:
        """Return a mask of the fields with a byte that is not printable ASCII."""
        found: Mask = np.searchsorted(self.odd, self.starts) != np.searchsorted(self.odd, self.ends)
        return found

    def text(self, index: int) -> str:
        """The field at an index; its bytes are UTF-8."""
        return self.data[self.starts[index] : self.ends[index]].tobytes().decode()
