"""Rows -> tables: one outcome for each row, all of a request in one transaction.

The way in: look up which ids are taken and which references exist, refuse what cannot go in with all its
errors, then one INSERT a table for the rest. Where another writer got in between, the INSERT fails, all is
undone, and the look-up is done again; after several lost races the rows go in by parts, and by smaller ones
where that fails again.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from hiring_api.database.transactions import transaction
from hiring_api.model.row_errors import RowError
from hiring_api.model.tables import references, resource
from hiring_api.rejects.record import Origin, Reject, keep
from hiring_api.rejects.resolve import resolve_by_id

from .apply import write
from .report import Batch, BatchReport, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sqlalchemy import Connection, Engine, Table

    from .report import Options

    Place = Callable[[Connection, Sequence[Batch], Options], list[BatchReport]]

_RACES = 3
_FEWER = 4  # times fewer rows are tried at once after a lost race


def take(
    engine: Engine,
    batches: Sequence[Batch],
    options: Options,
    origin: Origin,
    finish: Callable[[Connection, list[BatchReport]], None] | None = None,
) -> list[BatchReport]:
    """Takes validated rows into tables in one transaction; what is refused is kept on record with them.

    The reports can tell the log what was refused: that is left to the caller, since nobody waits for it.

    Args:
        engine: the database.
        batches: the rows for each table, parents before the tables that refer to them.
        options: mode, conflicts, dry run.
        origin: where the rows came from, for the record.
        finish: what else belongs into the transaction, given the reports; not called for a dry run.

    Raises:
        DatabaseUnavailable: nothing was committed.
    """

    def work(place: Place, connection: Connection) -> list[BatchReport]:
        reports = place(connection, batches, options)
        if not options.dry_run:
            for batch, report in zip(batches, reports, strict=True):
                resolve_by_id(connection, batch.table, _brought(batch, report))
                report.tell = keep(connection, batch.table, origin, _rejects(batch, report))
            if finish is not None:
                finish(connection, reports)
        return reports

    for _ in range(_RACES):
        with suppress(IntegrityError):  # another writer got in between: all of it is undone
            return transaction(engine, partial(work, _place))
    return transaction(engine, partial(work, _place_in_parts))


def _brought(batch: Batch, report: BatchReport) -> list[int]:
    """The ids of the rows that are stored now, but for ids that the database gave."""
    return [
        row_id
        for row_id, outcome in zip(batch.rows.columns["id"], report.outcomes, strict=True)
        if row_id is not None and outcome.status in {"inserted", "updated"}
    ]


def _rejects(batch: Batch, report: BatchReport) -> list[Reject]:
    failed = [place for place, outcome in enumerate(report.outcomes) if outcome.status == "failed"]
    return [
        Reject(batch.rows.raws[place], report.outcomes[place].errors, None, place + 1) for place in failed
    ]


def _place(connection: Connection, batches: Sequence[Batch], options: Options) -> list[BatchReport]:
    reports = _plan(connection, batches, options)
    if _refused(reports, options):
        return _rolled_back(reports)
    if not options.dry_run:
        for batch, report in zip(batches, reports, strict=True):
            write(connection, batch, report.outcomes)
    return reports


def _refused(reports: Iterable[BatchReport], options: Options) -> bool:
    """Whether an atomic batch must not go in."""
    return options.mode == "atomic" and any(report.counts()["failed"] for report in reports)


def _rolled_back(reports: list[BatchReport]) -> list[BatchReport]:
    for report in reports:
        for outcome in report.outcomes:
            if outcome.status != "failed":
                outcome.status, outcome.id = "rolled_back", None
    return reports


def _plan(connection: Connection, batches: Sequence[Batch], options: Options) -> list[BatchReport]:
    """The outcome that each row will have if nobody else writes meanwhile; ids not yet assigned.

    Nothing is written to find out: an INSERT that is undone would burn ids.
    """
    reports = []
    coming: dict[Table, set[int]] = {}
    for batch in batches:
        outcomes = _decide(connection, batch, options, coming, set())
        coming[batch.table] = {
            outcome.id for outcome in outcomes if outcome.status == "inserted" and outcome.id is not None
        }
        reports.append(BatchReport(batch.table, options, outcomes))
    return reports


def _decide(
    connection: Connection, batch: Batch, options: Options, coming: dict[Table, set[int]], seen: set[int]
) -> list[Outcome]:
    """As `_plan`, for one table.

    `coming` has the ids that this request will insert into parents, `seen` those of the rows before these;
    the ids of these rows are added to it.
    """
    rows = batch.rows
    brought = rows.values("id")
    ids, parents = set(brought), references(batch.table)
    wanted = {name: set(rows.values(name)) - coming.get(parent, set()) for name, parent in parents.items()}
    asked = [(batch.table, ids), *((parent, wanted[name]) for name, parent in parents.items())]
    taken, *known = _present(connection, asked, lock=options.on_conflict == "update" and not options.dry_run)
    errors = dict(rows.errors)
    for (name, parent), found in zip(parents.items(), known, strict=True):
        _refuse_unknown(name, parent, rows.columns[name], wanted[name] - found, errors)
    every = list(enumerate(rows.columns["id"]))
    if taken or len(ids) < len(brought) or not seen.isdisjoint(ids):
        return [
            _decide_row(batch.table, row_id, errors.get(place, ()), taken, seen, options)
            for place, row_id in every
        ]
    seen.update(row_id for place, row_id in every if row_id is not None and place not in errors)
    return [
        Outcome("failed", None, errors[place]) if place in errors else Outcome("inserted", row_id)
        for place, row_id in every
    ]


def _refuse_unknown(
    name: str,
    parent: Table,
    column: Sequence[Any],
    unknown: set[int],
    errors: dict[int, tuple[RowError, ...]],
) -> None:
    """Adds to the errors of each row that it refers to nothing."""
    if not unknown:
        return
    said = {
        value: (RowError(name, "unknown_reference", f"{name} {value} is not in {parent.name}"),)
        for value in unknown
    }
    for place, value in enumerate(column):
        if value in said:
            errors[place] = errors.get(place, ()) + said[value]


def _decide_row(
    table: Table,
    row_id: int | None,
    errors: tuple[RowError, ...],
    taken: set[int],
    seen: set[int],
    options: Options,
) -> Outcome:
    """What comes of a row by its id and the errors that it has already."""
    exists = row_id in taken
    if row_id in seen:
        errors += (RowError("id", "duplicate_id", f"id {row_id} stands in this request before"),)
    elif exists and options.on_conflict == "error":
        errors += (RowError("id", "already_exists", f"id {row_id} is already in {resource(table)}"),)
    if errors:
        return Outcome("failed", None, errors)
    if row_id is not None:
        seen.add(row_id)
    if exists:
        return Outcome("skipped" if options.on_conflict == "skip" else "updated", row_id)
    return Outcome("inserted", row_id)


def _present(
    connection: Connection, asked: Sequence[tuple[Table, set[int]]], *, lock: bool
) -> list[set[int]]:
    """Those of the ids that are in each table; with `lock`, those in the first stay until the end.

    One statement counts them all: usually it is none or all of them, and nothing is left to ask.
    """
    counts = [
        f"(SELECT COUNT(*) FROM {table.name} WHERE {_among(ids)})" if ids else "0" for table, ids in asked
    ]
    counted = connection.exec_driver_sql(f"SELECT {', '.join(counts)}").one()
    return [
        present(connection, table, ids, lock=lock and place == 0)
        if 0 < count < len(ids) or (lock and count and place == 0)
        else ids
        if count
        else set()
        for place, ((table, ids), count) in enumerate(zip(asked, counted, strict=True))
    ]


def present(connection: Connection, table: Table, ids: Iterable[int], *, lock: bool = False) -> set[int]:
    """Those of `ids` that are in `table`; with `lock`, they stay there until the transaction ends."""
    wanted = set(ids)
    if not wanted:
        return set()
    query = select(table.c.id).where(text(_among(wanted)))
    return set(connection.execute(query.with_for_update() if lock else query).scalars())


def _among(ids: set[int]) -> str:
    """The condition that a row's id is one of `ids`, of which there is one at least."""
    # Written out: a thousand bound parameters cost as much as the look-up itself
    if max(ids) - min(ids) < len(ids):
        return f"id BETWEEN {min(ids)} AND {max(ids)}"
    return f"id IN ({', '.join(map(str, ids))})"


