"""A chunk of CSV records -> the rows that are valid, and the others with their errors.

Plain lines are taken as bytes, plain values column by column; whatever is not plain is judged by the
Marshmallow schema, which alone refuses. All three take the same values.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache, cached_property, lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np
from pyroaring import BitMap

from hiring_api.model.row_lines import joined, spell
from hiring_api.model.tables import kinds
from hiring_api.model.validation import Judged, RowError, judge_fields, without_empty_surplus

from .doubtful import count_doubtful
from .plain_lines import NONE, plain_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Table

    from hiring_api.model.columns.byte_columns import Places
    from hiring_api.model.row_lines import Spelled, Values

    from .records import Chunk, Layout

_LONGEST: Final = 10_000  # characters of a refused field that are kept
_MOST: Final = 1000  # fields of a refused record that are kept


@dataclass
class JudgedChunk:
    """`rows` are valid by themselves, `places` their indexes in the chunk; `refused` is by index.

    `doubtful` is a number of texts in `rows`, `blank` one of records.
    """

    chunk: Chunk
    rows: Spelled
    places: Places = field(default_factory=lambda: NONE)
    refused: dict[int, Judged] = field(default_factory=dict)
    blank: int = 0
    doubtful: int = 0

    @cached_property
    def ids(self) -> BitMap:
        """The ids of all its records that have a valid one, refused or not; asked for when all are judged."""
        return self.rows.ids | BitMap(
            [row.values["id"] for row in self.refused.values() if "id" in row.values]
        )


def judge_chunk(table: Table, layout: Layout, chunk: Chunk) -> JudgedChunk:
    """Judges all records of a chunk. Records of nothing but separators and blanks are only counted."""
    places, rows = plain_rows(table, layout, chunk)
    judged = JudgedChunk(chunk, rows, places)
    if len(places) < len(chunk.fields):
        plain = np.zeros(len(chunk.fields), np.bool_)
        plain[places] = True
        _judge_others(table, layout, judged, np.flatnonzero(~plain).tolist())
    judged.rows = judged.rows.ready()
    judged.doubtful = count_doubtful(judged.rows)
    return judged


def _judge_others(table: Table, layout: Layout, judged: JudgedChunk, others: list[int]) -> None:
    """Judges the records at `others`, and adds those that are right to the rows."""
    chunk, width = judged.chunk, len(layout.names)
    records = {index: without_empty_surplus(chunk.fields[index], width) for index in others}
    fits = [index for index, fields in records.items() if len(fields) == width and index not in chunk.broken]
    rows, doubtful = _quick_rows(table, layout, [records[index] for index in fits])
    good = {
        index: row for place, (index, row) in enumerate(zip(fits, rows, strict=True)) if place not in doubtful
    }
    if len(good) < len(records):
        partly = {fits[place]: rows[place] for place in doubtful}
        _judge_rest(table, layout, judged, records, good, partly)
    if good:
        _add(judged, spell(table, list(good.values())), np.array(list(good), np.intp))


def _add(judged: JudgedChunk, rows: Spelled, places: Places) -> None:
    """Adds rows at their places among the others."""
    if not len(judged.places) and bool((np.diff(places) > 0).all()):
        judged.rows, judged.places = rows, places
        return
    every = np.concatenate([judged.places, places])
    order = np.argsort(every)
    judged.rows, judged.places = joined([judged.rows, rows]).take(order), every[order]


def _quick_rows(table: Table, layout: Layout, records: list[Sequence[str]]) -> tuple[list[Values], set[int]]:
    """The columns' values of each record, None for what is not plainly right; the places of those rows."""
    if not records:
        return [], set()
    columns = list(zip(*records, strict=True))
    texts = {name: columns[place] for place, name in enumerate(layout.names) if name is not None}
    values = [kind.check_texts(texts[name]) for name, kind in kinds(table).items()]
    doubtful: set[int] = set()
    for column in values:
        if None in column:
            doubtful.update(place for place, value in enumerate(column) if value is None)
    return list(zip(*values, strict=True)), doubtful


def _judge_rest(
    table: Table,
    layout: Layout,
    judged: JudgedChunk,
    records: dict[int, Sequence[str]],
    good: dict[int, Values],
    partly: dict[int, Values],
) -> None:
    """Judges the records that are not in `good` and adds those that are right after all.

    `partly` has the values of those whose number of fields is right, None for what is not plainly right.
    """
    places = _places(table, layout)
    for index, fields in records.items():
        if index in good:
            continue
        wrong = judged.chunk.broken.get(index)
        if wrong is None and not "".join(fields).strip():
            judged.blank += 1
            continue
        row = _empty_fields(places, fields, partly[index]) if index in partly else None
        if wrong is not None:
            row = Judged(fields, {}, [wrong])
        elif row is None:
            row = judge_fields(table, layout.names, fields)
        if row.errors:
            judged.refused[index] = row
        else:
            good[index] = tuple(row.values[name] for name in places)


@lru_cache(100)
def _places(table: Table, layout: Layout) -> dict[str, int]:
    """The field of each column."""
    return {name: layout.names.index(name) for name in kinds(table)}


def _empty_fields(places: dict[str, int], fields: Sequence[str], values: Values) -> Judged | None:
    """What the schema says of a record with nothing wrong but empty fields, the usual error, said faster.

    `places` has the field of each column. None where only the schema can tell.
    """
    right, errors = {}, []
    for (name, place), value in zip(places.items(), values, strict=True):
        if value is not None:
            right[name] = value
        elif fields[place]:
            return None
        else:
            errors.append(_required(name))
    return Judged(fields, right, errors)


@cache
def _required(name: str) -> RowError:
    return RowError(name, "required", f"{name} is required: it is empty")


def kept_fields(table: Table, layout: Layout, fields: list[str]) -> list[str]:
    """The fields of a record for its reject, all of them: those of the table's columns in their order, then
    the others; as they came where there are too few or too many. Bounded, however long they are.

    Of a rejects file, the fields that say where a row came from are no part of the row.
    """
    width = len(layout.names)
    if len(without_empty_surplus(fields, width)) == width:
        places = list(_places(table, layout).values())
        others = [] if layout.reject is not None else sorted(set(range(len(fields))) - set(places))
        fields = [fields[place] for place in places + others]
    return [
        text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text)} characters)"
        for text in fields[:_MOST]
    ]
