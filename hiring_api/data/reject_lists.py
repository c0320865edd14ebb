"""Reading the refused rows, newest first: pages by keyset, and whole selections as a stream."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from .packs import pack_of, reject_packs, unpacked
from .tables import resource, tables

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
    """Which rejects: those that have all that is given; below the id `before`, at most `limit`."""

    table: Table | None = None
    source: str | None = None
    run: str | None = None
    resolved: bool | None = None
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


def _shown(connection: Connection, chosen: Chosen) -> Iterator[dict[str, Any]]:
    every = (
        _to_json(pack, kept)
        for pack in _packs(connection, chosen)
        for kept in reversed(unpacked(pack))
        if chosen.before is None or kept.key < chosen.before
        if chosen.resolved is None or chosen.resolved == (kept.resolved_at is not None)
    )
    return islice(every, chosen.limit)


def _packs(connection: Connection, chosen: Chosen) -> Iterator[Row[Any]]:
    """The packs that have such rejects, newest first."""
    query = select(reject_packs).where(*_conditions(chosen)).order_by(reject_packs.c.id.desc())
    found = connection.execute(query.limit(_FETCHED)).all()
    while found:
        yield from found
        found = connection.execute(query.where(reject_packs.c.id < found[-1].id).limit(_FETCHED)).all()


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
