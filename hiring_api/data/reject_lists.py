"""Reading the refused rows, newest first: pages by keyset, and whole selections as a stream."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from .rejects import rejects

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sqlalchemy import Connection, Row, Select, Table

_FETCHED: Final = 500  # rows a time from the server's cursor
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
    return [_to_json(row) for row in connection.execute(_statement(chosen))]


def rejects_stream(connection: Connection, chosen: Chosen) -> Iterator[dict[str, Any]]:
    """Rejects as CSV shows them, one at a time with flat memory."""
    options = connection.execution_options(stream_results=True, yield_per=_FETCHED)
    for row in options.execute(_statement(chosen)):
        shown = _to_json(row)
        errors = shown.pop("errors")
        shown["row"] = json.dumps(shown["row"])
        shown["codes"] = " ".join(dict.fromkeys(error["code"] for error in errors))
        reasons = "; ".join(error["message"] for error in errors)
        # The name of an unknown field may hold a lone surrogate, which UTF-8 cannot
        shown["reasons"] = reasons.encode(errors="backslashreplace").decode()
        yield shown


def _statement(chosen: Chosen) -> Select[Any]:
    conditions = []
    if chosen.table is not None:
        conditions.append(rejects.c.table_name == chosen.table.name)
    if chosen.source is not None:
        conditions.append(rejects.c.source == chosen.source)
    if chosen.run is not None:
        conditions.append(rejects.c.run == chosen.run)
    if chosen.resolved is not None:
        column = rejects.c.resolved_at
        conditions.append(column.is_not(None) if chosen.resolved else column.is_(None))
    if chosen.before is not None:
        conditions.append(rejects.c.id < chosen.before)
    return select(rejects).where(*conditions).order_by(rejects.c.id.desc()).limit(chosen.limit)


def _to_json(row: Row[Any]) -> dict[str, Any]:
    return {
        "id": row.id,
        "table": row.table_name,
        "source": row.source,
        "run": row.run,
        "line": row.line,
        "record": row.record,
        "row": json.loads(row.raw),
        "errors": json.loads(row.errors),
        "refused_at": _instant(row.refused_at),
        "resolved_at": _instant(row.resolved_at),
    }


def _instant(value: datetime | None) -> str | None:
    return f"{value.isoformat()}Z" if value is not None else None
