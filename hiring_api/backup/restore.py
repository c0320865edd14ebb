"""Files -> tables, in one transaction: afterwards a table holds what it should, or what it held before.

Rows for an empty table go straight into it. Else they go into a temporary table beside it first, and only
the difference is written: rows that others refer to stay where they are, and readers wait for nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError, IntegrityError

from hiring_api.database import bulk_load, schema, staging
from hiring_api.database.dialects import dialect_of
from hiring_api.database.locks import named_lock
from hiring_api.database.next_ids import replenish
from hiring_api.database.transactions import transaction
from hiring_api.errors import Busy, InvalidRows, Unproven
from hiring_api.model.checksum import Checksum
from hiring_api.model.tables import resource

from .checks import Checker, check, require_references, require_unneeded
from .load_rows import fill

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Engine, Table

    from hiring_api.avro.reader import AvroRows

    from .checks import Checked

Mode = Literal["replace", "merge"]
Keeping = Callable[["Sequence[Table]"], AbstractContextManager[str]]
MODES: Final = ("replace", "merge")


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """What a restore did to a table, or in a dry run would do. Numbers of rows; `received` is the file's.

    `kept` names the stored backup of what was replaced.
    """

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
    kept: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The report as users see it."""
        return asdict(self)


def restore(
    engine: Engine,
    files: Sequence[AvroRows],
    mode: Mode = "replace",
    *,
    dry_run: bool = False,
    keeping: Keeping | None = None,
) -> list[RestoreReport]:
    """Brings the files' rows into their tables; the reports in the order of the files.

    An empty database gets its schema first.

    Args:
        engine: the database.
        files: one for each table, parents before the tables that refer to them.
        mode: `replace` leaves exactly the files' rows, `merge` keeps the other rows too.
        dry_run: everything is validated and counted, nothing is written.
        keeping: called with the tables before rows of them are replaced; it keeps them and yields the name.

    Raises:
        InvalidFile: a file is damaged.
        InvalidRows: rows break a row rule.
        Conflict: references do not resolve, or rows that must go are still needed.
        Busy: another restore is under way, or others wrote the same rows meanwhile.
        DatabaseUnavailable: nothing was committed.
        StorageFull: nothing was committed.
        Unproven: what would be stored is not what the files have; nothing was committed.
    """
    with named_lock(engine, "restore") as held:
        if not held:
            raise Busy("another restore is under way: try again when it is done")
        if dry_run:
            return _carefully(engine, [check(file) for file in files], mode, dry_run=True)
        schema.make(engine)
        reports = _into_empty(engine, files, mode) or _into_full(engine, files, mode, keeping)
        # After the commit: on MySQL it would be one
        replenish(engine, [file.table for file in files])
    return reports


def _into_full(
    engine: Engine, files: Sequence[AvroRows], mode: Mode, keeping: Keeping | None
) -> list[RestoreReport]:
    checked = [check(file) for file in files]
    if mode == "merge" or keeping is None:
        return _carefully(engine, checked, mode, dry_run=False)
    with keeping([file.table for file in checked]) as name:
        reports = _carefully(engine, checked, mode, dry_run=False)
    return [replace(report, kept=name) for report in reports]


def _carefully(engine: Engine, files: Sequence[Checked], mode: Mode, *, dry_run: bool) -> list[RestoreReport]:
    try:
        return transaction(engine, lambda connection: _restore(connection, files, mode, dry_run=dry_run))
    except IntegrityError:
        raise Busy("others wrote rows that these depend on: nothing was changed, try again") from None


def _into_empty(engine: Engine, files: Sequence[AvroRows], mode: Mode) -> list[RestoreReport] | None:
    """Loads backups of ours straight into empty tables; None where that cannot be, and nothing was done.

    Their checksum proves that the bytes are those saved before a row is written; so the rows may be validated
    while they are loaded, which halves the time. Should one be wrong nevertheless, nothing is kept, and the
    careful way says which.
    """
    if not all(file.content for file in files):
        return None
    for file in files:
        file.verify()

    def work(connection: Connection) -> list[RestoreReport] | None:
        if any(dialect_of(connection).lock_tables(connection, [file.table for file in files])):
            return None
        return [_report(_loaded(connection, file), mode, dry_run=False) for file in files]

    try:
        return transaction(engine, work)
    except (IntegrityError, InvalidRows):
        return None


def _loaded(connection: Connection, rows: AvroRows) -> _Target:
    checker = Checker(rows)
    total = fill(connection, rows, rows.table, checker)
    target = _Target(checker.done(), before=0, total=total)
    target.done["inserted"] = total.rows
    _prove(connection, target, "replace")
    return target


@dataclass(slots=True)
class _Target:
    """A table being restored: its file, the rows it had, and where the new ones wait (None: nowhere)."""

    file: Checked
    before: int
    stage: Table | None = None
    done: Counter[str] = field(default_factory=Counter)
    total: Checksum = field(default_factory=Checksum)

    @property
    def table(self) -> Table:
        return self.file.table


def _restore(
    connection: Connection, files: Sequence[Checked], mode: Mode, *, dry_run: bool
) -> list[RestoreReport]:
    counts = dialect_of(connection).lock_tables(connection, [file.table for file in files])
    targets = [_Target(file, before) for file, before in zip(files, counts, strict=True)]
    require_references(connection, files, replace=mode == "replace")
    if mode == "replace":
        require_unneeded(connection, files)
    try:
        for target in targets:
            if target.before:
                target.stage = staging.create(connection, target.table)
                target.total = fill(connection, target.file.rows, target.stage)
        (_count if dry_run else _write)(connection, targets, mode)
    finally:
        _drop(connection, targets)
    return [_report(target, mode, dry_run=dry_run) for target in targets]


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
            target.total = fill(connection, target.file.rows, target.table)
            target.done["inserted"] = target.total.rows
        else:
            target.done.update(staging.put(connection, target.table, target.stage))
    for target in reversed(targets):
        if mode == "replace" and target.stage is not None:
            target.done.update(staging.remove(connection, target.table, target.stage))
    for target in targets:
        _prove(connection, target, mode)


def _prove(connection: Connection, target: _Target, mode: Mode) -> None:
    """Compares what is stored now with the file, before anybody else can see it; raises Unproven."""
    where = None
    if mode == "merge" and target.stage is not None:
        where = target.table.c.id.in_(select(target.stage.c.id))
    stored = bulk_load.checksum(connection, target.table, where)
    if stored != target.total:
        raise Unproven(f"what {target.table.name} would hold is not what the file has: nothing was changed")


def _drop(connection: Connection, targets: Sequence[_Target]) -> None:
    # A lost connection has dropped them already
    with suppress(DBAPIError):
        for target in targets:
            if target.stage is not None:
                staging.drop(connection, target.stage)


def _report(target: _Target, mode: Mode, *, dry_run: bool) -> RestoreReport:
    received, done = len(target.file.ids), target.done
    return RestoreReport(
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
