"""Files -> tables, in one transaction: afterwards a table holds what it should, or what it held before.

Rows for an empty table go straight into it. Else they go into a temporary table beside it first, and only
the difference is written: rows that others refer to stay where they are, and readers wait for nothing.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError, IntegrityError

from . import bulk, staging
from .check import check, require_references, require_unneeded
from .database import transaction
from .errors import Busy
from .locks import named_lock
from .tables import resource

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Engine, Table

    from .avro_rows import AvroRows
    from .check import Checked

Mode = Literal["replace", "merge"]
MODES: Final = ("replace", "merge")


@dataclass(frozen=True, slots=True)
class Report:
    """What a restore did to a table, or in a dry run would do. Numbers of rows; `received` is the file's."""

    table: str
    mode: Mode
    dry_run: bool
    checksum: Literal["verified", "absent"]
    received: int
    inserted: int
    updated: int
    unchanged: int
    deleted: int
    rows_before: int
    rows_after: int

    def to_json(self) -> dict[str, Any]:
        """The report as users see it."""
        return asdict(self)


def restore(
    engine: Engine, files: Sequence[AvroRows], mode: Mode = "replace", *, dry_run: bool = False
) -> list[Report]:
    """Brings the files' rows into their tables; the reports in the order of the files.

    Args:
        engine: the database.
        files: one for each table, parents before the tables that refer to them.
        mode: `replace` leaves exactly the files' rows, `merge` keeps the other rows too.
        dry_run: everything is judged and counted, nothing is written.

    Raises:
        InvalidFile: a file is damaged.
        InvalidRows: rows break a row rule.
        Conflict: references do not resolve, or rows that must go are still needed.
        Busy: another restore is under way, or others wrote the same rows meanwhile.
        DatabaseUnavailable: nothing was committed.
        StorageFull: nothing was committed.
    """
    with named_lock(engine, "restore") as held:
        if not held:
            raise Busy("another restore is under way: try again when it is done")
        checked = [check(file) for file in files]
        try:
            return transaction(
                engine, lambda connection: _restore(connection, checked, mode, dry_run=dry_run)
            )
        except IntegrityError:
            raise Busy("others wrote rows that these depend on: nothing was changed, try again") from None


@dataclass(slots=True)
class _Target:
    """A table being restored: its file, the rows it had, and where the new ones wait (None: nowhere)."""

    file: Checked
    before: int
    stage: Table | None = None
    done: Counter[str] = field(default_factory=Counter)
    total: bulk.Checksum = field(default_factory=bulk.Checksum)

    @property
    def table(self) -> Table:
        return self.file.table


def _restore(connection: Connection, files: Sequence[Checked], mode: Mode, *, dry_run: bool) -> list[Report]:
    targets = [_Target(file, before) for file, before in zip(files, _lock(connection, files), strict=True)]
    require_references(connection, files, replace=mode == "replace")
    if mode == "replace":
        require_unneeded(connection, files)
    try:
        for target in targets:
            if target.before:
                target.stage = staging.create(connection, target.table)
                _load(connection, target, target.stage)
        (_count if dry_run else _write)(connection, targets, mode)
    finally:
        _drop(connection, targets)
    return [_report(target, mode, dry_run=dry_run) for target in targets]


def _lock(connection: Connection, files: Sequence[Checked]) -> list[int]:
    """Keeps others from writing into the tables until the end; the number of rows in each.

    Locking every row and the gaps between them takes InnoDB's REPEATABLE READ, for this transaction alone.
    SQLite has one writer anyway.
    """
    if connection.dialect.name != "sqlite":
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    counts = [select(func.count()).select_from(file.table).with_for_update() for file in files]
    return [connection.execute(count).scalar_one() for count in counts]


def _load(connection: Connection, target: _Target, into: Table) -> None:
    for chunk in target.file.rows.chunks():
        target.total += bulk.checksum_of(target.table, chunk.values)
        bulk.load(connection, into, chunk.values)


def _count(connection: Connection, targets: Sequence[_Target], mode: Mode) -> None:
    for target in targets:
        if target.stage is None:
            target.done["inserted"] = len(target.file.ids)
        else:
            target.done.update(staging.count(connection, target.table, target.stage))
        if mode == "merge":
            target.done["deleted"] = 0


def _write(connection: Connection, targets: Sequence[_Target], mode: Mode) -> None:
    """New parents come before the children that need them, old ones go after those that needed them."""
    for target in targets:
        if target.stage is None:
            _load(connection, target, target.table)
            target.done["inserted"] = target.total.rows
        else:
            target.done.update(staging.put(connection, target.table, target.stage))
    for target in reversed(targets):
        if mode == "replace" and target.stage is not None:
            target.done.update(staging.remove(connection, target.table, target.stage))
    for target in targets:
        _prove(connection, target, mode)


def _prove(connection: Connection, target: _Target, mode: Mode) -> None:
    """Compares what is stored now with the file, before anybody else can see it."""
    where = None
    if mode == "merge" and target.stage is not None:
        where = target.table.c.id.in_(select(target.stage.c.id))
    stored = bulk.checksum(connection, target.table, where)
    if stored != target.total:
        raise RuntimeError(f"{target.table.name} would hold {stored}, the file has {target.total}")


def _drop(connection: Connection, targets: Sequence[_Target]) -> None:
    # A lost connection has dropped them already
    with suppress(DBAPIError):
        for target in targets:
            if target.stage is not None:
                staging.drop(connection, target.stage)


def _report(target: _Target, mode: Mode, *, dry_run: bool) -> Report:
    received, done = len(target.file.ids), target.done
    return Report(
        table=resource(target.table),
        mode=mode,
        dry_run=dry_run,
        checksum="verified" if target.file.rows.content else "absent",
        received=received,
        inserted=done["inserted"],
        updated=done["updated"],
        unchanged=received - done["inserted"] - done["updated"],
        deleted=done["deleted"],
        rows_before=target.before,
        rows_after=target.before + done["inserted"] - done["deleted"],
    )
