"""Rows -> tables: one outcome for each row, all of a request in one transaction.

The way in: look up which ids are taken and which references exist, refuse what cannot go in with all its
errors, then one INSERT a table for the rest. Where another writer got in between, the INSERT fails as a
whole, and the look-up is done again; after several lost races each row is tried alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.exc import IntegrityError

from .batches import Batch, Outcome, Report
from .database import transaction
from .rejects import Origin, Reject, keep
from .rows import Judged, RowError
from .tables import references
from .write import write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sqlalchemy import Connection, Engine, Table

    from .batches import Options

_RACES = 3


def take(
    engine: Engine,
    batches: Sequence[Batch],
    options: Options,
    origin: Origin,
    finish: Callable[[Connection, list[Report]], None] | None = None,
) -> list[Report]:
    """Takes judged rows into tables in one transaction; what is refused is kept on record with them.

    Args:
        engine: the database.
        batches: the rows for each table, parents before the tables that refer to them.
        options: mode, conflicts, dry run.
        origin: where the rows came from, for the record.
        finish: what else belongs into the transaction, given the reports; not called for a dry run.

    Raises:
        DatabaseUnavailable: nothing was committed.
    """

    def work(connection: Connection) -> list[Report]:
        reports = _place(connection, batches, options)
        if not options.dry_run:
            _keep(connection, batches, reports, origin)
            if finish is not None:
                finish(connection, reports)
        return reports

    return transaction(engine, work)


def _keep(
    connection: Connection, batches: Sequence[Batch], reports: Sequence[Report], origin: Origin
) -> None:
    for batch, report in zip(batches, reports, strict=True):
        numbered = enumerate(zip(batch.rows, report.outcomes, strict=True), start=1)
        refused = [
            Reject(row.raw, outcome.errors, record=number)
            for number, (row, outcome) in numbered
            if outcome.status == "failed"
        ]
        keep(connection, batch.table, origin, refused)


def _place(connection: Connection, batches: Sequence[Batch], options: Options) -> list[Report]:
    for _ in range(_RACES):
        reports = _plan(connection, batches, options)
        if options.dry_run or _refused(reports, options):
            return _rolled_back(reports) if _refused(reports, options) else reports
        try:
            with connection.begin_nested():
                for batch, report in zip(batches, reports, strict=True):
                    write(connection, batch, report.outcomes)
        except IntegrityError:
            continue
        return reports
    return _place_one_by_one(connection, batches, options)


def _refused(reports: Iterable[Report], options: Options) -> bool:
    """Whether an atomic batch must not go in."""
    return options.mode == "atomic" and any(report.counts()["failed"] for report in reports)


def _rolled_back(reports: list[Report]) -> list[Report]:
    for report in reports:
        for outcome in report.outcomes:
            if outcome.status != "failed":
                outcome.status, outcome.id = "rolled_back", None
    return reports


def _plan(connection: Connection, batches: Sequence[Batch], options: Options) -> list[Report]:
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
        reports.append(Report(batch.table, options, outcomes))
    return reports


def _decide(
    connection: Connection, batch: Batch, options: Options, coming: dict[Table, set[int]], seen: set[int]
) -> list[Outcome]:
    """As `_plan`, for one table.

    `coming` has the ids that this request will insert into parents, `seen` those of the rows before these;
    the ids of these rows are added to it.
    """
    lock = options.on_conflict == "update" and not options.dry_run
    taken = present(connection, batch.table, _values(batch.rows, "id"), lock=lock)
    parents = {
        name: (parent, present(connection, parent, _values(batch.rows, name)) | coming.get(parent, set()))
        for name, parent in references(batch.table).items()
    }
    return [_decide_row(batch.table, row, taken, parents, seen, options) for row in batch.rows]


def _decide_row(
    table: Table,
    row: Judged,
    taken: set[int],
    parents: dict[str, tuple[Table, set[int]]],
    seen: set[int],
    options: Options,
) -> Outcome:
    errors = list(row.errors)
    for name, (parent, known) in parents.items():
        if name in row.values and row.values[name] not in known:
            message = f"{name} {row.values[name]} is not in {parent.name}"
            errors.append(RowError(name, "unknown_reference", message))
    row_id = row.values.get("id")
    exists = row_id in taken
    if row_id in seen:
        errors.append(RowError("id", "duplicate_id", f"id {row_id} stands in this request before"))
    elif exists and options.on_conflict == "error":
        errors.append(RowError("id", "already_exists", f"id {row_id} is already in {table.name}"))
    if errors:
        return Outcome("failed", None, errors)
    if row_id is not None:
        seen.add(row_id)
    if exists:
        return Outcome("skipped" if options.on_conflict == "skip" else "updated", row_id)
    return Outcome("inserted", row_id)


def _values(rows: Iterable[Judged], name: str) -> set[int]:
    return {row.values[name] for row in rows if name in row.values}


def present(connection: Connection, table: Table, ids: Iterable[int], *, lock: bool = False) -> set[int]:
    """Those of `ids` that are in `table`; with `lock`, they stay there until the transaction ends."""
    wanted = set(ids)
    if not wanted:
        return set()
    # Written out: a thousand bound parameters cost as much as the look-up itself
    condition = f"id BETWEEN {min(wanted)} AND {max(wanted)}"
    if max(wanted) - min(wanted) >= len(wanted):
        condition = f"id IN ({', '.join(map(str, wanted))})"
    how = " FOR UPDATE" if lock and connection.dialect.name != "sqlite" else ""
    found = connection.exec_driver_sql(f"SELECT id FROM {table.name} WHERE {condition}{how}")
    return set(found.scalars())


def _place_one_by_one(connection: Connection, batches: Sequence[Batch], options: Options) -> list[Report]:
    """Each row in a savepoint of its own: slow, and exact whatever others write meanwhile."""
    reports = []
    with connection.begin_nested() as everything:
        for batch in batches:
            seen: set[int] = set()
            outcomes: dict[int, Outcome] = {}
            # Those without an id last: none shall be given the id that another row brings
            for index in sorted(
                range(len(batch.rows)), key=lambda index: "id" not in batch.rows[index].values
            ):
                one = Batch(batch.table, [batch.rows[index]])
                outcomes[index] = _place_row(connection, one, options, seen)
            reports.append(Report(batch.table, options, [outcomes[index] for index in sorted(outcomes)]))
        if not _refused(reports, options):
            return reports
        everything.rollback()
    return _rolled_back(reports)


def _place_row(connection: Connection, one: Batch, options: Options, seen: set[int]) -> Outcome:
    for _ in range(_RACES):
        seen_by_now = set(seen)
        [outcome] = _decide(connection, one, options, {}, seen_by_now)
        try:
            with connection.begin_nested():
                write(connection, one, [outcome])
        except IntegrityError:
            continue
        seen |= seen_by_now
        return outcome
    row_id = one.rows[0].values.get("id")
    if row_id is None:
        return Outcome("failed", None, [RowError("id", "out_of_range", "the table has no id left to give")])
    message = f"id {row_id} is being written into {one.table.name} by others"
    return Outcome("failed", None, [RowError("id", "already_exists", message)])
