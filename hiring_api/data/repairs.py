"""What becomes of earlier rejects when their rows come again: resolved, still refused, or not the same row.

A row comes again in two ways: in the same file at the same line, or in a rejects file that this program
wrote, under the reject's key.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update

from .csv_judge import kept_fields
from .rejects import Reject, rejects, written
from .tables import kinds

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import ColumnElement, Connection, Row, Table

    from .csv_judge import JudgedChunk
    from .csv_records import Layout

_LISTED = 1000


def settle(
    connection: Connection,
    table: Table,
    source: str | None,
    layout: Layout,
    judged: JudgedChunk,
    refused: dict[int, Reject],
    *,
    kept: bool = True,
) -> list[Reject]:
    """Marks the earlier rejects whose rows were accepted now, and renews those whose rows were refused again.

    Args:
        connection: in the transaction that places the chunk.
        table: where the rows went.
        source: the file they came from; None where its name says nothing about its earlier state.
        layout: how the file is read.
        judged: the chunk.
        refused: what was refused of it, by index.
        kept: whether the rows that were not refused went in.

    Returns:
        What was refused for the first time.
    """
    if not judged.chunk.fields:
        return []
    earlier = _by_key(connection, table, layout, judged)
    given_back = set(earlier)
    for index, old in _by_line(connection, table, source, judged).items():
        if index not in given_back and _is_same_row(
            table, old, kept_fields(table, layout, judged.chunk.fields[index])
        ):
            earlier[index] = old
    accepted = [old.id for index, old in earlier.items() if index not in refused]
    if kept:
        _resolve(connection, accepted)
    for index, old in earlier.items():
        if index in refused:
            _renew(connection, old, refused[index])
    return [reject for index, reject in refused.items() if index not in earlier]


def _by_key(connection: Connection, table: Table, layout: Layout, judged: JudgedChunk) -> dict[int, Row[Any]]:
    """The rejects that the chunk's records name, by index."""
    if layout.reject is None:
        return {}
    named = {
        int(fields[layout.reject]): index
        for index, fields in enumerate(judged.chunk.fields)
        if len(fields) == len(layout.names) and fields[layout.reject].isdecimal()
    }
    return {
        named[row.id]: row
        for part in _parts(named)
        for row in _open(connection, table, rejects.c.id.in_(part))
    }


def _by_line(
    connection: Connection, table: Table, source: str | None, judged: JudgedChunk
) -> dict[int, Row[Any]]:
    """The rejects of the same file at the lines of the chunk, by index."""
    if source is None:
        return {}
    lines = judged.chunk.lines
    between = (rejects.c.source == source[:512]) & rejects.c.line.between(lines[0], lines[-1])
    index_of = {line: index for index, line in enumerate(lines)}
    found = _open(connection, table, between)
    return {index_of[row.line]: row for row in found if row.line in index_of}


def _open(connection: Connection, table: Table, condition: ColumnElement[bool]) -> Iterable[Row[Any]]:
    mine = (rejects.c.table_name == table.name) & rejects.c.resolved_at.is_(None)
    columns = (rejects.c.id, rejects.c.line, rejects.c.raw, rejects.c.errors)
    return connection.execute(select(*columns).where(mine & condition))


def _parts(ids: Iterable[int]) -> Iterable[list[int]]:
    every = list(ids)
    return (every[start : start + _LISTED] for start in range(0, len(every), _LISTED))


def _is_same_row(table: Table, old: Row[Any], fields: list[str]) -> bool:
    """Whether a record differs from a rejected one in nothing but the fields that were wrong.

    A file of other content may have been given the same name: its rows repair nothing.
    """
    before = json.loads(old.raw)
    wrong = {error["field"] for error in json.loads(old.errors)}
    if None in wrong or len(before) != len(fields):
        return True
    columns = enumerate(kinds(table))
    return all(name in wrong or before[place] == fields[place] for place, name in columns)


def _resolve(connection: Connection, keys: list[int]) -> None:
    now = datetime.now(UTC).replace(tzinfo=None)
    for part in _parts(keys):
        connection.execute(update(rejects).where(rejects.c.id.in_(part)).values(resolved_at=now))


def _renew(connection: Connection, old: Row[Any], reject: Reject) -> None:
    new = {name: value for name, value in written(reject).items() if name in ("raw", "errors")}
    if (old.raw, old.errors) != (new["raw"], new["errors"]):
        connection.execute(update(rejects).where(rejects.c.id == old.id).values(new))
