"""Rows -> tables: one outcome for each row, all of a request in one transaction.

The way in: look up which ids are taken and which references exist, refuse what cannot go in with all its
errors, then one INSERT for the rest. Where another writer got in between, the INSERT fails as a whole, and
the look-up is done again; after several lost races each row is tried alone.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import insert, select, text
from sqlalchemy.dialects import mysql, sqlite
from sqlalchemy.exc import IntegrityError

from .columns import MAX_ID
from .database import transaction
from .rejects import Reject, keep
from .rows import Judged, RowError, judge
from .tables import references, resource

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Connection, Engine, Insert, Table

    from .rows import Row

Mode = Literal["partial", "atomic"]
OnConflict = Literal["error", "skip", "update"]

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


class _Undo(Exception):
    """Carries the reports out of a transaction that must not be committed."""

    def __init__(self, reports: list[Report]) -> None:
        super().__init__()
        self.reports = reports


def take(
    engine: Engine, batches: Sequence[tuple[Table, Sequence[Any]]], options: Options, source: str, run: str
) -> list[Report]:
    """Takes JSON rows into tables, parents first, in one transaction; what is refused is kept on record.

    Args:
        engine: the database.
        batches: raw rows for each table, parents before the tables that refer to them.
        options: mode, conflicts, dry run.
        source: where the rows came from, for the record.
        run: the request's id, for the record.

    Raises:
        DatabaseUnavailable: nothing was committed.
    """
    judged = [(table, [judge(table, raw) for raw in raws]) for table, raws in batches]

    def work(connection: Connection) -> list[Report]:
        reports = [Report(table, options, place(connection, table, rows, options)) for table, rows in judged]
        refused = any(outcome.status == "failed" for report in reports for outcome in report.outcomes)
        if options.dry_run or (refused and options.mode == "atomic"):
            raise _Undo(reports)
        _keep(connection, reports, judged, source, run)
        return reports

    try:
        return transaction(engine, work)
    except _Undo as undone:
        reports = undone.reports
    if options.mode == "atomic" and any(report.counts()["failed"] for report in reports):
        _mark_rolled_back(reports)
    if not options.dry_run:
        transaction(engine, lambda connection: _keep(connection, reports, judged, source, run))
    else:
        _forget_generated_ids(reports, judged)
    return reports


def _mark_rolled_back(reports: Iterable[Report]) -> None:
    for report in reports:
        for outcome in report.outcomes:
            if outcome.status != "failed":
                outcome.status, outcome.id = "rolled_back", None


def _forget_generated_ids(reports: Iterable[Report], judged: Sequence[tuple[Table, list[Judged]]]) -> None:
    """A dry run cannot know the ids that the real one will be given."""
    for report, (_, rows) in zip(reports, judged, strict=True):
        for outcome, row in zip(report.outcomes, rows, strict=True):
            outcome.id = row.values.get("id") if outcome.status != "failed" else None


def _keep(
    connection: Connection,
    reports: Iterable[Report],
    judged: Sequence[tuple[Table, list[Judged]]],
    source: str,
    run: str,
) -> None:
    for report, (table, rows) in zip(reports, judged, strict=True):
        numbered = enumerate(zip(report.outcomes, rows, strict=True), start=1)
        refused = [
            Reject(row.raw, outcome.errors, record=number)
            for number, (outcome, row) in numbered
            if outcome.status == "failed"
        ]
        keep(connection, table, source, run, refused)


def place(connection: Connection, table: Table, rows: Sequence[Judged], options: Options) -> list[Outcome]:
    """Inserts (or updates, or skips) judged rows within the caller's transaction."""
    for _ in range(_RACES):
        outcomes = decide(connection, table, rows, options)
        try:
            with connection.begin_nested():
                _write(connection, table, rows, outcomes)
        except IntegrityError:
            continue
        return outcomes
    return _one_by_one(connection, table, rows, options)


