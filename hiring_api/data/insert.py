"""Rows -> tables: one outcome for each row, all of a request in one transaction.

The way in: look up which ids are taken and which references exist, refuse what cannot go in with all its
errors, then one INSERT a table for the rest. Where another writer got in between, the INSERT fails, all is
undone, and the look-up is done again; after several lost races each row is tried alone.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy.exc import IntegrityError

from .batches import Batch, Outcome, Report
from .database import transaction
from .packs import Reject
from .rejects import Origin, keep
from .rows import Judged, PlainRows, RowError, column_of
from .tables import references
from .write import write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sqlalchemy import Connection, Engine, Table

    from .batches import Options

    Place = Callable[[Connection, Sequence[Batch], Options], list[Report]]

_RACES = 3


def take(
    engine: Engine,
    batches: Sequence[Batch],
    options: Options,
    origin: Origin,
    finish: Callable[[Connection, list[Report]], None] | None = None,
) -> list[Report]:
    """Takes judged rows into tables in one transaction; what is refused is kept on record with them.

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

    def work(place: Place, connection: Connection) -> list[Report]:
        reports = place(connection, batches, options)
        if not options.dry_run:
            for batch, report in zip(batches, reports, strict=True):
                report.tell = keep(connection, batch.table, origin, _rejects(batch, report))
            if finish is not None:
                finish(connection, reports)
        return reports

    for _ in range(_RACES):
        with suppress(IntegrityError):  # another writer got in between: all of it is undone
            return transaction(engine, partial(work, _place))
    return transaction(engine, partial(work, _place_one_by_one))


def _rejects(batch: Batch, report: Report) -> list[Reject]:
    failed = [place for place, outcome in enumerate(report.outcomes) if outcome.status == "failed"]
    return [Reject(batch.rows[place].raw, report.outcomes[place].errors, None, place + 1) for place in failed]


def _place(connection: Connection, batches: Sequence[Batch], options: Options) -> list[Report]:
    reports = _plan(connection, batches, options)
    if _refused(reports, options):
        return _rolled_back(reports)
    if not options.dry_run:
        for batch, report in zip(batches, reports, strict=True):
            write(connection, batch, report.outcomes)
    return reports


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
    brought = column_of(batch.rows, "id")
    ids, parents = set(brought), references(batch.table)
    wanted = {
        name: set(column_of(batch.rows, name)) - coming.get(parent, set()) for name, parent in parents.items()
    }
    asked = [(batch.table, ids), *((parent, wanted[name]) for name, parent in parents.items())]
    taken, *known = _present(connection, asked, lock=options.on_conflict == "update" and not options.dry_run)
    unknown = {
        name: {value: _unknown(name, value, parents[name]) for value in wanted[name] - found}
        for name, found in zip(parents, known, strict=True)
    }
    new = not taken and len(ids) == len(brought) and seen.isdisjoint(ids)
    if new and not any(unknown.values()) and isinstance(batch.rows, PlainRows):
        seen |= ids
        return [Outcome("inserted", row_id) for row_id in brought or [None] * len(batch.rows)]
    return [_decide_row(batch.table, row, taken, unknown, seen, options) for row in batch.rows]


def _unknown(name: str, value: int, parent: Table) -> RowError:
    return RowError(name, "unknown_reference", f"{name} {value} is not in {parent.name}")


def _decide_row(
    table: Table,
    row: Judged,
    taken: set[int],
    unknown: dict[str, dict[int, RowError]],
    seen: set[int],
    options: Options,
) -> Outcome:
    errors = list(row.errors)
    for name, of_value in unknown.items():
        error = of_value.get(row.values.get(name, 0))
        if error is not None:
            errors.append(error)
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
    how = " FOR UPDATE" if lock and connection.dialect.name != "sqlite" else ""
    found = connection.exec_driver_sql(f"SELECT id FROM {table.name} WHERE {_among(wanted)}{how}")
    return set(found.scalars())


def _among(ids: set[int]) -> str:
    """The condition that a row's id is one of `ids`, of which there is one at least."""
    # Written out: a thousand bound parameters cost as much as the look-up itself
    if max(ids) - min(ids) < len(ids):
        return f"id BETWEEN {min(ids)} AND {max(ids)}"
    return f"id IN ({', '.join(map(str, ids))})"


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
