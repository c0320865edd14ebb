"""A chunk of CSV records -> the rows that are valid, and the others with their errors.

Plain lines are taken as bytes, plain values column by column; whatever is not plain is validated by the
Marshmallow schema, which alone refuses. All three take the same values.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache, cached_property, lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np
from pyroaring import BitMap

from hiring_api.model.row_errors import RowError
from hiring_api.model.row_lines import joined, to_lines
from hiring_api.model.tables import kinds
from hiring_api.model.validation import ValidatedRow, validate_fields, without_empty_surplus

from .doubtful import count_doubtful
from .plain_lines import NONE, plain_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Table

    from hiring_api.model.columns.byte_columns import Indexes
    from hiring_api.model.row_lines import RowLines, Values

    from .records import Chunk, Layout

_LONGEST: Final = 10_000  # characters of a refused field that are kept
_MOST: Final = 1000  # fields of a refused record that are kept


@dataclass
class ValidatedChunk:
    """`rows` are valid by themselves, `indexes` where they are in the chunk; `refused` is by index.

    `doubtful` is a number of texts in `rows`, `blank` one of records.
    """

    chunk: Chunk
    rows: RowLines
    indexes: Indexes = field(default_factory=lambda: NONE)
    refused: dict[int, ValidatedRow] = field(default_factory=dict)
    blank: int = 0
    doubtful: int = 0

    @cached_property
    def ids(self) -> BitMap:
        """The ids of all its records that have a valid one, refused or not; for when all are validated."""
        return self.rows.ids | BitMap(
            [row.values["id"] for row in self.refused.values() if "id" in row.values]
        )


def validate_chunk(table: Table, layout: Layout, chunk: Chunk) -> ValidatedChunk:
    """Validates all records of a chunk. Records of nothing but separators and blanks are only counted."""
    places, rows = plain_rows(table, layout, chunk)
    validated = ValidatedChunk(chunk, rows, places)
    if len(places) < len(chunk.fields):
        plain = np.zeros(len(chunk.fields), np.bool_)
        plain[places] = True
        _validate_others(table, layout, validated, np.flatnonzero(~plain).tolist())
    validated.rows = validated.rows.ready()
    validated.doubtful = count_doubtful(validated.rows)
    return validated


def _validate_others(table: Table, layout: Layout, validated: ValidatedChunk, others: list[int]) -> None:
    """Validates the records at `others`, and adds those that are right to the rows."""
    chunk, width = validated.chunk, len(layout.names)
    records = {index: without_empty_surplus(chunk.fields[index], width) for index in others}
    fits = [index for index, fields in records.items() if len(fields) == width and index not in chunk.broken]
    rows, doubtful = _quick_rows(table, layout, [records[index] for index in fits])
    good = {
        index: row for place, (index, row) in enumerate(zip(fits, rows, strict=True)) if place not in doubtful
    }
    if len(good) < len(records):
        partly = {fits[place]: rows[place] for place in doubtful}
        _validate_rest(table, layout, validated, records, good, partly)
    if good:
        _add(validated, to_lines(table, list(good.values())), np.array(list(good), np.intp))


def _add(validated: ValidatedChunk, rows: RowLines, places: Indexes) -> None:
    """Adds rows at their places among the others."""
    if not len(validated.indexes) and bool((np.diff(places) > 0).all()):
        validated.rows, validated.indexes = rows, places
        return
    every = np.concatenate([validated.indexes, places])
    order = np.argsort(every)
    validated.rows, validated.indexes = joined([validated.rows, rows]).take(order), every[order]


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


def _validate_rest(
    table: Table,
    layout: Layout,
    validated: ValidatedChunk,
    records: dict[int, Sequence[str]],
    good: dict[int, Values],
    partly: dict[int, Values],
) -> None:
    """Validates the records that are not in `good` and adds those that are right after all.

    `partly` has the values of those whose number of fields is right, None for what is not plainly right.
    """
    places = _places(table, layout)
    for index, fields in records.items():
        if index in good:
            continue
        wrong = validated.chunk.broken.get(index)
        if wrong is None and not "".join(fields).strip():
            validated.blank += 1
            continue
        row = _empty_fields(places, fields, partly[index]) if index in partly else None
        if wrong is not None:
            row = ValidatedRow(fields, {}, [wrong])
        elif row is None:
            row = validate_fields(table, layout.names, fields)
        if row.errors:
            validated.refused[index] = row
        else:
            good[index] = tuple(row.values[name] for name in places)


@lru_cache(100)
def _places(table: Table, layout: Layout) -> dict[str, int]:
    """The field of each column."""
    return {name: layout.names.index(name) for name in kinds(table)}


def _empty_fields(places: dict[str, int], fields: Sequence[str], values: Values) -> ValidatedRow | None:
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
    return ValidatedRow(fields, right, errors)


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
