"""Validate a chunk of CSV records: which are rows, and what is wrong with the others.

There are three ways, each for what the one before left: plain lines are checked as bytes (`plain_lines`), the
others value by value (`Kind.check`), and the rest by the Marshmallow schema, which alone refuses. The first
two are there for speed; they take only what the schema takes, to the same values.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from pyroaring import BitMap

from hiring_api.model.row_lines import joined, to_lines
from hiring_api.model.tables import kinds
from hiring_api.model.validation import ValidatedRow, validate_fields, without_empty_surplus

from .doubtful import count_doubtful
from .plain_lines import NONE, plain_rows

if TYPE_CHECKING:
    from sqlalchemy import Table

    from hiring_api.model.columns.byte_columns import Indexes
    from hiring_api.model.row_lines import RowLines, Values

    from .chunks import Chunk, Layout


@dataclass
class ValidatedChunk:
    """A chunk of CSV records with what came of each of them.

    `rows` are the rows that are valid by themselves (references are not looked up yet), `indexes` where they
    stand in the chunk, ascending. `refused` has the other records by their index in the chunk. `blank` is a
    number of records, `doubtful` a number of texts in `rows`.
    """

    chunk: Chunk
    rows: RowLines
    indexes: Indexes = field(default_factory=lambda: NONE)
    refused: dict[int, ValidatedRow] = field(default_factory=dict)
    blank: int = 0
    doubtful: int = 0

    @cached_property
    def ids(self) -> BitMap:
        """The ids of all records that have a valid one, refused or not. Ask when the chunk is complete."""
        return self.rows.ids | BitMap(
            [row.values["id"] for row in self.refused.values() if "id" in row.values]
        )


def validate_chunk(table: Table, layout: Layout, chunk: Chunk) -> ValidatedChunk:
    """Validate all records of a chunk.

    Records of nothing but separators and blanks are only counted.
    """
    indexes, rows = plain_rows(table, layout, chunk)
    validated = ValidatedChunk(chunk, rows, indexes)
    if len(indexes) < len(chunk.fields):
        others = np.ones(len(chunk.fields), np.bool_)
        others[indexes] = False
        _validate_others(table, layout, validated, np.flatnonzero(others).tolist())
    validated.rows = validated.rows.ready()
    validated.doubtful = count_doubtful(validated.rows)
    return validated


def _validate_others(table: Table, layout: Layout, validated: ValidatedChunk, others: list[int]) -> None:
    """Validate the records that need a closer look, one by one; `others` are their indexes in the chunk."""
    chunk, width = validated.chunk, len(layout.names)
    columns = [(kind, layout.names.index(name)) for name, kind in kinds(table).items()]
    good: dict[int, Values] = {}
    for index in others:
        fields = without_empty_surplus(chunk.fields[index], width)
        if index in chunk.broken:
            validated.refused[index] = ValidatedRow(fields, {}, [chunk.broken[index]])
            continue
        if len(fields) == width:
            # Most records of a quoted file are right: a tuple costs less than a ValidatedRow
            values = tuple([kind.check(kind.from_csv(fields[at].strip())) for kind, at in columns])
            if None not in values:
                good[index] = values
                continue
        if not "".join(fields).strip():
            validated.blank += 1
            continue
        row = validate_fields(table, layout.names, fields)
        if row.errors:
            validated.refused[index] = row
        else:
            good[index] = tuple([row.values[name] for name in kinds(table)])
    if good:
        _add(validated, to_lines(table, list(good.values())), np.array(list(good), np.intp))


def _add(validated: ValidatedChunk, rows: RowLines, indexes: Indexes) -> None:
    """Add rows to the valid ones, in the order of the chunk; `indexes` ascend."""
    if not len(validated.indexes):
        validated.rows, validated.indexes = rows, indexes
        return
    every = np.concatenate([validated.indexes, indexes])
    order = np.argsort(every)
    validated.rows, validated.indexes = joined([validated.rows, rows]).take(order), every[order]
