"""Reading the refused rows, newest first: pages by keyset, and whole selections as a stream."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, select

from hiring_api.database.bookkeeping import reject_packs
from hiring_api.model.tables import resource, tables

from .csv_file import line_of
from .packs import pack_of, unpacked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection, Row, Table

    from .packs import Kept

_FETCHED: Final = 4  # packs a time
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
)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which rejects: those that have all that is given; refused at `since` or later and before `until` (naive
    instants in UTC); below the id `before`, at most `limit`.
    """

    table: Table | None = None
    source: str | None = None
    run: str | None = None
    resolved: bool | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None
    limit: int | None = None


def rejects_page(connection: Connection, chosen: Chosen) -> list[dict[str, Any]]:
    """Rejects as JSON shows them."""
    return list(_shown(connection, chosen))


def rejects_stream(connection: Connection, chosen: Chosen) -> Iterator[dict[str, Any]]:
    """Rejects as CSV shows them, one at a time with flat memory."""
    for shown in _shown(connection, chosen):
        errors = shown.pop("errors")
        shown["row"] = json.dumps(shown["row"])
        shown["codes"] = " ".join(dict.fromkeys(error["code"] for error in errors))
        reasons = "; ".join(error["message"] for error in errors)
        # The name of an unknown field may hold a lone surrogate, which UTF-8 cannot
        shown["reasons"] = reasons.encode(errors="backslashreplace").decode()
        yield shown


def rejects_count(connection: Connection, chosen: Chosen) -> int:
    """How many rejects there are, on all pages."""
    pack = reject_packs.c
    size = {None: pack.size, False: pack.unresolved, True: pack.size - pack.unresolved}[chosen.resolved]
    conditions = _conditions(replace(chosen, before=None))
    return int(connection.execute(select(func.coalesce(func.sum(size), 0)).where(*conditions)).scalar_one())


@dataclass(frozen=True, slots=True)
class Figures:
    """How many rejects of a table are on record, and when (naive UTC) the last one was refused."""

    table: Table
    unresolved: int = 0
    resolved: int = 0
    last: datetime | None = None


def reject_figures(connection: Connection) -> list[Figures]:
    """The figures of every table."""
    pack = reject_packs.c
    sums = (func.sum(pack.unresolved), func.sum(pack.size), func.max(pack.refused_at))
    found = connection.execute(select(pack.table_name, *sums).group_by(pack.table_name))
    by_name = {name: (int(open_), int(size) - int(open_), last) for name, open_, size, last in found}
    return [Figures(table, *by_name.get(table.name, ())) for table in tables()]


def repair_lines(connection: Connection, table: Table, chosen: Chosen) -> Iterator[list[Any]]:
    """Rejects of `table` as lines of a rejects file, in the order in which they were refused.

    `before` and `limit` are not looked at.
    """
    chosen = replace(chosen, table=table, before=None)
    for pack in _packs(connection, chosen, newest_first=False):
        for kept in unpacked(pack):
            if _has_state(kept, chosen):
                yield line_of(table, pack.source, kept.reject, kept.key)


def _has_state(kept: Kept, chosen: Chosen) -> bool:
    return chosen.resolved is None or chosen.resolved == (kept.resolved_at is not None)


def _shown(connection: Connection, chosen: Chosen) -> Iterator[dict[str, Any]]:
    every = (
        _to_json(pack, kept)
        for pack in _packs(connection, chosen)
        for kept in reversed(unpacked(pack))
        if chosen.before is None or kept.key < chosen.before
        if _has_state(kept, chosen)
    )
    return islice(every, chosen.limit)


def _packs(connection: Connection, chosen: Chosen, *, newest_first: bool = True) -> Iterator[Row[Any]]:
    """The packs that have such rejects."""
    pack = reject_packs.c
    order = pack.id.desc() if newest_first else pack.id
    query = select(reject_packs).where(*_conditions(chosen)).order_by(order).limit(_FETCHED)
    found = connection.execute(query).all()
    while found:
        yield from found
        last = found[-1].id
        found = connection.execute(query.where(pack.id < last if newest_first else pack.id > last)).all()


def _conditions(chosen: Chosen) -> Iterator[ColumnElement[bool]]:
    pack = reject_packs.c
    if chosen.table is not None:
        yield pack.table_name == chosen.table.name
    if chosen.source is not None:
        yield pack.source == chosen.source
    if chosen.run is not None:
        yield pack.run == chosen.run
    if chosen.resolved is not None:
        yield pack.unresolved < pack.size if chosen.resolved else pack.unresolved > 0
    if chosen.since is not None:
        yield pack.refused_at >= chosen.since
    if chosen.until is not None:
        yield pack.refused_at < chosen.until
    if chosen.before is not None:
        yield pack.id <= pack_of(chosen.before)


def _to_json(pack: Row[Any], kept: Kept) -> dict[str, Any]:
    return {
        "id": kept.key,
        "table": _IN_URLS.get(pack.table_name, pack.table_name),
        "source": pack.source,
        "run": pack.run,
        "line": kept.reject.line,
        "record": kept.reject.record,
        "row": kept.reject.raw,
        "errors": [error.to_json() for error in kept.reject.errors],
        "refused_at": _instant(pack.refused_at),
        "resolved_at": kept.resolved_at,
    }


def _instant(value: datetime) -> str:
    return f"{value.isoformat()}Z"
