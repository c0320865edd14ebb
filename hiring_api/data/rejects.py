"""What was refused, and why: kept in the table `rejects` and logged, so that it can be repaired."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Column, DateTime, Index, Integer, String, Table, Text, insert
from sqlalchemy.dialects.mysql import DATETIME, MEDIUMTEXT

from .bulk import insert_lines, load_lines
from .tables import OPTIONS, Base

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from .rows import RowError

log = logging.getLogger(__name__)

_MANY = 100  # rows
_LOGGED = 1000  # characters of a raw row in the log; the table has all of it,
_KEPT = 1_000_000  # or as many characters

Long = Text().with_variant(MEDIUMTEXT(), "mysql", "mariadb")
Moment = DateTime().with_variant(DATETIME(fsp=6), "mysql", "mariadb")

rejects = Table(
    "rejects",
    Base.metadata,
    Column("id", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True),
    Column("table_name", String(64), nullable=False),
    Column("source", String(512), nullable=False),
    Column("run", String(64), nullable=False),
    Column("line", BigInteger),
    Column("record", BigInteger),
    Column("raw", Long, nullable=False),
    Column("errors", Long, nullable=False),
    Column("refused_at", Moment, nullable=False),
    Column("resolved_at", Moment),
    Index("ix_rejects_table_name_source", "table_name", "source", "line"),
    Index("ix_rejects_run", "run"),
    **OPTIONS,
)


@dataclass(frozen=True, slots=True)
class Reject:
    """One refused row. `raw` is the JSON value or the list of CSV fields as they came.

    `line` and `record` count from 1; a row of a batch has only its `record`.
    """

    raw: Any
    errors: Sequence[RowError]
    line: int | None = None
    record: int | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where rows came from: a route or a file's name, and the request or job that brought them."""

    source: str
    run: str


def keep(
    connection: Connection, table: Table, origin: Origin, refused: Sequence[Reject], logged: int | None = None
) -> None:
    """Writes refused rows of `table` into the reject table and the log; into the log at most `logged`."""
    if not refused:
        return
    now = datetime.now(UTC).replace(tzinfo=None)
    of_all = {"table_name": table.name, "source": origin.source[:512], "run": origin.run, "refused_at": now}
    values = [written(reject) for reject in refused]
    _write(connection, [{**of_all, **of_one} for of_one in values])
    lines = [
        _told(table, origin.source, reject, of_one["raw"])
        for reject, of_one in zip(refused[:logged], values, strict=False)
    ]
    if lines:
        log.warning("%s", "\n".join(lines))


def _write(connection: Connection, rows: list[dict[str, Any]]) -> None:
    """Many rows by the fast ways in, for which no value may hold a tab or line feed; JSON escapes both."""
    names = [name for name, value in rows[0].items() if value is not None]
    alike = all((row[name] is None) == (name not in names) for row in rows for name in ("line", "record"))
    if connection.dialect.name != "sqlite" and len(rows) >= _MANY and alike:
        lines = ["\t".join([str(row[name]) for name in names]) for row in rows]
        if all(line.count("\t") == len(names) - 1 and "\n" not in line for line in lines):
            text = ("\n".join(lines) + "\n").encode()
            if not load_lines(connection, rejects, names, text, len(rows)):
                insert_lines(connection, rejects, names, text)
            return
    connection.execute(insert(rejects), rows)


def written(reject: Reject) -> dict[str, Any]:
    """The columns that say what was refused and why."""
    # ASCII escapes keep what no UTF-8 column can hold, such as a lone surrogate
    raw = json.dumps(reject.raw)
    if len(raw) > _KEPT:  # such a row is an attack or an accident; the column holds 16 MB, a packet less
        raw = json.dumps(f"{raw[:_KEPT]}… ({len(raw)} characters)")
    return {
        "line": reject.line,
        "record": reject.record,
        "raw": raw,
        "errors": _errors(tuple(reject.errors)),
    }


@lru_cache(1000)
def _errors(errors: tuple[RowError, ...]) -> str:
    """Errors as JSON: in a file of a million wrong rows, few differ."""
    return json.dumps([error.to_json() for error in errors])


def _told(table: Table, source: str, reject: Reject, raw: str) -> str:
    """One line for the log."""
    shown = raw if len(raw) <= _LOGGED else f"{raw[:_LOGGED]}… ({len(raw)} characters)"
    place = f"line {reject.line}" if reject.line is not None else f"row {reject.record}"
    return f"refused {place} of {table.name} from {source}: {shown} [{_reasons(tuple(reject.errors))}]"


@lru_cache(1000)
def _reasons(errors: tuple[RowError, ...]) -> str:
    reasons = "; ".join(f"{error.code}: {error.message}" for error in errors)
    # A field's name may hold anything, line breaks included: escaped, it cannot forge a line of the log
    return json.dumps(reasons[:_LOGGED], ensure_ascii=False)[1:-1]
