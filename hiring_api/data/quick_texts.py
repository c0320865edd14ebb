"""CSV fields of a whole column -> the values that they plainly spell; written for speed."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

# At most nine digits are below the bound of ids. Lines, because a column is matched as a whole
_NUMBERS: Final = re.compile(r"(?:[0-9]{1,9}\n)*[0-9]{1,9}")
_INSTANTS: Final = re.compile(
    r"(?:(?:[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}[T ](?:[01][0-9]|2[0-3])(?::[0-5][0-9]){2}Z)?(?:\n|\Z))*"
)


def quick_numbers(texts: Sequence[str]) -> Sequence[int | None]:
    """The numbers that texts plainly spell; None for 0, the empty text, and whatever else."""
    # A column with few different texts, such as a reference, is read once for each of them
    different = set(texts)
    if len(different) * 4 > len(texts):
        return _numbers(texts)
    known = dict(zip(different, _numbers(list(different)), strict=True))
    return [known[text] for text in texts]


def _numbers(texts: Sequence[str]) -> Sequence[int | None]:
    if _is_column(_NUMBERS, texts):
        numbers = list(map(int, texts))
        return numbers if 0 not in numbers else [number or None for number in numbers]
    # isdigit() is also true for digits of other scripts
    return [
        int(text) or None if text.isdigit() and len(text) < 10 and text.isascii() else None  # noqa: PLR2004
        for text in texts
    ]


def quick_instants(texts: Sequence[str]) -> list[datetime | None] | None:
    """The instants that texts of the usual form spell, None for others; nothing where one is no day."""
    # One match for the whole column; what has not the usual length waits for a closer look
    usual = [text if len(text) == 20 else "" for text in texts]  # noqa: PLR2004
    if not _is_column(_INSTANTS, usual):
        return None
    read = datetime.fromisoformat
    try:
        return [read(text[:19]) if text else None for text in usual]
    except ValueError:  # a day that no month has
        return None


def _is_column(lines: re.Pattern[str], texts: Sequence[str]) -> bool:
    """Whether the texts match as lines, each of them being one: a quoted CSV field may hold line ends."""
    together = "\n".join(texts)
    return bool(lines.fullmatch(together)) and together.count("\n") == len(texts) - 1
