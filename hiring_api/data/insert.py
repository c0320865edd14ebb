"""Rows -> tables: one outcome for each row, all of a request in one transaction.

The way in: look up which ids are taken and which references exist, refuse what cannot go in with all its
errors, then one INSERT a table for the rest. Where another writer got in between, the INSERT fails as a
whole, and the look-up is done again; after several lost races each row is tried alone.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import insert, text
from sqlalchemy.exc import IntegrityError, InternalError, OperationalError

from .bulk import insert_all, overwrite
from .columns import MAX_ID
from .database import transaction
from .rejects import Origin, Reject, keep
from .rows import Judged, RowError
from .tables import references, resource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from sqlalchemy import Connection, Engine, Table

    from .rows import Row

Mode = Literal["partial", "atomic"]
OnConflict = Literal["error", "skip", "update"]
Returned = Literal["all", "failed", "summary"]

_RACES = 3


@dataclass(frozen=True, slots=True)
class Options:
    """How a batch is taken: see the contract's table of parameters."""

    mode: Mode = "partial"
    on_conflict: OnConflict = "error"
    dry_run: bool = False


@dataclass(slots=True)
class Outcome:
    """What came of one row: inserted, updated, skipped, failed or rolled_back."""

    status: str
    id: int | None = None
    errors: list[RowError] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Report:
    """The outcomes of a batch's rows, in the order of the rows."""

    table: Table
    options: Options
    outcomes: list[Outcome]

    def counts(self) -> Counter[str]:
        """How many rows have each status."""
        return Counter(outcome.status for outcome in self.outcomes)


@dataclass(frozen=True, slots=True)
class Batch:
    """Judged rows for one table."""

    table: Table
    rows: list[Judged]


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
                    _write(connection, batch, report.outcomes)
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


def _write(connection: Connection, batch: Batch, outcomes: Sequence[Outcome]) -> None:
    """Carries out what was planned; rows without an id get theirs into their outcome."""
    table = batch.table
    by_status: dict[str, list[Row]] = {"inserted": [], "updated": [], "generated": []}
    waiting = []
    for row, outcome in zip(batch.rows, outcomes, strict=True):
        if outcome.status == "inserted" and outcome.id is None:
            by_status["generated"].append(row.values)
            waiting.append(outcome)
        elif outcome.status in by_status:
            by_status[outcome.status].append(row.values)
    names = table.columns.keys()
    for status, write in (("inserted", insert_all), ("updated", overwrite)):
        if by_status[status]:
            write(connection, table, [tuple([row[name] for name in names]) for row in by_status[status]])
    if waiting:
        ids = _insert_generated(connection, table, by_status["generated"])
        for outcome, new in zip(waiting, ids, strict=True):
            outcome.id = new


def _insert_generated(connection: Connection, table: Table, rows: list[Row]) -> list[int]:
    """Inserts rows without ids; the ids that the database gave them, in their order.

    InnoDB gives consecutive ids to an INSERT whose number of rows is known beforehand, in every
    innodb_autoinc_lock_mode, and LAST_INSERT_ID() is the first of them (MySQL manual, "AUTO_INCREMENT
    Handling in InnoDB"). A statement is kept short enough for PyMySQL to send it as one.
    """
    ids: list[int] = []
    if connection.dialect.name == "sqlite":
        connection.execute(insert(table), rows)
        last = connection.execute(text("SELECT last_insert_rowid()")).scalar_one()
        ids = list(range(last - len(rows) + 1, last + 1))
    else:
        step = connection.execute(text("SELECT @@auto_increment_increment")).scalar_one()
        for chunk in _short(rows):
            with _exhaustion():
                connection.execute(insert(table), chunk)
            first = connection.execute(text("SELECT LAST_INSERT_ID()")).scalar_one()
            ids.extend(range(first, first + step * len(chunk), step))
    if ids[-1] > MAX_ID:
        raise IntegrityError("no id left", None, ValueError())
    return ids


@contextmanager
def _exhaustion() -> Iterator[None]:
    """Where no id is left, MariaDB says "out of range", MySQL "cannot read" or that the last one is taken."""
    try:
        yield
    except (InternalError, OperationalError) as error:
        if error.orig is None or error.orig.args[0] not in {167, 1467}:
            raise
        raise IntegrityError("no id left", None, error.orig) from error


def _short(rows: list[Row]) -> Iterable[list[Row]]:
    """Parts of `rows` whose INSERT stays below PyMySQL's limit of 1,024,000 bytes a statement.

    A character is at most 4 bytes in UTF-8, also when it is escaped; a number or date takes at most 30.
    """
    part: list[Row] = []
    size = 0
    for row in rows:
        need = sum(4 * len(value) + 4 if isinstance(value, str) else 30 for value in row.values())
        if part and size + need > 900_000:  # noqa: PLR2004  # the rest is for the statement's head
            yield part
            part, size = [], 0
        part.append(row)
        size += need
    yield part


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
                _write(connection, one, [outcome])
        except IntegrityError:
            continue
        seen |= seen_by_now
        return outcome
    row_id = one.rows[0].values.get("id")
    if row_id is None:
        return Outcome("failed", None, [RowError("id", "out_of_range", "the table has no id left to give")])
    message = f"id {row_id} is being written into {one.table.name} by others"
    return Outcome("failed", None, [RowError("id", "already_exists", message)])


def answer(report: Report, returned: Returned = "all") -> dict[str, Any]:
    """A report as users see it: the counts, and the outcomes of all rows, the failed ones or none."""
    counts = report.counts()
    body = {
        "table": resource(report.table),
        "mode": report.options.mode,
        "dry_run": report.options.dry_run,
        "received": len(report.outcomes),
        **{status: counts[status] for status in ("inserted", "updated", "skipped", "failed")},
    }
    if returned != "summary":
        body["results"] = [
            _result(index, outcome)
            for index, outcome in enumerate(report.outcomes)
            if returned == "all" or outcome.status == "failed"
        ]
    return body


def _result(index: int, outcome: Outcome) -> dict[str, Any]:
    result = {"index": index, "status": outcome.status, "id": outcome.id}
    if outcome.errors:
        result["errors"] = [error.to_json() for error in outcome.errors]
    return result
