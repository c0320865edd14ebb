"""Record refused rows: a row of the table `rejects` and a line of the log for each."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import insert

from hiring_api.database.bookkeeping import rejects
from hiring_api.database.bulk_load import NULL, insert_lines
from hiring_api.model.row_errors import RowError
from hiring_api.model.row_lines import line_format
from hiring_api.model.tables import kinds
from hiring_api.model.validation import without_empty_surplus

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection, Row, Table

    from hiring_api.csv_input.chunks import Layout
    from hiring_api.model.columns import Kind
    from hiring_api.model.row_lines import Values

log = logging.getLogger(__name__)

_CONTENT: Final = ("raw", "errors", "row_id")
_COLUMNS: Final = ("table_name", "source", "run", "user", "refused_at", "line", "record", *_CONTENT)
_TOGETHER: Final = 1000  # rejects inserted at a time, which bounds the memory for their text
_LARGEST: Final = 1_000_000  # characters of a raw row's JSON: the column holds 16 MB, a statement may hold 4
_LONGEST_FIELD: Final = 10_000  # characters of a refused CSV field that are kept
_MOST_FIELDS: Final = 1000  # fields of a refused CSV record that are kept
_LOGGED: Final = 1000  # characters of a raw row in the log; the record has all of it
_ENCODER: Final = json.JSONEncoder()  # ASCII: its escapes keep what UTF-8 cannot hold, a lone surrogate


@dataclass(frozen=True, slots=True)
class Origin:
    """Where rows came from: a route or a file's name, the request or job that brought them, and the user who
    sent them, None for the job.
    """

    source: str
    run: str
    user: str | None = None


class Reject(NamedTuple):
    """One refused row. `raw` is the JSON value or the list of CSV fields as they came.

    `line` and `record` count from 1; a row of a batch has only its `record`.
    """

    raw: Any
    errors: Sequence[RowError]
    line: int | None = None
    record: int | None = None


class StoredReject(NamedTuple):
    """A reject on record, under its `id`.

    `row_id` is the valid id that the refused row has, if any. `resolved_by` is the id of the row that
    resolved it at `resolved_at` (naive UTC); both are None while it is open.
    """

    id: int
    source: str
    reject: Reject
    row_id: int | None
    resolved_at: datetime | None
    resolved_by: int | None


def reject_of(row: Row[*tuple[Any, ...]]) -> Reject:
    """Return the reject in a row that has the columns `raw`, `errors`, `line` and `record` of `rejects`."""
    return Reject(json.loads(row.raw), _errors_of(row.errors), row.line, row.record)


@lru_cache(1000)
def _errors_of(text: str) -> tuple[RowError, ...]:
    return tuple([RowError(**error) for error in json.loads(text)])


def stored_reject(row: Row[Any]) -> StoredReject:
    """Return the reject in a whole row of the table `rejects`."""
    return StoredReject(row.id, row.source, reject_of(row), row.row_id, row.resolved_at, row.resolved_by)


def keep(
    connection: Connection, table: Table, origin: Origin, refused: Sequence[Reject], logged: int | None = None
) -> Callable[[], None]:
    """Insert refused rows of `table` into `rejects`. Return a function that writes them into the log.

    Args:
        connection: in a transaction.
        table: which refused them.
        origin: where they came from.
        refused: the rows, in the order of their new ids.
        logged: the greatest number of rows to log; None for all.
    """
    now = datetime.now(UTC).replace(tzinfo=None)
    of_all = (table.name, origin.source[:512], origin.run, origin.user and origin.user[:255], now)
    shown: list[str] = []  # the raw rows as the log shows them, so that their JSON is made once
    for start in range(0, len(refused), _TOGETHER):
        part = refused[start : start + _TOGETHER]
        raws = [_ENCODER.encode(reject.raw) for reject in part]
        shown += map(_shortened, raws[: None if logged is None else max(0, logged - start)])
        rows = [
            (*of_all, reject.line, reject.record, *_content(table, reject, raw))
            for reject, raw in zip(part, raws, strict=True)
        ]
        _insert(connection, rows)

    def tell() -> None:
        lines = [
            _log_line(table, origin.source, reject, raw) for reject, raw in zip(refused, shown, strict=False)
        ]
        if lines:
            log.warning("%s", "\n".join(lines), extra={"request_id": origin.run, "user": origin.user})

    return tell


def _insert(connection: Connection, rows: Sequence[Values]) -> None:
    """Insert rejects (values of `_COLUMNS`) in their order, as lines: JSON holds no control character.

    Driver and SQLAlchemy need more time to bind a thousand rows than a server to store them.
    """
    _, source, _, user, now, *_ = rows[0]
    if not f"{source}{user}".isprintable():
        connection.execute(insert(rejects), [dict(zip(_COLUMNS, row, strict=True)) for row in rows])
        return
    # `str` would leave out a fraction of zero, and SQLite compares instants as texts
    text = {None: NULL, now: now.isoformat(" ", "microseconds")}
    line = line_format(_COLUMNS)
    lines = [line % tuple([text.get(value, value) for value in row]) for row in rows]
    insert_lines(connection, rejects, _COLUMNS, "".join(lines).encode())


def raw_fields(table: Table, layout: Layout, fields: list[str]) -> list[str]:
    """Return the fields of a refused CSV record for `Reject.raw`, to the byte as they came, blanks included.

    Those of the table's columns come first, in the table's order, then the others; with too few or too many
    fields, all stay in the order of the line. At most 1000 fields of 10,000 characters are kept. In a rejects
    file, the fields that say where a row came from are no part of the row.
    """
    width = len(layout.names)
    if len(without_empty_surplus(fields, width)) == width:
        own = [layout.names.index(name) for name in kinds(table)]
        others = [] if layout.reject is not None else sorted(set(range(len(fields))) - set(own))
        fields = [fields[index] for index in own + others]
    return [
        text if len(text) <= _LONGEST_FIELD else f"{text[:_LONGEST_FIELD]}… ({len(text)} characters)"
        for text in fields[:_MOST_FIELDS]
    ]


def content(table: Table, reject: Reject) -> dict[str, Any]:
    """The columns of `rejects` that say what was refused: `raw` and `errors` as JSON text, and `row_id`."""
    return dict(zip(_CONTENT, _content(table, reject, _ENCODER.encode(reject.raw)), strict=True))


def _content(table: Table, reject: Reject, raw: str) -> Values:
    """The values of `_CONTENT`; `raw` is the JSON text of the raw row."""
    if len(raw) > _LARGEST:  # such a row is an attack or an accident
        raw = _ENCODER.encode(f"{raw[:_LARGEST]}… ({len(raw)} characters)")
    return raw, _errors_json(tuple(reject.errors)), _row_id(table, reject)


@lru_cache(1000)
def _errors_json(errors: tuple[RowError, ...]) -> str:
    """Errors as JSON text; in a thousand wrong rows few differ."""
    return _ENCODER.encode([error.to_json() for error in errors])


def _row_id(table: Table, reject: Reject) -> int | None:
    """The valid id of a refused row; None where it has none, or where its line was wrong as a whole."""
    kind, index = _id_column(table)
    value: int | None = None
    if isinstance(reject.raw, dict):
        value = kind.check(reject.raw.get("id"))
    elif isinstance(reject.raw, list) and all(error.field is not None for error in reject.errors):
        value = kind.check(kind.from_csv(reject.raw[index].strip())) if index < len(reject.raw) else None
    return value


@cache
def _id_column(table: Table) -> tuple[Kind, int]:
    """The kind and the index of the column `id`."""
    return kinds(table)["id"], list(kinds(table)).index("id")


def _shortened(raw: str) -> str:
    return raw if len(raw) <= _LOGGED else f"{raw[:_LOGGED]}… ({len(raw)} characters)"


def _log_line(table: Table, source: str, reject: Reject, shown: str) -> str:
    position = f"line {reject.line}" if reject.line is not None else f"row {reject.record}"
    return f"refused {position} of {table.name} from {source}: {shown} [{_reasons(tuple(reject.errors))}]"


@lru_cache(1000)
def _reasons(errors: tuple[RowError, ...]) -> str:
    reasons = "; ".join(f"{error.code}: {error.message}" for error in errors)
    # A field's name may hold anything, line breaks included: escaped, it cannot forge a line of the log
    return json.dumps(reasons[:_LOGGED], ensure_ascii=False)[1:-1]
