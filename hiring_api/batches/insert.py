"""Rows -> tables: one outcome for each row, all of a request in one transaction.

The way in: look up which ids are taken and which references exist, refuse what cannot go in with all its
errors, then one INSERT a table for the rest. Where another writer got in between, the INSERT fails, all is
undone, and the look-up is done again; after several lost races the rows go in by parts, and by smaller ones
where that fails again.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from pyroaring import BitMap
from sqlalchemy.exc import IntegrityError

from hiring_api.database.transactions import transaction
from hiring_api.model.conflicts import being_written
from hiring_api.model.row_errors import RowError
from hiring_api.rejects.record import Origin, Reject, keep
from hiring_api.rejects.resolve import resolve_by_id

from .apply import write
from .plan import decide
from .report import Batch, BatchReport, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sqlalchemy import Connection, Engine, Table

    from .report import Options

    Attempt = Callable[[Connection, Sequence[Batch], Options], list[BatchReport]]

_RACES = 3
_FEWER = 4  # times fewer rows are tried at once after a lost race


def take(
    engine: Engine,
    batches: Sequence[Batch],
    options: Options,
    origin: Origin,
    begin: Callable[[Connection], None] | None = None,
    finish: Callable[[Connection, list[BatchReport]], None] | None = None,
) -> list[BatchReport]:
    """Write validated rows to their tables in one transaction, and record the refused ones in it.

    The reports can tell the log what was refused: that is left to the caller, since nobody waits for it.

    Args:
        engine: the database.
        batches: the rows for each table, parents before the tables that refer to them.
        options: mode, conflicts, dry run.
        origin: where the rows came from, for the record.
        begin: what else belongs into the transaction, before all; not called for a dry run.
        finish: what else belongs into the transaction, given the reports; not called for a dry run.

    Raises:
        DatabaseUnavailable: nothing was committed.
    """

    def work(attempt: Attempt, connection: Connection) -> list[BatchReport]:
        if begin is not None and not options.dry_run:
            begin(connection)
        reports = attempt(connection, batches, options)
        if not options.dry_run:
            for batch, report in zip(batches, reports, strict=True):
                resolve_by_id(connection, batch.table, _brought(batch, report, options))
                report.tell = keep(connection, batch.table, origin, _rejects(batch, report))
            if finish is not None:
                finish(connection, reports)
        return reports

    for _ in range(_RACES):
        with suppress(IntegrityError):  # another writer got in between: all of it is undone
            return transaction(engine, partial(work, _write_at_once))
    return transaction(engine, partial(work, _write_in_parts))


def _brought(batch: Batch, report: BatchReport, options: Options) -> list[int]:
    """The ids of the rows that are stored now as they came, but for ids that the database gave.

    Where conflicts are skipped, what is stored under an id may be another row than the one that came.
    """
    stored = {"inserted", "updated"} if options.on_conflict == "skip" else {"inserted", "updated", "skipped"}
    return [
        row_id
        for row_id, outcome in zip(batch.rows.columns["id"], report.outcomes, strict=True)
        if row_id is not None and outcome.status in stored
    ]


def _rejects(batch: Batch, report: BatchReport) -> list[Reject]:
    failed = [index for index, outcome in enumerate(report.outcomes) if outcome.status == "failed"]
    return [
        Reject(batch.rows.raws[index], report.outcomes[index].errors, None, index + 1) for index in failed
    ]


def _write_at_once(connection: Connection, batches: Sequence[Batch], options: Options) -> list[BatchReport]:
    reports = _plan(connection, batches, options)
    if _refused(reports, options):
        return _rolled_back(reports)
    if not options.dry_run:
        for batch, report in zip(batches, reports, strict=True):
            write(connection, batch, report.outcomes)
    return reports


def _refused(reports: Iterable[BatchReport], options: Options) -> bool:
    """True if an atomic batch must not be written."""
    return options.mode == "atomic" and any(report.counts()["failed"] for report in reports)


def _rolled_back(reports: list[BatchReport]) -> list[BatchReport]:
    for report in reports:
        for outcome in report.outcomes:
            if outcome.status != "failed":
                outcome.status, outcome.id = "rolled_back", None
    return reports


def _plan(connection: Connection, batches: Sequence[Batch], options: Options) -> list[BatchReport]:
    """The outcomes of all tables' rows; parents that are to be inserted count as existing."""
    reports = []
    coming: dict[Table, BitMap] = {}
    for batch in batches:
        outcomes, coming[batch.table] = decide(connection, batch, options, coming, BitMap())
        reports.append(BatchReport(batch.table, options, outcomes))
    return reports


def _write_in_parts(connection: Connection, batches: Sequence[Batch], options: Options) -> list[BatchReport]:
    """Parts of the rows, each in a savepoint of its own: exact whatever others write meanwhile.

    The parts are as large as others let them be, because the rows that are in stay locked until all are.
    """
    reports = []
    with connection.begin_nested() as everything:
        for batch in batches:
            outcomes = _write_parts_of(connection, batch, options)
            reports.append(BatchReport(batch.table, options, [outcomes[index] for index in sorted(outcomes)]))
        if not _refused(reports, options):
            return reports
        everything.rollback()
    return _rolled_back(reports)


def _write_parts_of(connection: Connection, batch: Batch, options: Options) -> dict[int, Outcome]:
    """Write the rows of a batch in parts; return the outcome of each row by its index."""
    seen = BitMap()
    outcomes: dict[int, Outcome] = {}
    # Those without an id last: none shall be given the id that another row brings
    ids = batch.rows.columns["id"]
    rest = sorted(range(len(ids)), key=lambda index: ids[index] is None)
    most = len(rest)
    while rest:
        part = rest[:most]
        written = _write_part(connection, Batch(batch.table, batch.rows.part(part)), options, seen)
        if written is None:
            most = len(part) // _FEWER or 1
            continue
        outcomes |= zip(part, written, strict=True)
        del rest[: len(part)]
        most *= 2
    return outcomes


def _write_part(connection: Connection, part: Batch, options: Options, seen: BitMap) -> list[Outcome] | None:
    """The outcomes of rows that go in or not; None where others were faster with some of them, unless it is
    a single row: then it is refused.
    """
    ids = part.rows.columns["id"]
    for _ in range(_RACES if len(ids) == 1 else 1):
        outcomes, accepted = decide(connection, part, options, {}, seen)
        try:
            with connection.begin_nested():
                write(connection, part, outcomes)
        except IntegrityError:
            continue
        seen.update(accepted)
        return outcomes
    if len(ids) > 1:
        return None
    if ids[0] is None:
        error = RowError("id", "out_of_range", "the table has no id left to give")
    else:
        error = being_written(ids[0], part.table, "request")
    return [Outcome("failed", None, (error,))]
