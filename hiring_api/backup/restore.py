"""Restore tables from files in one transaction: all of it is done, or nothing.

Rows for an empty table are loaded into it at once. For any other table they are loaded into a temporary
table, and then only the difference is written: rows that others refer to stay, and readers are not blocked.
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
from hiring_api.database.lease import Lease, leased
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
    """What a restore did to a table, or what it would do (dry run), in numbers of rows.

    `received` is the number of rows in the file; `kept` names the backup of the rows that were replaced.
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
        """Return the report as users see it."""
        return asdict(self)


def restore(
    engine: Engine,
    files: Sequence[AvroRows],
    mode: Mode = "replace",
    *,
    dry_run: bool = False,
    keeping: Keeping | None = None,
) -> list[RestoreReport]:
    """Restore the tables of the files; return a report for each file, in their order.

    An empty database gets its schema first.

    Args:
        engine: the database.
        files: one for each table, parents before the tables that refer to them.
        mode: `replace` leaves exactly the files' rows, `merge` keeps the other rows too.
        dry_run: validate and count everything, write nothing.
        keeping: called with the tables before their rows are replaced; a context manager that keeps a backup
            of them and yields its name.

    Raises:
        InvalidFile: a file is damaged.
        InvalidRows: rows break a row rule.
        Conflict: references do not exist, or rows that would be deleted are still referred to.
        Busy: another restore is under way, or others wrote the same rows meanwhile.
        DatabaseUnavailable: nothing was committed.
        StorageFull: nothing was committed.
        Unproven: the stored rows differ from those of the files; nothing was committed.
    """
    if not dry_run:
        schema.make(engine)
    with leased(engine, "restore") as lease:
        if lease is None:
            raise Busy("another restore is under way: try again when it is done")
        if dry_run:
            return _restore_checked(engine, lease, [check(file) for file in files], mode, dry_run=True)
        reports = _restore_empty(engine, lease, files, mode) or _restore_over(
            engine, lease, files, mode, keeping
        )
        # After the commit: on MySQL it would be one
        replenish(engine, [file.table for file in files])
    return reports


def _restore_over(
    engine: Engine, lease: Lease, files: Sequence[AvroRows], mode: Mode, keeping: Keeping | None
) -> list[RestoreReport]:
    checked = [check(file) for file in files]
    if mode == "merge" or keeping is None:
        return _restore_checked(engine, lease, checked, mode, dry_run=False)
    with keeping([file.table for file in checked]) as name:
        reports = _restore_checked(engine, lease, checked, mode, dry_run=False)
    return [replace(report, kept=name) for report in reports]


def _restore_checked(
    engine: Engine, lease: Lease, files: Sequence[Checked], mode: Mode, *, dry_run: bool
) -> list[RestoreReport]:
    def work(connection: Connection) -> list[RestoreReport]:
        return _restore(connection, lease, files, mode, dry_run=dry_run)

    try:
        return transaction(engine, work, marked=True)
    except IntegrityError:
        raise Busy("others wrote rows that these depend on: nothing was changed, try again") from None


def _restore_empty(
    engine: Engine, lease: Lease, files: Sequence[AvroRows], mode: Mode
) -> list[RestoreReport] | None:
    """Load backups of ours into empty tables; return None if that is not possible, and nothing was done.

    Their checksums are verified before a row is written. So the rows can be validated while they are loaded,
    which halves the time. If one is invalid nevertheless, all is undone, and the slow way says which.
    """
    if not all(file.content for file in files):
        return None
    for file in files:
        file.verify()

    def work(connection: Connection) -> list[RestoreReport] | None:
        if any(dialect_of(connection).lock_tables(connection, [file.table for file in files])):
            return None
        lease.confirm(connection)
        return [_report(_load_empty(connection, file), mode, dry_run=False) for file in files]

    try:
        return transaction(engine, work, marked=True)
    except (IntegrityError, InvalidRows):
        return None


def _load_empty(connection: Connection, rows: AvroRows) -> _Target:
    checker = Checker(rows)
    total = fill(connection, rows, rows.table, checker)
    target = _Target(checker.result(), before=0, total=total)
    target.done["inserted"] = total.rows
    _require_stored(connection, target, "replace")
    return target


@dataclass(slots=True)
class _Target:
    """A table that is being restored.

    `before` is the number of its rows before; `stage` the temporary table that holds the file's rows, None if
    they go directly into the table. `done` counts rows by outcome; `total` is the checksum of the rows.
    """

    file: Checked
    before: int
    stage: Table | None = None
    done: Counter[str] = field(default_factory=Counter)
    total: Checksum = field(default_factory=Checksum)

    @property
    def table(self) -> Table:
        return self.file.table


def _restore(
    connection: Connection, lease: Lease, files: Sequence[Checked], mode: Mode, *, dry_run: bool
) -> list[RestoreReport]:
    counts = dialect_of(connection).lock_tables(connection, [file.table for file in files])
    lease.confirm(connection)
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
    """Insert parents before the rows that refer to them; delete them after those."""
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
        _require_stored(connection, target, mode)


def _require_stored(connection: Connection, target: _Target, mode: Mode) -> None:
    """Compare the table with the file before the commit.

    Raises:
        Unproven: they differ.
    """
    where = None
    if mode == "merge" and target.stage is not None:
        where = target.table.c.id.in_(select(target.stage.c.id))
    stored = bulk_load.checksum(connection, target.table, where)
    if stored != target.total:
        raise Unproven(f"what {target.table.name} would hold is not what the file has: nothing was changed")


def _drop(connection: Connection, targets: Sequence[_Target]) -> None:
    # What went wrong before counts; the server drops temporary tables itself when the connection ends
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
