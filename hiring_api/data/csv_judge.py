"""A chunk of CSV records -> the rows that are valid, and the others with their errors.

Plain values are taken column by column; whatever is not plain is judged by the Marshmallow schema, which
alone refuses. Both take the same values.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from .rows import Judged, judge_fields
from .tables import kinds

if TYPE_CHECKING:
    from sqlalchemy import Table

    from .bulk import Values
    from .csv_records import Chunk, Layout

_LONGEST: Final = 10_000  # characters of a refused field that are kept
_MOST: Final = 1000  # fields of a refused record that are kept


@dataclass(slots=True)
class JudgedChunk:
    """`rows` are valid by themselves, `places` their indexes in the chunk; `refused` is by index."""

    chunk: Chunk
    rows: list[Values] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    refused: dict[int, Judged] = field(default_factory=dict)
    blank: int = 0


def judge_chunk(table: Table, layout: Layout, chunk: Chunk) -> JudgedChunk:
    """Judges all records of a chunk. Records of nothing but separators and blanks are only counted."""
    judged = JudgedChunk(chunk)
    width = len(layout.names)
    if chunk.broken or any(len(fields) != width for fields in chunk.fields):
        places = [
            place
            for place, fields in enumerate(chunk.fields)
            if len(fields) == width and place not in chunk.broken
        ]
    else:
        places = list(range(len(chunk.fields)))
    rows = _quick_rows(table, layout, [chunk.fields[place] for place in places])
    good = {place: row for place, row in zip(places, rows, strict=True) if None not in row}
    if len(good) < len(chunk.fields):
        _judge_rest(table, layout, judged, good)
    judged.places = sorted(good)
    judged.rows = [good[place] for place in judged.places]
    return judged


def _quick_rows(table: Table, layout: Layout, records: list[list[str]]) -> list[Values]:
    """The columns' values of each record, None for what is not plainly right."""
    if not records:
        return []
    columns = list(zip(*records, strict=True))
    texts = {name: columns[place] for place, name in enumerate(layout.names) if name is not None}
    values = [kind.quick_texts(texts[name]) for name, kind in kinds(table).items()]
    return list(zip(*values, strict=True))


def _judge_rest(table: Table, layout: Layout, judged: JudgedChunk, good: dict[int, Values]) -> None:
    names = list(kinds(table))
    for place, fields in enumerate(judged.chunk.fields):
        if place in good:
            continue
        if place not in judged.chunk.broken and not "".join(fields).strip():
            judged.blank += 1
            continue
        row = _judge(table, layout, fields, judged.chunk, place)
        if row.errors:
            judged.refused[place] = row
        else:
            good[place] = tuple(row.values[name] for name in names)


def _judge(table: Table, layout: Layout, fields: list[str], chunk: Chunk, place: int) -> Judged:
    wrong = chunk.broken.get(place)
    return Judged(fields, {}, [wrong]) if wrong is not None else judge_fields(table, layout.names, fields)


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
