"""The progress of each load of a CSV file, committed with the rows it belongs to.

A load that was killed goes on where it was, with the ids it had accepted; one that ended stays as a record.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from pyroaring import BitMap, BitMap64
from sqlalchemy import (
    Table,
    delete,
    func,
    insert,
    select,
    update,
)

from hiring_api.csv_input.chunks import Position
from hiring_api.database.bookkeeping import load_ids, loads
from hiring_api.model.checksum import Checksum

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from hiring_api.rejects.record import Origin


@dataclass(frozen=True, slots=True)
class Counts:
    """Numbers of records by outcome. Each record read is inserted, updated, unchanged, rejected or repaired.

    `repaired` records are as wrong as they were when they were rejected, but the rows that repaired them are
    in the table. `blank` ones hold nothing but separators and are not among those read. `doubtful` counts
    texts, not records: they are taken as they are, but look like a missing value (NULL) or stand in quotes.
    """

    read: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    repaired: int = 0
    blank: int = 0
    doubtful: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(mine + its for mine, its in zip(astuple(self), astuple(other), strict=True)))

    def add_up(self) -> bool:
        """True if every record that was read has one outcome."""
        told = self.inserted + self.updated + self.unchanged + self.rejected + self.repaired
        return self.read == told


NAMES: Final = tuple(one.name for one in fields(Counts))


def astuple(counts: Counts) -> tuple[int, ...]:
    """Return the numbers in their declared order."""
    return tuple(getattr(counts, name) for name in NAMES)


@dataclass(frozen=True, slots=True)
class Progress:
    """A load's state between two chunks. `taken` has the ids that it accepted from its file, `proven` the
    checksum of the rows that it wrote, `again` the keys of earlier rejects that it has refused again since
    it was begun or gone on with.
    """

    at: Position = field(default_factory=Position)
    counts: Counts = field(default_factory=Counts)
    taken: BitMap = field(default_factory=BitMap)
    proven: Checksum = field(default_factory=Checksum)
    again: BitMap64 = field(default_factory=BitMap64)


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def unfinished(
    connection: Connection, table: Table, origin: Origin, fingerprint: str
) -> tuple[int, str, Progress] | None:
    """Return key, run and progress of a killed load of the same content, or None."""
    same = (
        (loads.c.fingerprint == fingerprint)
        & (loads.c.table_name == table.name)
        & (loads.c.source == origin.source[:512])
        & loads.c.ended_at.is_(None)
    )
    row = connection.execute(select(loads).where(same).order_by(loads.c.id.desc()).limit(1)).first()
    if row is None:
        return None
    stored = json.loads(row.progress)
    progress = Progress(
        Position(**stored["at"]),
        Counts(**stored["counts"]),
        _taken(connection, row.id),
        Checksum(**stored["proven"]),
    )
    return row.id, row.run, progress


def _taken(connection: Connection, key: int) -> BitMap:
    stored = connection.execute(select(load_ids.c.ids).where(load_ids.c.load_id == key)).scalars()
    return BitMap.union(BitMap(), *(BitMap.deserialize(ids) for ids in stored))


def begin(connection: Connection, table: Table, origin: Origin, fingerprint: str) -> int:
    """Record that a load begins; return its key."""
    values = {
        "run": origin.run,
        "table_name": table.name,
        "source": origin.source[:512],
        "fingerprint": fingerprint,
        "begun_at": _now(),
        "progress": _written(Progress()),
    }
    [key] = connection.execute(insert(loads), values).inserted_primary_key or [None]
    return int(key)


def advance(connection: Connection, key: int, progress: Progress, accepted: BitMap) -> None:
    """Record how far the load has come; `accepted` are the ids that it accepted since the last call."""
    connection.execute(update(loads).where(loads.c.id == key).values(progress=_written(progress)))
    if accepted:
        accepted.run_optimize()
        connection.execute(insert(load_ids), {"load_id": key, "ids": accepted.serialize()})


def end(connection: Connection, key: int, progress: Progress) -> None:
    """Record that the load has ended."""
    done = {"progress": _written(progress), "ended_at": _now()}
    connection.execute(update(loads).where(loads.c.id == key).values(done))
    connection.execute(delete(load_ids).where(load_ids.c.load_id == key))


class LastLoad(NamedTuple):
    """The last load of a CSV file that ended; the instants are naive UTC."""

    run: str
    source: str
    begun_at: datetime
    ended_at: datetime
    counts: Counts


def last_loads(connection: Connection) -> dict[str, LastLoad]:
    """The last load of each table, by the table's name in SQL."""
    ended = loads.c.ended_at.is_not(None)
    newest = select(func.max(loads.c.id)).where(ended).group_by(loads.c.table_name)
    found = connection.execute(select(loads).where(loads.c.id.in_(newest)))
    return {
        row.table_name: LastLoad(
            row.run, row.source, row.begun_at, row.ended_at, Counts(**json.loads(row.progress)["counts"])
        )
        for row in found
    }


def newest_begun(connection: Connection) -> dict[str, tuple[datetime, bool]]:
    """When the newest load of each table began (naive UTC), and whether it has ended."""
    newest = select(func.max(loads.c.id)).group_by(loads.c.table_name)
    found = connection.execute(select(loads).where(loads.c.id.in_(newest)))
    return {row.table_name: (row.begun_at, row.ended_at is not None) for row in found}


def _written(progress: Progress) -> str:
    """Return the progress as JSON, without the accepted ids."""
    return json.dumps(
        {"at": asdict(progress.at), "counts": asdict(progress.counts), "proven": asdict(progress.proven)}
    )
