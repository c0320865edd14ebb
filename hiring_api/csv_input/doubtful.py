"""Texts that are right and are taken as they are, but that nobody may have meant.

Other programs write words such as NULL or NaN for a value that is missing. And a quote after a blank is part
of its field by RFC 4180, though whoever wrote the file may have meant it to open one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from hiring_api.model.columns import Text
from hiring_api.model.tables import kinds

if TYPE_CHECKING:
    from hiring_api.model.row_lines import RowLines

_MISSING: Final = frozenset(b"null (null) <null> nan none nil na n/a #n/a <na> nat \\n undefined".split())
_LONGEST: Final = max(map(len, _MISSING))
_QUOTE, _TAB, _LINE_FEED = b'"\t\n'
_FIRST: Final = np.zeros(256, np.bool_)
_FIRST[list(b'"nNuU(<#\\')] = True


def count_doubtful(rows: RowLines) -> int:
    """Count the texts of valid rows that are such a word, or stand in quotes."""
    if not rows.lines:
        return 0
    # Only what begins like such a word is looked at one by one
    data = np.frombuffer(rows.data, np.uint8)
    flat = np.flatnonzero((data == _TAB) | (data == _LINE_FEED))
    ends = flat.reshape(len(rows), -1)
    starts = np.concatenate([[0], flat[:-1] + 1]).reshape(ends.shape)
    columns = [index for index, kind in enumerate(kinds(rows.table).values()) if isinstance(kind, Text)]
    begin, end = starts[:, columns], ends[:, columns]
    first = data[begin]
    perhaps = _FIRST[first] & ((end - begin <= _LONGEST) | (first == _QUOTE))
    texts = zip(begin[perhaps].tolist(), end[perhaps].tolist(), strict=True)
    return sum(_is_doubtful(rows.data[at:until]) for at, until in texts)


def _is_doubtful(text: bytes) -> bool:
    quoted = len(text) > 1 and text.startswith(b'"') and text.endswith(b'"')
    return quoted or text.lower() in _MISSING
