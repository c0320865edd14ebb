"""The table that the job prints at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .job import Result

_COLUMNS = ("read", "inserted", "updated", "unchanged", "rejected")


def summary(results: Sequence[Result]) -> str:
    """What came of each file: a line for each table, then where the refused rows are."""
    head = ("table", *_COLUMNS, "file")
    lines: list[tuple[str, ...]] = [head]
    lines += [
        (result.table.name, *(f"{getattr(result.counts, name):,}" for name in _COLUMNS), result.source)
        for result in results
    ]
    widths = [max(len(line[place]) for line in lines) for place in range(len(head))]
    text = "".join(_line(line, widths) for line in lines)
    for result in results:
        if result.counts.read == 0:
            text += f"{result.source} has no rows\n"
        if result.rejects is not None:
            text += f"refused rows of {result.table.name}: {result.rejects}\n"
    return text


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    """Figures to the right, names to the left."""
    last = len(cells) - 1
    padded = [
        cell.ljust(width) if place in (0, last) else cell.rjust(width)
        for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(padded).rstrip() + "\n"
