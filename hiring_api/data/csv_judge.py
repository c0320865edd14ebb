"""A chunk of CSV records -> the rows that are valid, and the others with their errors.

Plain values are taken column by column; whatever is not plain is judged by the Marshmallow schema, which
alone refuses. Both take the same values.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Final

from .bulk import Spelled, spell
from .rows import Judged, RowError, judge_fields
from .tables import kinds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Table

    from .bulk import Values
    from .csv_records import Chunk, Layout

_LONGEST: Final = 10_000  # characters of a refused field that are kept
_MOST: Final = 1000  # fields of a refused record that are kept


@dataclass(slots=True)
class JudgedChunk:
    """`rows` are valid by themselves, `places` their indexes in the chunk; `refused` is by index.

    `spelled` are the rows in the form in which they are loaded.
    """

    chunk: Chunk
    rows: list[Values] = field(default_factory=list)
    places: Sequence[int] = ()
    refused: dict[int, Judged] = field(default_factory=dict)
    blank: int = 0
    spelled: Spelled | None = None


def judge_chunk(table: Table, layout: Layout, chunk: Chunk) -> JudgedChunk:
    """Judges all records of a chunk. Records of nothing but separators and blanks are only counted."""
    judged = JudgedChunk(chunk)
    width = len(layout.names)
    fits: Sequence[int] = range(len(chunk.fields))
    if chunk.broken or any(len(fields) != width for fields in chunk.fields):
        fits = [index for index in fits if len(chunk.fields[index]) == width and index not in chunk.broken]
    rows, doubtful = _quick_rows(table, layout, [chunk.fields[index] for index in fits])
    if not doubtful and len(fits) == len(chunk.fields):
        judged.rows, judged.places = rows, fits
    else:
        good = {
            index: row
            for place, (index, row) in enumerate(zip(fits, rows, strict=True))
            if place not in doubtful
        }
        _judge_rest(table, layout, judged, good, {fits[place]: rows[place] for place in doubtful})
        judged.places = sorted(good)
        judged.rows = [good[index] for index in judged.places]
    judged.spelled = spell(table, judged.rows)
    return judged


def _quick_rows(table: Table, layout: Layout, records: list[list[str]]) -> tuple[list[Values], set[int]]:
    """The columns' values of each record, None for what is not plainly right; the places of those rows."""
    if not records:
        return [], set()
    columns = list(zip(*records, strict=True))
    texts = {name: columns[place] for place, name in enumerate(layout.names) if name is not None}
    values = [kind.quick_texts(texts[name]) for name, kind in kinds(table).items()]
    doubtful: set[int] = set()
    for column in values:
        if None in column:
            doubtful.update(place for place, value in enumerate(column) if value is None)
    return list(zip(*values, strict=True)), doubtful


def _judge_rest(
    table: Table, layout: Layout, judged: JudgedChunk, good: dict[int, Values], partly: dict[int, Values]
) -> None:
    """Judges the records that are not in `good` and adds those that are right after all.

    `partly` has the values of those whose number of fields is right, None for what is not plainly right.
    """
    names = list(kinds(table))
    for index, fields in enumerate(judged.chunk.fields):
        if index in good:
            continue
        wrong = judged.chunk.broken.get(index)
        if wrong is None and not "".join(fields).strip():
            judged.blank += 1
            continue
        row = _empty_fields(table, layout, fields, partly[index]) if index in partly else None
        if wrong is not None:
            row = Judged(fields, {}, [wrong])
        elif row is None:
            row = judge_fields(table, layout.names, fields)
        if row.errors:
            judged.refused[index] = row
        else:
            good[index] = tuple(row.values[name] for name in names)


def _empty_fields(table: Table, layout: Layout, fields: list[str], values: Values) -> Judged | None:
    """What the schema says of a record with nothing wrong but empty fields, the usual error, said faster.

    None where only the schema can tell.
    """
    right, errors = {}, []
    for name, value in zip(kinds(table), values, strict=True):
        if value is not None:
            right[name] = value
        elif fields[layout.names.index(name)]:
            return None
        else:
            errors.append(_required(name))
    return Judged(fields, right, errors)


@cache
def _required(name: str) -> RowError:
    return RowError(name, "required", f"{name} is required: it is empty")


def kept_fields(table: Table, layout: Layout, fields: list[str]) -> list[str]:
    """The fields of a record for its reject: in the order of the table's columns where the record has them
    all, else as they came; bounded, however long they are.
    """
    if len(fields) == len(layout.names):
        fields = [fields[layout.names.index(name)] for name in kinds(table)]
    return [
        text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text)} characters)"
        for text in fields[:_MOST]
    ]
