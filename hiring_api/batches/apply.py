"""Planned outcomes -> the table: one INSERT for the rows that bring their id, one for those that get one."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy.exc import IntegrityError, InternalError, OperationalError

from hiring_api.database.bulk_load import insert_all, insert_rows, overwrite
from hiring_api.model.columns import MAX_ID
from hiring_api.model.tables import kinds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy import Connection, Table

    from hiring_api.model.row_lines import Values

    from .report import Batch, Outcome


def write(connection: Connection, batch: Batch, outcomes: Sequence[Outcome]) -> None:
    """Carries out what was planned; rows without an id get theirs into their outcome.

    Raises:
        IntegrityError: another writer was faster, or no id is left; the caller undoes it all.
    """
    table, rows, names = batch.table, batch.rows, list(kinds(batch.table))
    places: dict[str, list[int]] = {"brought": [], "updated": [], "waiting": []}
    for place, outcome in enumerate(outcomes):
        if outcome.status == "inserted":
            places["waiting" if outcome.id is None else "brought"].append(place)
        elif outcome.status == "updated":
            places["updated"].append(place)
    if places["brought"]:
        insert_all(connection, table, rows.tuples(names, places["brought"]))
    if places["updated"]:
        overwrite(connection, table, rows.tuples(names, places["updated"]))
    if places["waiting"]:
        others = [name for name in names if name != "id"]
        values = rows.tuples(others, places["waiting"])
        for place, new in zip(
            places["waiting"], _insert_generated(connection, table, others, values), strict=True
        ):
            outcomes[place].id = new


def _insert_generated(
    connection: Connection, table: Table, names: Sequence[str], rows: list[Values]
) -> list[int]:
    """Inserts rows without ids; the ids that the database gave them, in their order.

    InnoDB gives consecutive ids to an INSERT whose number of rows is known beforehand, in every
    innodb_autoinc_lock_mode, and LAST_INSERT_ID() is the first of them (MySQL manual, "AUTO_INCREMENT
    Handling in InnoDB"). So each part goes in as one statement.
    """
    ids: list[int] = []
    if connection.dialect.name == "sqlite":
        insert_rows(connection, table, names, rows)
        last = connection.exec_driver_sql("SELECT last_insert_rowid()").scalar_one()
        ids = list(range(last - len(rows) + 1, last + 1))
    else:
        step = connection.exec_driver_sql("SELECT @@auto_increment_increment").scalar_one()
        for part in _short(rows):
            with _exhaustion():
                first = insert_rows(connection, table, names, part)
            ids.extend(range(first, first + step * len(part), step))
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


def _short(rows: list[Values]) -> Iterable[list[Values]]:
    """Parts of `rows` that `insert_rows` sends in one statement each, as their lines are below its limit.

    A character is at most 4 bytes in UTF-8; a number or date takes at most 30.
    """
    part: list[Values] = []
    size = 0
    for row in rows:
        need = sum(4 * len(value) + 4 if isinstance(value, str) else 30 for value in row)
        if part and size + need > 900_000:  # noqa: PLR2004  # of a million
            yield part
            part, size = [], 0
        part.append(row)
        size += need
    yield part
