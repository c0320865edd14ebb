"""How many rows were refused, and how many of them are open: by reason, or by run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from hiring_api.database.bookkeeping import rejects
from hiring_api.database.dialects import dialect_of

from .listing import conditions, in_urls, instant

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from .listing import Chosen

_COUNTS = (
    func.count().label("rejects"),
    (func.count() - func.count(rejects.c.resolved_at)).label("open"),
    func.min(rejects.c.refused_at).label("first"),
    func.max(rejects.c.refused_at).label("last"),
)


def by_reason(connection: Connection, chosen: Chosen, limit: int) -> list[dict[str, Any]]:
    """The figures of each table, field and code, most open ones first.

    A reject counts for each of its reasons. All chosen rows are read, and their errors parsed by the
    database.
    """
    objects = dialect_of(connection).json_objects(rejects.c.errors, "field", "code")
    field, code = (objects.members[name].label(name) for name in ("field", "code"))
    figures = (
        select(rejects.c.table_name, field, code, *_COUNTS)
        .select_from(rejects, objects.source)
        .where(*conditions(chosen))
        .group_by(rejects.c.table_name, field, code)
    )
    found = [_shown(row._asdict()) for row in connection.execute(figures)]
    return sorted(found, key=_most_first)[:limit]


def _most_first(item: dict[str, Any]) -> tuple[Any, ...]:
    return -item["open"], -item["rejects"], item["table"], item["field"] or "", item["code"]


def by_run(connection: Connection, chosen: Chosen, limit: int) -> list[dict[str, Any]]:
    """The figures of each run (a request or a job), table and source, the newest first."""
    of_run = (rejects.c.table_name, rejects.c.source, rejects.c.run)
    newest = func.max(rejects.c.id)
    figures = select(*of_run, *_COUNTS).where(*conditions(chosen)).group_by(*of_run)
    found = connection.execute(figures.order_by(newest.desc()).limit(limit))
    return [_shown(row._asdict()) for row in found]


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    moments = {name: instant(row[name]) for name in ("first", "last")}
    return {"table": in_urls(row.pop("table_name")), **row, **moments}
