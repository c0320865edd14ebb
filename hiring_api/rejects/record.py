"""What was refused, and why: kept in packs and logged, so that it can be repaired."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import insert

from hiring_api.database.bookkeeping import reject_packs
from hiring_api.database.bulk_load import insert_lines
from hiring_api.model.row_lines import line_format

from .packs import packed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection, Table

    from hiring_api.model.row_errors import RowError

    from .packs import Reject

log = logging.getLogger(__name__)

_LOGGED: Final = 1000  # characters of a raw row in the log; the record has all of it
_ENCODER: Final = json.JSONEncoder()
_TOGETHER: Final = json.JSONEncoder(separators=("\x01", ": "))


@dataclass(frozen=True, slots=True)
class Origin:
    """Where rows came from: a route or a file's name, and the request or job that brought them."""

    source: str
    run: str


def keep(
    connection: Connection, table: Table, origin: Origin, refused: Sequence[Reject], logged: int | None = None
) -> Callable[[], None]:
    """Puts refused rows of `table` on record; what it answers writes them into the log.

    Args:
        connection: in a transaction.
        table: which refused them.
        origin: where they came from.
        refused: the rows.
        logged: at most so many are logged.
    """
    now = datetime.now(UTC).replace(tzinfo=None)
    of_all = {"table_name": table.name, "source": origin.source[:512], "run": origin.run, "refused_at": now}
    for pack in packed(refused):
        _write(connection, {**of_all, **pack})

    def tell() -> None:
        shown = refused[:logged]
        raws = _texts([reject.raw for reject in shown])
        lines = [_told(table, origin.source, *told) for told in zip(shown, raws, strict=True)]
        if lines:
            log.warning("%s", "\n".join(lines), extra={"request_id": origin.run})

    return tell


def _write(connection: Connection, pack: dict[str, Any]) -> None:
    """Inserts a pack. Of a hundred thousand characters, PyMySQL takes longer to escape each than the server
    to keep them all; JSON has no control characters, so that the quick way in takes it.
    """  # one thought
    if not pack["source"].isprintable():
        connection.execute(insert(reject_packs), pack)
        return
    given = {name: value for name, value in pack.items() if value is not None}
    line = line_format(given) % tuple(given.values())
    insert_lines(connection, reject_packs, list(given), line.encode())


def _texts(raws: list[Any]) -> list[str]:
    """The JSON of each, for objects without objects in them in half the time: encoded together, then cut.

    JSON has no control characters. So where they are put instead of commas, one that stands between braces
    is between two of the objects, or of those within: then there are more of them.
    """
    if set(map(type, raws)) == {dict}:
        together = _TOGETHER.encode(raws)[1:-1].replace("}\x01{", "}\n{")
        texts = together.replace("\x01", ", ").split("\n")
        if len(texts) == len(raws):
            return texts
    return list(map(_ENCODER.encode, raws))


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
