"""The metrics as bar charts: SVG, filled into a template.

Colours are told apart by lightness (neighbours by 3:1, WCAG 2.2, 1.4.11), so also by colour-blind people and
in print; every figure stands in or behind its bar.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from flask import Response, render_template

from hiring_api.queries.metrics import QUARTERS
from hiring_api.web.media_types import SVG

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hiring_api.queries.metrics import AboveMean, Period

_COLORS: Final = ("#12355b", "#7fb7be", "#8c3b0c", "#f2b84b")
_TEXT_COLORS: Final = ("#ffffff", "#1d2b33", "#ffffff", "#1d2b33")  # of a figure on each of them
# Valid texts hold no control character; these two are no characters of XML 1.0 either (2.2)
_NOT_XML: Final = re.compile("[\ufffe\uffff]")
_MOST_BARS: Final = 60
_LONGEST_NAME: Final = 32  # characters
_GRID_LINES: Final = 5  # about
# Pixels
_WIDTH: Final = 960
_NAMES_WIDTH: Final = 250
_FIGURES_WIDTH: Final = 70  # room behind the longest bar
_HEAD: Final = 76
_ROW: Final = 28
_FOOT: Final = 34
_DIGIT: Final = 8
_PLOT: Final = _WIDTH - _NAMES_WIDTH - _FIGURES_WIDTH


@dataclass(frozen=True, slots=True)
class Chart:
    """Horizontal bars, the first on top.

    Attributes:
        title: what the chart shows.
        bars: the name of each bar, and its parts in the order of `legend`.
        legend: the names of the parts; none where bars have one part.
        mean: where to draw a line across all bars, if anywhere.
    """

    title: str
    bars: Sequence[tuple[str, Sequence[int]]]
    legend: Sequence[str] = ()
    mean: float | None = None


@dataclass(slots=True)
class _Part:
    """A part of a bar: where it begins and how wide it is, in pixels; its figure where there is room."""

    x: float
    width: float
    color: str
    text_color: str
    figure: str


@dataclass(slots=True)
class _Bar:
    """A bar at `y` pixels with its name and, behind its end, the sum of its parts."""

    y: int
    name: str
    total: str
    parts: list[_Part] = field(default_factory=list)

    @property
    def end(self) -> float:
        """Where the bar ends, in pixels."""
        return self.parts[-1].x + self.parts[-1].width if self.parts else float(_NAMES_WIDTH)


def by_quarter(rows: Sequence[dict[str, Any]], period: Period, *, by_job: bool) -> Response:
    """A bar for each department, its quarters one behind the other; or for each job of one department."""
    if not rows:
        return _sentence(f"Nobody was hired {period}")
    what = "job" if by_job else "department"
    sums: dict[int, tuple[str, list[int]]] = {}
    for row in rows:
        _, hires = sums.setdefault(row[f"{what}_id"], (row[what], [0] * len(QUARTERS)))
        for index, quarter in enumerate(QUARTERS):
            hires[index] += row[quarter]
    hired = f"Hired for {rows[0]['department']}" if by_job else "Hired"
    title = f"{hired} {period}, by {what} and quarter"
    return draw(Chart(title, list(sums.values()), [quarter.upper() for quarter in QUARTERS]))


def above_mean(found: AboveMean, period: Period) -> Response:
    """A bar for each department, most hires on top, and a line for the mean."""
    if not found.rows:
        return _sentence(f"No department hired more than the mean {period}")
    title = f"Departments that hired more than the mean {period}"
    bars = [(row["department"], [row["hired"]]) for row in found.rows]
    return draw(Chart(title, bars, mean=found.mean))


def draw(chart: Chart) -> Response:
    """Draw the chart as SVG; of many bars only the first ones, which the title then says."""
    title, shown = chart.title, chart.bars[:_MOST_BARS]
    if len(chart.bars) > len(shown):
        title += f" (the first {_MOST_BARS} of {len(chart.bars)})"
    most = max([*(sum(parts) for _, parts in shown), chart.mean or 0, 1])
    scale = _PLOT / most
    bars = [_bar(index, name, parts, scale) for index, (name, parts) in enumerate(shown)]
    height = _HEAD + _ROW * len(bars) + _FOOT
    return _svg(
        title=title,
        height=height,
        floor=height - _FOOT,
        bars=bars,
        legend=list(zip(chart.legend, _COLORS, strict=False)),
        ticks=[(_NAMES_WIDTH + value * scale, f"{value:,}") for value in _ticks(most)],
        mean=None if chart.mean is None else (_NAMES_WIDTH + chart.mean * scale, f"mean {chart.mean:,.1f}"),
    )


def _bar(index: int, name: str, parts: Sequence[int], scale: float) -> _Bar:
    bar = _Bar(_HEAD + _ROW * index, _short(name), f"{sum(parts):,}")
    for value, color, text_color in zip(parts, _COLORS, _TEXT_COLORS, strict=False):
        width = value * scale
        figure = f"{value:,}" if len(parts) > 1 and width > _DIGIT * (len(f"{value:,}") + 1) else ""
        bar.parts.append(_Part(bar.end, width, color, text_color, figure))
    return bar


def _ticks(most: float) -> range:
    """Round numbers from 0 to `most`: steps of 1, 2 or 5 times a power of ten."""
    step = 1
    while most / step > _GRID_LINES:
        step = step * 5 // 2 if str(step).startswith("2") else step * 2
    return range(0, int(most) + 1, step)


def _sentence(text: str) -> Response:
    """A picture of nothing but a sentence: axes without bars would only puzzle."""
    return _svg(title=text, height=_HEAD // 2, bars=[])


def _short(name: str) -> str:
    name = _NOT_XML.sub("\ufffd", name)
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"


def _svg(**values: Any) -> Response:
    text = render_template("bars.svg", width=_WIDTH, names=_NAMES_WIDTH, head=_HEAD, **values)
    return Response(text, mimetype=SVG)