def _place_in_parts(connection: Connection, batches: Sequence[Batch], options: Options) -> list[BatchReport]:
    """Parts of the rows, each in a savepoint of its own: exact whatever others write meanwhile.

    The parts are as large as others let them be, because the rows that are in stay locked until all are.
    """
    reports = []
    with connection.begin_nested() as everything:
        for batch in batches:
            outcomes = _place_parts_of(connection, batch, options)
            reports.append(BatchReport(batch.table, options, [outcomes[place] for place in sorted(outcomes)]))
        if not _refused(reports, options):
            return reports
        everything.rollback()
    return _rolled_back(reports)


def _place_parts_of(connection: Connection, batch: Batch, options: Options) -> dict[int, Outcome]:
    """What came of each row of a batch, by its place."""
    seen: set[int] = set()
    outcomes: dict[int, Outcome] = {}
    # Those without an id last: none shall be given the id that another row brings
    ids = batch.rows.columns["id"]
    rest = sorted(range(len(ids)), key=lambda place: ids[place] is None)
    most = len(rest)
    while rest:
        part = rest[:most]
        placed = _place_part(connection, Batch(batch.table, batch.rows.part(part)), options, seen)
        if placed is None:
            most = len(part) // _FEWER or 1
            continue
        outcomes |= zip(part, placed, strict=True)
        del rest[: len(part)]
        most *= 2
    return outcomes


def _place_part(
    connection: Connection, part: Batch, options: Options, seen: set[int]
) -> list[Outcome] | None:
    """The outcomes of rows that go in or not; None where others were faster with some of them, unless it is
    a single row: then it is refused.
    """
    ids = part.rows.columns["id"]
    for _ in range(_RACES if len(ids) == 1 else 1):
        seen_by_now = set(seen)
        outcomes = _decide(connection, part, options, {}, seen_by_now)
        try:
            with connection.begin_nested():
                write(connection, part, outcomes)
        except IntegrityError:
            continue
        seen |= seen_by_now
        return outcomes
    if len(ids) > 1:
        return None
    if ids[0] is None:
        error = RowError("id", "out_of_range", "the table has no id left to give")
    else:
        message = f"id {ids[0]} is being written into {resource(part.table)} by others"
        error = RowError("id", "already_exists", message)
    return [Outcome("failed", None, (error,))]
