"""What will come of a validated chunk of a file, by what is in the database; nothing is written to find out.

The same rules as for a batch, but for rows of a file, which all have an id: a row that is in the table
already with the same content is unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from pyroaring import BitMap

from hiring_api.database import lookup
from hiring_api.model.checksum import Checksum
from hiring_api.model.row_errors import RowError
from hiring_api.model.tables import references
from hiring_api.model.validation import ValidatedRow

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table

    from hiring_api.csv_input.validation import ValidatedChunk
    from hiring_api.model.row_lines import RowLines, Values

    from .shadow_table import Shadow

OnFileConflict = Literal["error", "update"]
CHUNK: Final = 1_000_000  # rows: more than a chunk can have


@dataclass(slots=True)
class Target:
    """Where rows go, and what happens to those whose id is taken.

    `parents` has, by the referring column, ids that were seen in the table it refers to, perhaps long ago.
    With a shadow, what it holds counts as stored. `contended`: other clients were in the way of a load. At
    `most` so many rows are tried at once: fewer after other clients wrote the same ids meanwhile.
    """

    table: Table
    on_conflict: OnFileConflict = "error"
    shadow: Shadow | None = None
    parents: dict[str, BitMap] = field(default_factory=dict)
    contended: bool = False
    most: int = CHUNK

    def __post_init__(self) -> None:
        self.parents = {name: self.parents.get(name, BitMap()) for name in references(self.table)}


@dataclass(slots=True)
class Placed:
    """What came of a chunk's records: to insert, to overwrite, unchanged, and by index those refused.

    `accepted` has the ids of the rows that are in the table now, `proven` is the checksum of those written.
    """

    new: RowLines
    changed: RowLines
    unchanged: int = 0
    refused: dict[int, ValidatedRow] = field(default_factory=dict)
    accepted: BitMap = field(default_factory=BitMap)
    proven: Checksum = field(default_factory=Checksum)


def decide(connection: Connection, target: Target, validated: ValidatedChunk, taken: BitMap) -> Placed:
    """What will come of a chunk if nobody else writes meanwhile; nothing is written."""
    none = validated.rows.take([])
    placed = Placed(none, none, refused={index: _copy(row) for index, row in validated.refused.items()})
    _refuse_unknown(connection, target, validated, placed)
    ids = validated.rows.ids
    every = validated.ids
    before = lookup.present(connection, target.table, every) | (every & taken)
    distinct = len(ids) == len(validated.rows)
    if distinct and not before:
        placed.new = _unrefused(validated, placed)
        placed.accepted = placed.new.ids
    elif distinct and ids <= before - taken and _all_unchanged(connection, validated, placed):
        placed.unchanged, placed.accepted = len(ids), ids
    else:
        _decide_rows(target, validated, taken, _stored_or_shadowed(connection, target, before), placed)
    _refuse_ids(target, validated, taken, before, placed)
    return placed


def _all_unchanged(connection: Connection, validated: ValidatedChunk, placed: Placed) -> bool:
    """Whether the database says that it has all the valid rows as they are; else each has to be looked at."""
    return len(placed.refused) == len(validated.refused) and lookup.holds(connection, validated.rows)


def _unrefused(validated: ValidatedChunk, placed: Placed) -> RowLines:
    """The valid rows that are not refused for other reasons."""
    if len(placed.refused) == len(validated.refused):
        return validated.rows
    return validated.rows.take(
        [row for row, index in enumerate(validated.indexes.tolist()) if index not in placed.refused]
    )


def _copy(row: ValidatedRow) -> ValidatedRow:
    return ValidatedRow(row.raw, row.values, list(row.errors))


def _decide_rows(
    target: Target, validated: ValidatedChunk, taken: BitMap, held: dict[int, Values], placed: Placed
) -> None:
    """Decides each row by what is held under its id; `held` becomes what the table will hold."""
    new, changed = [], []
    ids = validated.rows.whole("id").tolist()
    for place, (index, row_id, row) in enumerate(
        zip(validated.indexes.tolist(), ids, validated.rows.rows, strict=True)
    ):
        there = held.get(row_id)
        if there is not None and there != row:
            conflict = _conflict(target, row_id, twice=row_id in taken or row_id in placed.accepted)
            if conflict is not None:
                placed.refused.setdefault(index, ValidatedRow(None, {})).errors.append(conflict)
        if index in placed.refused:
            continue
        if there is None:
            new.append(place)
        elif there == row:
            placed.unchanged += 1
        else:
            changed.append(place)
        held[row_id] = row
        placed.accepted.add(row_id)
    placed.new, placed.changed = validated.rows.take(new), validated.rows.take(changed)


def _conflict(target: Target, row_id: int, *, twice: bool) -> RowError | None:
    """Why a row cannot have an id that is taken by other content; None where it is to be overwritten."""
    if twice:
        return RowError("id", "duplicate_id", f"id {row_id} stands in this file before with other content")
    if target.on_conflict == "update":
        return None
    return RowError("id", "already_exists", f"id {row_id} is already in {target.table.name}")


def _refuse_ids(
    target: Target, validated: ValidatedChunk, taken: BitMap, before: BitMap, placed: Placed
) -> None:
    """Adds to rows that are wrong in themselves that their id is taken as well."""
    wrong = {index: row.values["id"] for index, row in validated.refused.items() if "id" in row.values}
    within = placed.accepted & BitMap(wrong.values())
    firsts: dict[int, int] = {}
    if within:
        for index, row_id in zip(
            validated.indexes.tolist(), validated.rows.whole("id").tolist(), strict=True
        ):
            if row_id in within and index not in placed.refused:
                firsts.setdefault(row_id, index)
    for index, row_id in wrong.items():
        twice = row_id in taken or firsts.get(row_id, index) < index
        conflict = _conflict(target, row_id, twice=twice) if twice or row_id in before else None
        if conflict is not None:
            placed.refused[index].errors.append(conflict)


def _refuse_unknown(
    connection: Connection, target: Target, validated: ValidatedChunk, placed: Placed
) -> None:
    """Refuses the rows that refer to nothing, and adds the reason to those that are refused anyway."""
    for name, parent in references(target.table).items():
        missing = _missing(connection, target, validated, name, parent)
        if not missing:
            continue
        values = validated.rows.whole(name)
        unknown = np.isin(values, np.array(missing, np.int64))
        found = dict(zip(validated.indexes[unknown].tolist(), values[unknown].tolist(), strict=True))
        for index, row in validated.refused.items():
            if row.values.get(name, 0) in missing:
                found[index] = row.values[name]
        for index, value in found.items():
            error = RowError(name, "unknown_reference", f"{name} {value} is not in {parent.name}")
            placed.refused.setdefault(index, ValidatedRow(None, {})).errors.append(error)


def _missing(
    connection: Connection, target: Target, validated: ValidatedChunk, name: str, parent: Table
) -> BitMap:
    """The ids that a column refers to and that exist nowhere; looked up again, as what is known is old."""
    wanted = validated.rows.distinct(name)
    wanted.update(row.values[name] for row in validated.refused.values() if name in row.values)
    wanted -= target.parents[name]
    now = lookup.present(connection, parent, wanted)
    target.parents[name].update(now)
    return wanted - now


def _stored_or_shadowed(connection: Connection, target: Target, ids: BitMap) -> dict[int, Values]:
    found = lookup.rows_of(connection, target.table, ids)
    return found | lookup.rows_of(target.shadow.connection, target.table, ids) if target.shadow else found
