"""One stored row: some of its columns changed, or the row deleted, by the same rules as the rows of a batch.

What is refused is told to the caller and nothing is kept of it: the row stays as it is, so nothing is lost.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from pyroaring import BitMap
from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError

from hiring_api.database.lookup import rows_of
from hiring_api.database.transactions import transaction
from hiring_api.errors import Busy, Changed, Conflict, InvalidRows, NotFound
from hiring_api.model.conflicts import other_id
from hiring_api.model.tables import kinds, references, resource, tables
from hiring_api.queries.lists import to_json
from hiring_api.rejects.erase import erase_of
from hiring_api.rejects.resolve import resolve_by_id

from .apply import write
from .columns import validate_rows
from .plan import decide
from .report import Batch, Options

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection, Engine, Table

    from .report import Outcome

    Shown = dict[str, Any]
    Expected = Callable[[Shown], bool]

T = TypeVar("T")

_RACES = 3


def change(engine: Engine, table: Table, row_id: int, members: Shown, expected: Expected) -> Shown:
    """Write some columns of a row anew; return the row as it is then, in its JSON form.

    It is locked from the reading to the commit. In a cluster with several writers one of two who change the
    same row is refused at the commit, and begins anew with what the other has written.

    Args:
        engine: the database.
        table: which has the row.
        row_id: of the row.
        members: JSON values by column.
        expected: is given the stored row in its JSON form; False if the caller has seen another one.

    Raises:
        NotFound: there is no such row.
        InvalidRows: the row would break a row rule; `errors` has all of them.
        Changed: it is not what the caller expects.
        Busy: others wrote what it refers to each time it was tried.
        DatabaseUnavailable: nothing was committed.
    """
    return in_spite_of_races(engine, partial(_change, table, row_id, members, expected))


def _change(
    table: Table, row_id: int, members: Shown, expected: Expected, connection: Connection
) -> dict[str, Any]:
    stored = _locked(connection, table, row_id)
    if stored is None:
        raise _missing(table, row_id)
    rows = validate_rows(table, [{**stored, **members, "id": row_id}])
    sent_id = members.get("id", row_id)
    if type(sent_id) is not int or sent_id != row_id:
        rows.errors[0] = (other_id(row_id), *rows.errors.get(0, ()))
    batch = Batch(table, rows)
    [outcome], _ = decide(connection, batch, Options(on_conflict="update"), {}, BitMap())
    require_right(outcome)
    _require(table, row_id, met=expected(stored))
    if outcome.status == "updated":
        write(connection, batch, [outcome])
        resolve_by_id(connection, table, [row_id])
    return to_json(table, {name: rows.columns[name][0] for name in kinds(table)})


def remove(engine: Engine, table: Table, row_id: int, expected: Expected, *, with_rejects: bool) -> None:
    """Delete a row that no other refers to.

    With `with_rejects` its rejects go as well: those of its id and those that it resolved. Then a row that is
    not stored is no error if there are such rejects.

    Raises:
        NotFound: there is no such row.
        Conflict: rows refer to it; `errors` says how many of which table.
        Changed, Busy, DatabaseUnavailable: as `change`.
    """

    def work(connection: Connection) -> None:
        stored = _locked(connection, table, row_id)
        erased = erase_of(connection, table, row_id) if with_rejects else 0
        if stored is None and not erased:
            raise _missing(table, row_id)
        if stored is not None:
            _require_unreferred(connection, table, row_id)
            _require(table, row_id, met=expected(stored))
            connection.execute(delete(table).where(table.c.id == row_id))

    in_spite_of_races(engine, work)


def in_spite_of_races(engine: Engine, work: Callable[[Connection], T]) -> T:
    """Run `work` in a transaction; again where others got in between look-up and writing."""
    for _ in range(_RACES):
        try:
            return transaction(engine, work)
        except IntegrityError:
            continue
    raise Busy("others are writing rows that belong to this one: try again")


def require_right(outcome: Outcome) -> None:
    """Raise InvalidRows with all reasons why a single row is refused, if it is."""
    if outcome.errors:
        message = "; ".join(error.message for error in outcome.errors)
        raise InvalidRows(message, errors=[error.to_json() for error in outcome.errors])


def _locked(connection: Connection, table: Table, row_id: int) -> dict[str, Any] | None:
    """The row in its JSON form, as it stays until the transaction ends."""
    found = rows_of(connection, table, BitMap([row_id]), lock=True)
    return to_json(table, dict(zip(kinds(table), found[row_id], strict=True))) if found else None


def _missing(table: Table, row_id: int) -> NotFound:
    return NotFound(f"there is no id {row_id} in {resource(table)}")


def _require(table: Table, row_id: int, *, met: bool) -> None:
    if not met:
        raise Changed(f"id {row_id} of {resource(table)} is not, or no longer, what If-Match asks for")


def _require_unreferred(connection: Connection, table: Table, row_id: int) -> None:
    """Raise Conflict if rows of other tables refer to the row."""
    found = []
    for child in tables():
        for name, parent in references(child).items():
            if parent is table:
                count = select(func.count()).select_from(child).where(child.c[name] == row_id)
                rows = connection.execute(count).scalar_one()
                found += [{"table": resource(child), "field": name, "rows": rows}] if rows else []
    if found:
        said = " and ".join(f"{one['rows']} of {one['table']}" for one in found)
        raise Conflict(
            f"id {row_id} of {resource(table)} is in use: {said} refer to it. Change or delete these first",
            errors=found,
        )
