"""What was refused, and why: kept in the table `rejects` and logged, so that it can be repaired."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import BigInteger, Column, DateTime, Index, Integer, String, Table, Text, insert
from sqlalchemy.dialects.mysql import DATETIME, MEDIUMTEXT

from .bulk import insert_lines, load_lines
from .rows import errors_json
from .spelled import spelling
from .tables import OPTIONS, Base

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection

    from .rows import RowError

log = logging.getLogger(__name__)

_MANY: Final = 100  # rows
_NAMED: Final = 50_000  # characters of errors that a statement names once, for all rows that have them
_LOGGED: Final = 1000  # characters of a raw row in the log; the table has all of it,
_KEPT: Final = 1_000_000  # or as many characters
_OF_ONE: Final = ("line", "record", "raw", "errors")  # the columns that differ from reject to reject
_ENCODER: Final = json.JSONEncoder()
_TOGETHER: Final = json.JSONEncoder(separators=("\x01", ": "))

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


class Reject(NamedTuple):
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
) -> Callable[[], None]:
    """Writes refused rows of `table` into the reject table; what it answers writes them into the log.

    Args:
        connection: in a transaction.
        table: which refused them.
        origin: where they came from.
        refused: the rows.
        logged: at most so many are logged.
    """
    now = datetime.now(UTC).replace(tzinfo=None)
    of_all = {"table_name": table.name, "source": origin.source[:512], "run": origin.run, "refused_at": now}
    raws = _texts([reject.raw for reject in refused])
    if refused:
        errors = [errors_json(tuple(reject.errors), " ") for reject in refused]
        places = ([reject.line for reject in refused], [reject.record for reject in refused])
        _write(connection, of_all, dict(zip(_OF_ONE, (*places, raws, errors), strict=True)))

    def tell() -> None:
        pairs = zip(refused[:logged], raws, strict=False)
        lines = [_told(table, origin.source, reject, raw) for reject, raw in pairs]
        if lines:
            log.warning("%s", "\n".join(lines), extra={"request_id": origin.run})

    return tell


def _write(connection: Connection, of_all: dict[str, Any], columns: dict[str, list[Any]]) -> None:
    """Writes rows, given as what is the same in all and the columns that are not; many by the fast ways."""
    count = len(columns["raw"])
    if connection.dialect.name == "sqlite":
        at = of_all["refused_at"].isoformat(" ", "microseconds")  # as SQLAlchemy spells it
        names = (*of_all, *columns)
        text = f"INSERT INTO rejects ({', '.join(names)}) VALUES ({', '.join('?' for _ in names)})"
        values = tuple({**of_all, "refused_at": at}.values())
        connection.exec_driver_sql(text, [(*values, *row) for row in zip(*columns.values(), strict=True)])
        return
    given = {name: column for name, column in columns.items() if column.count(None) < count}
    if (
        count < _MANY
        or any(None in column for column in given.values())
        or not of_all["source"].isprintable()
    ):
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        connection.execute(insert(rejects), [{**of_all, **row} for row in rows])
    elif not _load(connection, of_all, given):
        every = {name: [value] * count for name, value in of_all.items()} | given
        insert_lines(connection, rejects, list(every), _lines(every))


def _load(connection: Connection, of_all: dict[str, Any], columns: dict[str, list[Any]]) -> bool:
    """Whether the server took the rows by LOAD DATA; what they have in common stands in the statement."""
    assign, values = [f"{name} = %s" for name in of_all], list(of_all.values())
    texts = dict.fromkeys(columns["errors"])
    if sum(map(len, texts)) <= _NAMED:
        number = {text: place for place, text in enumerate(texts, start=1)}
        columns = {**columns, "@errors": [number[text] for text in columns["errors"]]}
        del columns["errors"]
        assign.append(f"errors = ELT(@errors, {', '.join(['%s'] * len(texts))})")
        values += texts
    count = len(columns["raw"])
    return load_lines(connection, rejects, list(columns), _lines(columns), count, ", ".join(assign), values)


def _lines(columns: dict[str, list[Any]]) -> bytes:
    """A line of each row; JSON has neither tabs nor line feeds that are not escaped."""
    line = spelling(columns)
    return "".join([line % row for row in zip(*columns.values(), strict=True)]).encode()


def written(reject: Reject) -> dict[str, Any]:
    """The columns that say what was refused and why."""
    errors = errors_json(tuple(reject.errors), " ")
    return dict(zip(_OF_ONE, (reject.line, reject.record, _text(reject.raw), errors), strict=True))


def _texts(raws: list[Any]) -> list[str]:
    """As `_text` of each, for objects without objects in them in half the time: encoded together, then cut.

    JSON has no control characters. So where they are put instead of commas, one that stands between braces
    is between two of the objects, or of those within: then there are more of them.
    """
    if set(map(type, raws)) == {dict}:
        together = _TOGETHER.encode(raws)[1:-1].replace("}\x01{", "}\n{")
        texts = together.replace("\x01", ", ").split("\n")
        if len(texts) == len(raws) and max(map(len, texts)) <= _KEPT:
            return texts
    return list(map(_text, raws))


def _text(raw: Any) -> str:
    # ASCII escapes keep what no UTF-8 column can hold, such as a lone surrogate
    text = _ENCODER.encode(raw)
    if len(text) > _KEPT:  # such a row is an attack or an accident; the column holds 16 MB, a packet less
        text = json.dumps(f"{text[:_KEPT]}… ({len(text)} characters)")
    return text


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
