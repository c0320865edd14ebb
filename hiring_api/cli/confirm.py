"""The question before a restore: shows which rows it will replace, and asks for a yes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from hiring_api.database import schema
from hiring_api.database.identity import described, identify
from hiring_api.database.transactions import snapshot
from hiring_api.model.tables import resource
from hiring_api.system.output import on_terminal, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Engine, Table

    from .named_files import NamedFile

_NO_TERMINAL = (
    "a restore replaces rows, and there is no terminal to ask on whether that is wanted: say --yes, or look "
    "with --dry-run first"
)


class NotWanted(Exception):
    """The user has not said yes, or typed what is not taken; nothing was changed.

    `status` is the exit status.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def confirm(engine: Engine, file: NamedFile, mode: str, *, keeps: bool) -> None:
    """Show on the terminal what a restore of `file` will replace, and ask. Empty tables need no question.

    Raises:
        NotWanted: the answer is no (status 1), or there is no terminal to ask on (status 2).
    """
    with snapshot(engine) as connection:
        now = _rows(connection, [rows.table for rows in file.files])
        here = described(identify(connection).to_json())
    if not any(now):
        return
    if not (sys.stdin.isatty() and on_terminal()):
        raise NotWanted(_NO_TERMINAL, 2)
    lines = [_line(rows.table, before, rows.content) for before, rows in zip(now, file.files, strict=True)]
    of = f", a backup of {described(file.database)}" if file.database else ""
    taken = f" of {file.time}" if file.time else ""
    kept = "What is replaced is kept as a backup first." if keeps else "What is replaced is NOT kept."
    what = "replaces the rows of" if mode == "replace" else "puts rows over those with the same ids in"
    sys.stderr.write(
        f"The restore {what} {here}:\n{table(lines)}"
        f"Rows then are those of {file.name}{taken}{of}. {kept}\nGo on? [y/N] "
    )
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise NotWanted("not restored: nothing was changed", 1)


def _rows(connection: Connection, tables: Sequence[Table]) -> list[int]:
    if schema.revision(connection) is None:
        return [0 for _ in tables]
    counts = [select(func.count()).select_from(one) for one in tables]
    return [connection.execute(count).scalar_one() for count in counts]


def _line(one: Table, now: int, content: Any) -> dict[str, Any]:
    # How many rows a file from elsewhere has, only its reading tells
    return {"table": resource(one), "rows now": now, "rows then": content.rows if content else "?"}