def decide(connection: Connection, table: Table, rows: Sequence[Judged], options: Options) -> list[Outcome]:
    """The outcome that each row will have if nobody else writes meanwhile; ids not yet assigned."""
    taken = present(connection, table, _values(rows, "id"))
    parents = {
        name: (parent, present(connection, parent, _values(rows, name)))
        for name, parent in references(table).items()
    }
    seen: set[int] = set()
    return [_decide(table, row, taken, parents, seen, options) for row in rows]


def _decide(
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
    if exists and options.on_conflict == "error":
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


def present(connection: Connection, table: Table, ids: Iterable[int]) -> set[int]:
    """Those of `ids` that are in `table`."""
    wanted = list(ids)
    if not wanted:
        return set()
    return set(connection.execute(select(table.c.id).where(table.c.id.in_(wanted))).scalars())


def _write(connection: Connection, table: Table, rows: Sequence[Judged], outcomes: Sequence[Outcome]) -> None:
    by_status: dict[str, list[Row]] = {"inserted": [], "updated": [], "generated": []}
    waiting = []
    for row, outcome in zip(rows, outcomes, strict=True):
        if outcome.status == "inserted" and outcome.id is None:
            by_status["generated"].append(row.values)
            waiting.append(outcome)
        elif outcome.status in by_status:
            by_status[outcome.status].append(row.values)
    if by_status["inserted"]:
        connection.execute(insert(table), by_status["inserted"])
    if by_status["updated"]:
        connection.execute(upsert(connection, table), by_status["updated"])
    if waiting:
        ids = _insert_generated(connection, table, by_status["generated"])
        for outcome, new in zip(waiting, ids, strict=True):
            outcome.id = new


def upsert(connection: Connection, table: Table) -> Insert:
    """An INSERT that overwrites the row whose id is taken."""
    columns = [name for name in table.columns.keys() if name != "id"]  # noqa: SIM118  # not a dict
    if connection.dialect.name == "sqlite":
        statement = sqlite.insert(table)
        return statement.on_conflict_do_update(set_={name: statement.excluded[name] for name in columns})
    overwrite = mysql.insert(table)
    return overwrite.on_duplicate_key_update({name: overwrite.inserted[name] for name in columns})


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
            connection.execute(insert(table), chunk)
            first = connection.execute(text("SELECT LAST_INSERT_ID()")).scalar_one()
            ids.extend(range(first, first + step * len(chunk), step))
    if ids[-1] > MAX_ID:
        raise IntegrityError("no id left", None, ValueError())
    return ids


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


def _one_by_one(
    connection: Connection, table: Table, rows: Sequence[Judged], options: Options
) -> list[Outcome]:
    """Each row in a savepoint of its own: slow, and exact whatever others write meanwhile."""
    return [_one(connection, table, row, options) for row in rows]


def _one(connection: Connection, table: Table, row: Judged, options: Options) -> Outcome:
    for _ in range(_RACES):
        [outcome] = decide(connection, table, [row], options)
        try:
            with connection.begin_nested():
                _write(connection, table, [row], [outcome])
        except IntegrityError:
            continue
        return outcome
    if "id" not in row.values:
        return Outcome("failed", None, [RowError("id", "out_of_range", "the table has no id left to give")])
    error = RowError(
        "id", "already_exists", f"id {row.values['id']} is being written by others in {table.name}"
    )
    return Outcome("failed", None, [error])


def answer(report: Report) -> dict[str, Any]:
    """A report as users see it, with every row's outcome."""
    counts = report.counts()
    return {
        "table": resource(report.table),
        "mode": report.options.mode,
        "dry_run": report.options.dry_run,
        "received": len(report.outcomes),
        **{status: counts[status] for status in ("inserted", "updated", "skipped", "failed")},
        "results": [_result(index, outcome) for index, outcome in enumerate(report.outcomes)],
    }


def _result(index: int, outcome: Outcome) -> dict[str, Any]:
    result = {"index": index, "status": outcome.status, "id": outcome.id}
    if outcome.errors:
        result["errors"] = [error.to_json() for error in outcome.errors]
    return result
