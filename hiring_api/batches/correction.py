"""A refused row, corrected by hand: it goes into its table and its reject is resolved, in one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from pyroaring import BitMap
from sqlalchemy import select

from hiring_api.database.bookkeeping import rejects
from hiring_api.errors import Conflict, NotFound
from hiring_api.model.tables import kinds, tables
from hiring_api.queries.lists import to_json
from hiring_api.rejects.resolve import mark_resolved, resolve_by_id

from .apply import write
from .columns import validate_rows
from .one_row import in_spite_of_races, require_right
from .plan import decide
from .report import Batch, Options

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, Table

    from hiring_api.planning.row_rules import OnConflict


class Corrected(NamedTuple):
    """A row that was taken in place of a refused one, in its JSON form, and what came of it."""

    table: Table
    row: dict[str, Any]
    status: str


def correct(engine: Engine, reject_id: int, raw: Any, on_conflict: OnConflict = "error") -> Corrected:
    """Take a row in place of a refused one, by the rules of a batch; the reject is resolved by it.

    A row that is refused again changes nothing: its reject stays open as it was.

    Args:
        engine: the database.
        reject_id: of the reject, which says the table.
        raw: the row as JSON; without an `id` it gets one.
        on_conflict: what to do where the table has another row under its id.

    Raises:
        NotFound: there is no such reject.
        Conflict: it is resolved already.
        InvalidRows: the row breaks row rules; `errors` has all of them.
        Busy: others wrote what it refers to each time it was tried.
        DatabaseUnavailable: nothing was committed.
    """

    def work(connection: Connection) -> Corrected:
        table = _table_of_open(connection, reject_id)
        batch = Batch(table, validate_rows(table, [raw]))
        [outcome], _ = decide(connection, batch, Options(on_conflict=on_conflict), {}, BitMap())
        require_right(outcome)
        write(connection, batch, [outcome])
        row = {name: batch.rows.columns[name][0] for name in kinds(table)} | {"id": outcome.id}
        mark_resolved(connection, {reject_id: row["id"]})
        resolve_by_id(connection, table, [row["id"]])
        return Corrected(table, to_json(table, row), outcome.status)

    return in_spite_of_races(engine, work)


def _table_of_open(connection: Connection, reject_id: int) -> Table:
    """The table whose row was refused; the reject is locked, so that one correction alone resolves it."""
    found = select(rejects.c.table_name, rejects.c.resolved_at, rejects.c.resolved_by)
    reject = connection.execute(found.where(rejects.c.id == reject_id).with_for_update()).one_or_none()
    by_name = {table.name: table for table in tables()}
    if reject is None or reject.table_name not in by_name:
        raise NotFound(f"there is no reject {reject_id}")
    if reject.resolved_at is not None:
        raise Conflict(f"reject {reject_id} is resolved already, by the row with the id {reject.resolved_by}")
    return by_name[reject.table_name]
