"""The metrics as bar charts: SVG, filled into a template.

Colours are told apart by lightness (neighbours by 3:1, WCAG 2.2, 1.4.11), so also by colour-blind people and
in print; parts of bars have labels where there is room. All figures are in the description, too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Final
from unicodedata import east_asian_width

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
_LONGEST_NAME: Final = 52  # letters
_LONGEST_TITLE: Final = 44  # letters a line
_GRID_LINES: Final = 5  # about
# Pixels. On a telephone 390 wide, the letters are still 12 high
_WIDTH: Final = 560
_LEFT: Final = 12
_FIGURES_WIDTH: Final = 76  # room behind the longest bar
_LINE: Final = 26  # of the title
_LEGEND: Final = 34
_AXIS: Final = 34
_ROW: Final = 58
_LETTER: Final = 9.5
_PLOT: Final = _WIDTH - _LEFT - _FIGURES_WIDTH


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
    """A part of a bar: where it begins and how wide it is, in pixels; its label as far as there is room."""

    x: float
    width: float
    color: str
    text_color: str
    label: str


@dataclass(slots=True)
class _Bar:
    """A bar at `y` pixels below its name, with the sum of its parts behind its end."""

    y: int
    name: str
    total: str
    parts: list[_Part] = field(default_factory=list)

    @property
    def end(self) -> float:
        """The right end of the bar, in pixels."""
        return self.parts[-1].x + self.parts[-1].width if self.parts else float(_LEFT)


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
    hired = f"Hired into {rows[0]['department']}" if by_job else "Hired"
    title = f"{hired} {period}, by {what} and quarter"
    return draw(Chart(title, list(sums.values()), [quarter.upper() for quarter in QUARTERS]))


def above_mean(found: AboveMean, period: Period, *, of_one: bool) -> Response:
    """A bar for each department, most hires on top, and a line for the mean; `of_one`: one was chosen."""
    if not found.rows:
        who = "The department did not hire" if of_one else "No department hired"
        return _sentence(f"{who} more than the mean {period}")
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
    lines = _lines(title)
    # The label of the mean has the legend's line
    above = _LINE * len(lines) + _AXIS + (_LEGEND if chart.legend or chart.mean is not None else 0)
    bars = [_bar(above + _ROW * index, *bar, chart.legend, scale) for index, bar in enumerate(shown)]
    floor = above + _ROW * len(bars)
    return _svg(
        title=_clean(title),
        lines=lines,
        description=_clean(_description(chart, shown)),
        height=floor + _AXIS,
        top=above - _ROW // 2,
        floor=floor,
        bars=bars,
        legend=list(zip(chart.legend, _COLORS, strict=False)),
        ticks=[(_LEFT + value * scale, f"{value:,}") for value in _ticks(most)],
        mean=None if chart.mean is None else (_LEFT + chart.mean * scale, f"mean {chart.mean:,.1f}"),
    )


def _bar(y: int, name: str, parts: Sequence[int], legend: Sequence[str], scale: float) -> _Bar:
    bar = _Bar(y, _short(name), f"{sum(parts):,}")
    names = legend or [""]
    for part, value, color, text_color in zip(names, parts, _COLORS, _TEXT_COLORS, strict=False):
        width = value * scale
        # The longest label that fits; a bar of one part has its figure behind its end
        labels = (f"{part} {value:,}", f"{value:,}") if part else ()
        label = next((label for label in labels if width > _LETTER * (len(label) + 1)), "")
        bar.parts.append(_Part(bar.end, width, color, text_color, label))
    return bar


def _ticks(most: float) -> range:
    """Round numbers from 0 to `most`: steps of 1, 2 or 5 times a power of ten."""
    step = 1
    while most / step > _GRID_LINES:
        step = step * 5 // 2 if str(step).startswith("2") else step * 2
    return range(0, int(most) + 1, step)


def _description(chart: Chart, shown: Sequence[tuple[str, Sequence[int]]]) -> str:
    """All figures in words, for those who have the picture read to them."""
    texts = []
    for name, parts in shown:
        of_parts = [f"{part} {value:,}" for part, value in zip(chart.legend, parts, strict=False)]
        texts.append(f"{name}: {sum(parts):,}" + (f" ({', '.join(of_parts)})" if of_parts else ""))
    if chart.mean is not None:
        texts.append(f"mean: {chart.mean:,.1f}")
    return "; ".join(texts)


def _sentence(text: str) -> Response:
    """A picture of nothing but a sentence: axes without bars would only puzzle."""
    lines = _lines(text)
    return _svg(title=text, lines=lines, height=_LINE * (len(lines) + 1), bars=[])


def _lines(title: str) -> list[str]:
    return wrap(_clean(title), _LONGEST_TITLE)


def _short(name: str) -> str:
    """A name as far as it fits; letters of East Asian scripts are as wide as two others."""
    name, room = _clean(name), _LONGEST_NAME
    for index, letter in enumerate(name):
        room -= 2 if east_asian_width(letter) in "WF" else 1
        if room < (0 if index == len(name) - 1 else 1):
            return f"{name[:index]}…"
    return name


def _clean(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)


def _svg(**values: Any) -> Response:
    text = render_template("bars.svg", width=_WIDTH, left=_LEFT, line=_LINE, **values)
    return Response(text, mimetype=SVG)
