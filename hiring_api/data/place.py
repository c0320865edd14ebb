"""A judged chunk of a file -> the table, within the caller's transaction, and proof of what is stored.

The same rules as for a batch, but for rows of a file, which all have an id: a row that is in the table
already with the same content is unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from pyroaring import BitMap
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from . import bulk
from .bulk import Checksum
from .csv_judge import JudgedChunk
from .errors import Unproven
from .insert import present
from .rows import Judged, RowError
from .tables import kinds, references

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy import ColumnElement, Connection, Table

    from .bulk import Values
    from .shadow import Shadow

OnConflict = Literal["error", "update"]

_RACES: Final = 3  # lost with a whole chunk before its rows are tried one by one
_ROW_RACES: Final = 3
_FETCHED: Final = 20_000  # rows
_LISTED: Final = 5_000  # ids in one condition


@dataclass(slots=True)
class Known:
    """The ids in a table and in the tables it refers to, by the referring column, as seen at some time."""

    ids: BitMap
    parents: dict[str, BitMap]


@dataclass(slots=True)
class Target:
    """Where rows go, and what happens to those whose id is taken; `known` may be outdated.

    With a shadow, what it holds counts as stored.
    """

    table: Table
    known: Known
    on_conflict: OnConflict = "error"
    shadow: Shadow | None = None


@dataclass(slots=True)
class Placed:
    """What came of a chunk's records: to insert, to overwrite, unchanged, and by index those refused.

    `accepted` has the ids of the rows that are in the table now, `proven` is the checksum of those written.
    """

    new: list[Values] = field(default_factory=list)
    changed: list[Values] = field(default_factory=list)
    unchanged: int = 0
    refused: dict[int, Judged] = field(default_factory=dict)
    accepted: BitMap = field(default_factory=BitMap)
    proven: Checksum = field(default_factory=Checksum)


def known(connection: Connection, table: Table) -> Known:
    """What is in the database now."""
    parents = {name: _ids(connection, parent) for name, parent in references(table).items()}
    return Known(_ids(connection, table), parents)


def _ids(connection: Connection, table: Table) -> BitMap:
    found = BitMap()
    for part in connection.execute(select(table.c.id)).yield_per(_FETCHED).scalars().partitions():
        found.update(part)
    return found


def place(connection: Connection, target: Target, judged: JudgedChunk, taken: BitMap) -> Placed:
    """Inserts what can go in. `taken` has the ids accepted from this file before.

    Raises:
        Unproven: the rows stored are not those read.
    """
    for _ in range(_RACES):
        placed = decide(connection, target, judged, taken)
        try:
            with connection.begin_nested():
                _write(connection, target, placed, judged)
        except IntegrityError:
            _look_again(connection, target, judged)
            continue
        return placed
    return _place_one_by_one(connection, target, judged, taken)


def decide(connection: Connection, target: Target, judged: JudgedChunk, taken: BitMap) -> Placed:
    """What will come of a chunk if nobody else writes meanwhile; nothing is written."""
    placed = Placed(refused={index: _copy(row) for index, row in judged.refused.items()})
    _refuse_unknown(connection, target, judged, placed)
    ids = _ids_of(target.table, judged.rows)
    every = ids | BitMap([row.values["id"] for row in judged.refused.values() if "id" in row.values])
    before = every & (target.known.ids | taken)
    if not before and len(ids) == len(judged.rows) and len(placed.refused) == len(judged.refused):
        placed.new, placed.accepted = judged.rows, ids
    else:
        _decide_rows(target, judged, taken, _stored_or_shadowed(connection, target, before), placed)
    _refuse_ids(target, judged, taken, before, placed)
    return placed


def _copy(row: Judged) -> Judged:
    return Judged(row.raw, row.values, list(row.errors))


def _decide_rows(
    target: Target, judged: JudgedChunk, taken: BitMap, stored: dict[int, Values], placed: Placed
) -> None:
    """Decides each row by what is stored under its id; `stored` becomes what the table will hold."""
    key = list(kinds(target.table)).index("id")
    for index, row in zip(judged.places, judged.rows, strict=True):
        row_id = row[key]
        there = stored.get(row_id)
        if there is not None and there != row:
            conflict = _conflict(target, row_id, twice=row_id in taken or row_id in placed.accepted)
            if conflict is not None:
                placed.refused.setdefault(index, Judged(None, {})).errors.append(conflict)
        if index in placed.refused:
            continue
        if there is None:
            placed.new.append(row)
        elif there == row:
            placed.unchanged += 1
        else:
            placed.changed.append(row)
        stored[row_id] = row
        placed.accepted.add(row_id)


def _conflict(target: Target, row_id: int, *, twice: bool) -> RowError | None:
    """Why a row cannot have an id that is taken by other content; None where it is to be overwritten."""
    if twice:
        return RowError("id", "duplicate_id", f"id {row_id} stands in this file before with other content")
    if target.on_conflict == "update":
        return None
    return RowError("id", "already_exists", f"id {row_id} is already in {target.table.name}")


def _refuse_ids(target: Target, judged: JudgedChunk, taken: BitMap, before: BitMap, placed: Placed) -> None:
    """Adds to rows that are wrong in themselves that their id is taken as well."""
    key = list(kinds(target.table)).index("id")
    wrong = {index: row.values["id"] for index, row in judged.refused.items() if "id" in row.values}
    within = placed.accepted & BitMap(wrong.values())
    firsts: dict[int, int] = {}
    if within:
        for index, row in zip(judged.places, judged.rows, strict=True):
            if row[key] in within and index not in placed.refused:
                firsts.setdefault(row[key], index)
    for index, row_id in wrong.items():
        twice = row_id in taken or firsts.get(row_id, index) < index
        conflict = _conflict(target, row_id, twice=twice) if twice or row_id in before else None
        if conflict is not None:
            placed.refused[index].errors.append(conflict)


def _refuse_unknown(connection: Connection, target: Target, judged: JudgedChunk, placed: Placed) -> None:
    """Refuses the rows that refer to nothing, and adds the reason to those that are refused anyway."""
    columns = list(kinds(target.table))
    for name, parent in references(target.table).items():
        place = columns.index(name)
        missing = _missing(connection, target, judged, name, parent)
        if not missing:
            continue
        found = {
            index: row[place]
            for index, row in zip(judged.places, judged.rows, strict=True)
            if row[place] in missing
        }
        for index, row in judged.refused.items():
            if row.values.get(name, 0) in missing:
                found[index] = row.values[name]
        for index, value in found.items():
            error = RowError(name, "unknown_reference", f"{name} {value} is not in {parent.name}")
            placed.refused.setdefault(index, Judged(None, {})).errors.append(error)


def _missing(connection: Connection, target: Target, judged: JudgedChunk, name: str, parent: Table) -> BitMap:
    """The ids that a column refers to and that exist nowhere; looked up again, as what is known is old."""
    place = list(kinds(target.table)).index(name)
    wanted = BitMap([row[place] for row in judged.rows])
    wanted.update(row.values[name] for row in judged.refused.values() if name in row.values)
    wanted -= target.known.parents[name]
    now = _present(connection, parent, wanted)
    target.known.parents[name].update(now)
    return wanted - now


def _present(connection: Connection, table: Table, ids: BitMap) -> BitMap:
    return BitMap([row_id for part in _parts(ids) for row_id in present(connection, table, part)])


def _stored_or_shadowed(connection: Connection, target: Target, ids: BitMap) -> dict[int, Values]:
    found = _stored(connection, target.table, ids)
    return found | _stored(target.shadow.connection, target.table, ids) if target.shadow else found


def _stored(connection: Connection, table: Table, ids: BitMap) -> dict[int, Values]:
    """The stored rows that have these ids, by id."""
    return {
        row.id: tuple(row)
        for condition in _conditions(table, ids)
        for row in connection.execute(select(table).where(condition))
    }


def _conditions(table: Table, ids: BitMap) -> Iterator[ColumnElement[bool]]:
    """Conditions that together hold for exactly these ids: one range where they are one."""
    if ids and ids.max() - ids.min() + 1 == len(ids):
        yield table.c.id.between(ids.min(), ids.max())
    else:
        for part in _parts(ids):
            yield table.c.id.in_(part)


def _parts(ids: Iterable[int]) -> Iterator[list[int]]:
    every = list(ids)
    for start in range(0, len(every), _LISTED):
        yield every[start : start + _LISTED]


def _write(connection: Connection, target: Target, placed: Placed, judged: JudgedChunk) -> None:
    table = target.table
    spelled = judged.spelled if placed.new is judged.rows else None
    spelled = spelled or bulk.spell(table, placed.new)
    bulk.load(connection, table, placed.new, spelled.lines)
    if placed.changed:
        bulk.overwrite(connection, table, placed.changed)
    read = spelled.checksum + bulk.checksum_of(table, placed.changed)
    ids = _ids_of(table, placed.new) | _ids_of(table, placed.changed)
    if not _in_range(connection, target, ids, read) and _stored_checksum(connection, table, ids) != read:
        raise Unproven(f"what {table.name} holds is not what was read: this part was not kept")
    placed.proven = read
    target.known.ids.update(ids)


def _in_range(connection: Connection, target: Target, ids: BitMap, read: Checksum) -> bool:
    """Whether the rows from the lowest to the highest of `ids` are just those read.

    It is asked only where no other row is known to be there: it costs a tenth of asking for each id.
    """
    if not ids or target.known.ids.range_cardinality(ids.min(), ids.max() + 1):
        return False
    between = target.table.c.id.between(ids.min(), ids.max())
    return bulk.checksum(connection, target.table, between) == read


def _stored_checksum(connection: Connection, table: Table, ids: BitMap) -> Checksum:
    parts = (bulk.checksum(connection, table, condition) for condition in _conditions(table, ids))
    return sum(parts, Checksum())


def _ids_of(table: Table, rows: Sequence[Values]) -> BitMap:
    key = list(kinds(table)).index("id")
    return BitMap([row[key] for row in rows])


def _look_again(connection: Connection, target: Target, judged: JudgedChunk) -> None:
    """Another writer was faster: brings what is known of this chunk's ids up to date."""
    columns = list(kinds(target.table))
    parents = references(target.table)
    looked = [("id", target.table, target.known.ids)]
    looked += [(name, parent, target.known.parents[name]) for name, parent in parents.items()]
    for name, table, ids in looked:
        wanted = BitMap([row[columns.index(name)] for row in judged.rows])
        ids.difference_update(wanted)
        ids.update(_present(connection, table, wanted))


