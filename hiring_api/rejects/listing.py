"""Read rejects, newest first: pages by keyset, or a whole selection as a stream."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, or_, select

from hiring_api.database.bookkeeping import rejects
from hiring_api.model.tables import resource, tables

from .csv_file import line_of
from .record import stored_reject

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection, Row, Table

_FETCHED: Final = 100  # rejects at a time: each may be a million characters long
_IN_URLS: Final = {table.name: resource(table) for table in tables()}
CSV_COLUMNS: Final = (
    "id",
    "table",
    "source",
    "run",
    "line",
    "record",
    "row",
    "codes",
    "reasons",
    "refused_at",
    "resolved_at",
    "user",
)


@dataclass(frozen=True, slots=True)
class Chosen:
    """A selection of rejects: those that meet all filters that are given.

    `since` (included) and `until` (excluded) are naive instants in UTC; `before` is an id (excluded); `limit`
    is the greatest number of rejects. `reason` and `field` are of one error of the row; `search` is a text in
    the raw row. `row_id` is the id of the refused row, or of the row that resolved it.
    """

    table: Table | None = None
    source: str | None = None
    run: str | None = None
    resolved: bool | None = None
    since: datetime | None = None
    until: datetime | None = None
    reason: str | None = None
    field: str | None = None
    search: str | None = None
    row_id: int | None = None
    before: int | None = None
    limit: int | None = None


def rejects_page(connection: Connection, chosen: Chosen) -> list[dict[str, Any]]:
    """Return rejects as JSON shows them, newest first."""
    return [to_json(row) for row in _rows(connection, chosen)]


def rejects_stream(connection: Connection, chosen: Chosen) -> Iterator[dict[str, Any]]:
    """Yield rejects as CSV shows them, newest first, in memory that does not grow with their number."""
    for row in _rows(connection, chosen):
        shown = to_json(row)
        errors = shown.pop("errors")
        shown["row"] = row.raw
        shown["codes"] = " ".join(dict.fromkeys(error["code"] for error in errors))
        reasons = "; ".join(error["message"] for error in errors)
        # The name of an unknown field may hold a lone surrogate, which UTF-8 cannot
        shown["reasons"] = reasons.encode(errors="backslashreplace").decode()
        yield shown


def rejects_count(connection: Connection, chosen: Chosen) -> int:
    """Count the rejects of a selection, on all pages."""
    count = select(func.count()).select_from(rejects).where(*conditions(replace(chosen, before=None)))
    return int(connection.execute(count).scalar_one())


@dataclass(frozen=True, slots=True)
class Figures:
    """How many rejects of a table are on record, and when (naive UTC) the last one was refused."""

    table: Table
    unresolved: int = 0
    resolved: int = 0
    last: datetime | None = None


def reject_figures(connection: Connection) -> list[Figures]:
    """Return the figures of every table."""
    column = rejects.c
    # All of it is in one index, that of open rejects
    figures = select(column.table_name, func.count(), func.count(column.resolved_at), func.max(column.id))
    found = connection.execute(figures.group_by(column.table_name)).all()
    newest = select(column.id, column.refused_at).where(column.id.in_([row[3] for row in found]))
    refused_at = {row.id: row.refused_at for row in connection.execute(newest)}
    by_name = {name: (every - resolved, resolved, refused_at[last]) for name, every, resolved, last in found}
    return [Figures(table, *by_name.get(table.name, ())) for table in tables()]


def repair_lines(connection: Connection, table: Table, chosen: Chosen) -> Iterator[list[Any]]:
    """Yield rejects of `table` as lines of a rejects file, in the order in which they were refused.

    `before` and `limit` are ignored.
    """
    chosen = replace(chosen, table=table, before=None, limit=None)
    for row in _rows(connection, chosen, newest_first=False):
        stored = stored_reject(row)
        yield line_of(table, stored.source, stored.reject, stored.id)


def find(connection: Connection, reject_id: int) -> dict[str, Any] | None:
    """The reject with this id as JSON shows it, or None."""
    row = connection.execute(select(rejects).where(rejects.c.id == reject_id)).one_or_none()
    return None if row is None else to_json(row)


def _rows(connection: Connection, chosen: Chosen, *, newest_first: bool = True) -> Iterator[Row[Any]]:
    """Yield rows of `rejects`, with a query for each hundred: readers may be slow, and servers time out."""
    key = rejects.c.id
    query = select(rejects).where(*conditions(chosen)).order_by(key.desc() if newest_first else key)
    left = sys.maxsize if chosen.limit is None else chosen.limit
    following = query
    while found := connection.execute(following.limit(min(left, _FETCHED))).all():
        yield from found
        left -= len(found)
        last = found[-1].id
        following = query.where(key < last if newest_first else key > last)


def conditions(chosen: Chosen) -> Iterator[ColumnElement[bool]]:
    """SQL that is true for those rejects; `limit` is not looked at."""
    column = rejects.c
    if chosen.table is not None:
        yield column.table_name == chosen.table.name
    equal = ((column.source, chosen.source), (column.run, chosen.run))
    yield from (of == value for of, value in equal if value is not None)
    if chosen.resolved is not None:
        yield column.resolved_at.is_not(None) if chosen.resolved else column.resolved_at.is_(None)
    if chosen.since is not None:
        yield column.refused_at >= chosen.since
    if chosen.until is not None:
        yield column.refused_at < chosen.until
    if chosen.before is not None:
        yield column.id < chosen.before
    # `errors` and `raw` are ASCII, and a quote within a JSON string has a backslash before it: what is
    # written here between quotes can be nothing but a member
    wanted = {"field": chosen.field, "code": chosen.reason}
    members = ", ".join(
        f'"{name}": {json.dumps(value)}' for name, value in wanted.items() if value is not None
    )
    if members:
        yield func.instr(column.errors, members) > 0
    if chosen.search is not None:
        yield func.instr(func.lower(column.raw), json.dumps(chosen.search)[1:-1].lower()) > 0
    if chosen.row_id is not None:
        yield or_(column.row_id == chosen.row_id, column.resolved_by == chosen.row_id)


def to_json(row: Row[Any]) -> dict[str, Any]:
    """A row of the table `rejects` as users see it."""
    return {
        "id": row.id,
        "table": in_urls(row.table_name),
        "source": row.source,
        "run": row.run,
        "line": row.line,
        "record": row.record,
        "row": json.loads(row.raw),
        "errors": json.loads(row.errors),
        "refused_at": instant(row.refused_at),
        "resolved_at": None if row.resolved_at is None else instant(row.resolved_at),
        "user": row.user,
    }


def in_urls(name: str) -> str:
    """The name in URLs of the table with this name in SQL; one that is gone keeps its name."""
    return _IN_URLS.get(name, name)


def instant(value: datetime) -> str:
    """An instant as users see it."""
    return f"{value.isoformat()}Z"
