"""The metrics as pictures: SVG, drawn by matplotlib, which is only loaded when the first one is asked for."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING, Any

from flask import Response

from hiring_api.data.metrics import QUARTERS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SVG = "image/svg+xml"

_COLORS = dict(zip(QUARTERS, ("#1f6f8b", "#81b29a", "#f2cc8f", "#e07a5f"), strict=True))
_INK, _GRID = "#1d2b33", "#e3e9ec"
_WIDTH, _FRAME, _BAR = 10, 0.9, 0.3  # inches
_LONGEST_NAME = 32
_MOST_BARS = 60


def by_quarter(rows: Iterable[dict[str, Any]], year: int) -> Response:
    """A bar for each department, its quarters stacked."""
    hires: dict[str, dict[str, int]] = {}
    for row in rows:
        sums = hires.setdefault(row["department"], dict.fromkeys(QUARTERS, 0))
        for quarter in QUARTERS:
            sums[quarter] += row[quarter]
    if not hires:
        return _sentence(f"Nobody was hired in {year}")
    figure, axes = _bars(f"Hired in {year}, by department and quarter", list(hires))
    hires = dict(list(hires.items())[:_MOST_BARS])
    left = [0] * len(hires)
    for quarter in QUARTERS:
        counts = [sums[quarter] for sums in hires.values()]
        bars = axes.barh(range(len(hires)), counts, left=left, label=quarter.upper(), color=_COLORS[quarter])
        left = [start + count for start, count in zip(left, counts, strict=True)]
    axes.bar_label(bars, [f"{count:,}" for count in left], padding=3)
    figure.legend(ncols=len(QUARTERS), loc="outside upper right", frameon=False, borderpad=0)
    return _response(figure)


def above_mean(rows: list[dict[str, Any]], year: int) -> Response:
    """A bar for each department, most hires on top."""
    if not rows:
        return _sentence(f"No department hired more than the mean in {year}")
    title = f"Departments that hired more than the mean in {year}"
    figure, axes = _bars(title, [row["department"] for row in rows])
    rows = rows[:_MOST_BARS]
    bars = axes.barh(range(len(rows)), [row["hired"] for row in rows], color=_COLORS["q1"])
    axes.bar_label(bars, fmt="{:,.0f}", padding=3)
    return _response(figure)


def _bars(title: str, names: list[str]) -> tuple[Figure, Axes]:
    from matplotlib.ticker import MaxNLocator

    if len(names) > _MOST_BARS:
        title, names = f"{title} (the first {_MOST_BARS} of {len(names)})", names[:_MOST_BARS]
    figure = _figure(title, _FRAME + _BAR * len(names))
    axes = figure.subplots()
    # A name is no formula, whatever dollar signs it has
    axes.set_yticks(range(len(names)), [_short(name) for name in names], parse_math=False)
    axes.set_ylim(len(names) - 0.5, -0.5)  # the first one on top
    axes.tick_params(length=0)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.grid(axis="x", color=_GRID)
    axes.set_axisbelow(True)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.margins(x=0.08)  # room for the figures behind the bars
    return figure, axes


def _sentence(text: str) -> Response:
    """A picture of nothing but a sentence: axes without bars would only puzzle."""
    return _response(_figure(text, _FRAME / 2))


def _figure(title: str, height: float) -> Figure:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    # Text stays text, for every letter a viewer has; nothing in the file varies but the figures
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "hiring"})
    mpl.rcParams.update(dict.fromkeys(("text.color", "xtick.color", "ytick.color", "axes.edgecolor"), _INK))
    warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
    figure = Figure(figsize=(_WIDTH, height), layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold", fontsize="medium")
    return figure


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"


def _response(figure: Figure) -> Response:
    file = io.BytesIO()
    figure.savefig(file, format="svg", metadata={"Date": None})
    return Response(file.getvalue(), mimetype=SVG)
