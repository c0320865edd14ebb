"""The metrics as pictures: SVG, drawn by matplotlib, which is only loaded when the first one is asked for."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from flask import Response

from hiring_api.data.metrics import QUARTERS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SVG = "image/svg+xml"

_COLORS = dict(zip(QUARTERS, ("#1f6f8b", "#81b29a", "#f2cc8f", "#e07a5f"), strict=True))
_WIDTH, _FRAME, _BAR = 10, 1.6, 0.3  # inches
_LONGEST_NAME = 40
_MOST_BARS = 60


def by_quarter(rows: Iterable[dict[str, Any]], year: int) -> Response:
    """A bar for each department, its quarters stacked."""
    hires: dict[str, dict[str, int]] = {}
    for row in rows:
        sums = hires.setdefault(row["department"], dict.fromkeys(QUARTERS, 0))
        for quarter in QUARTERS:
            sums[quarter] += row[quarter]
    figure, axes = _bars(f"Hired in {year}, by department and quarter", list(hires))
    hires = dict(list(hires.items())[:_MOST_BARS])
    left = [0] * len(hires)
    for quarter in QUARTERS:
        counts = [sums[quarter] for sums in hires.values()]
        axes.barh(range(len(hires)), counts, left=left, label=quarter.upper(), color=_COLORS[quarter])
        left = [start + count for start, count in zip(left, counts, strict=True)]
    axes.legend(ncols=len(QUARTERS), loc="lower right", bbox_to_anchor=(1, 1), frameon=False)
    return _response(figure)


def above_mean(rows: list[dict[str, Any]], year: int) -> Response:
    """A bar for each department, most hires on top."""
    title = f"Departments that hired more than the mean in {year}"
    figure, axes = _bars(title, [row["department"] for row in rows])
    rows = rows[:_MOST_BARS]
    bars = axes.barh(range(len(rows)), [row["hired"] for row in rows], color=_COLORS["q1"])
    axes.bar_label(bars, padding=3)
    return _response(figure)


def _bars(title: str, names: list[str]) -> tuple[Figure, Axes]:
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    if len(names) > _MOST_BARS:
        title, names = f"{title} (the first {_MOST_BARS} of {len(names)})", names[:_MOST_BARS]
    # Text stays text, for every letter a viewer has; nothing in the file varies but the figures
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "hiring"})
    figure = Figure(figsize=(_WIDTH, _FRAME + _BAR * len(names)), layout="constrained")
    axes = figure.subplots()
    axes.set_title(title if names else f"{title}: nobody", loc="left")
    # A name is no formula, whatever dollar signs it has
    axes.set_yticks(range(len(names)), [_short(name) for name in names], parse_math=False)
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure, axes


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"


def _response(figure: Figure) -> Response:
    file = io.BytesIO()
    figure.savefig(file, format="svg", metadata={"Date": None})
    return Response(file.getvalue(), mimetype=SVG)