def _place_one_by_one(connection: Connection, target: Target, judged: JudgedChunk, taken: BitMap) -> Placed:
    """Each row in a savepoint of its own: slow, and exact whatever others write meanwhile."""
    every = Placed()
    rows: dict[int, Values | Judged] = dict(zip(judged.places, judged.rows, strict=True))
    rows |= judged.refused
    for index, row in sorted(rows.items(), key=_index):
        one = JudgedChunk(judged.chunk)
        if isinstance(row, Judged):
            one.refused = {index: row}
        else:
            one.rows, one.places = [row], [index]
        placed = _place_row(connection, target, one, taken | every.accepted)
        every.new += placed.new
        every.changed += placed.changed
        every.unchanged += placed.unchanged
        every.refused |= placed.refused
        every.accepted |= placed.accepted
        every.proven += placed.proven
    return every


def _index(item: tuple[int, Any]) -> int:
    return item[0]


def _place_row(connection: Connection, target: Target, one: JudgedChunk, taken: BitMap) -> Placed:
    for _ in range(_ROW_RACES):
        _look_again(connection, target, one)
        placed = decide(connection, target, one, taken)
        try:
            with connection.begin_nested():
                _write(connection, target, placed, one)
        except IntegrityError:
            continue
        return placed
    error = RowError("id", "already_exists", f"the row is being written into {target.table.name} by others")
    return Placed(refused={one.places[0]: Judged(None, {}, [error])})
