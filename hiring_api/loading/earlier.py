"""The earlier rejects of records that come again.

A row comes again in two ways: in the same file at the same line, or in a rejects file that this program
wrote, under the reject's key.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from hiring_api.database.bookkeeping import rejects
from hiring_api.model.tables import kinds
from hiring_api.rejects.record import raw_fields, stored_reject

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import ColumnElement, Connection, Table

    from hiring_api.csv_input.chunks import Layout
    from hiring_api.csv_input.validation import ValidatedChunk
    from hiring_api.rejects.record import Reject, StoredReject

_LISTED: Final = 1000
_KEY: Final = re.compile("[1-9][0-9]{0,17}")  # what a database can look up


@dataclass(frozen=True, slots=True)
class Earlier:
    """The earlier rejects of a chunk's records, by index: those still `open`, and those that were `resolved`.

    `named` has the indexes of the records that were given back under the key of an open one, `since` the ids
    of rows by which open ones were repaired, though they were not given back.
    """

    open: dict[int, StoredReject] = field(default_factory=dict)
    resolved: dict[int, list[StoredReject]] = field(default_factory=dict)
    named: set[int] = field(default_factory=set)
    since: dict[int, int] = field(default_factory=dict)


def earlier(
    connection: Connection, table: Table, source: str | None, layout: Layout, validated: ValidatedChunk
) -> Earlier:
    """The earlier rejects of a chunk's records.

    Args:
        connection: the database.
        table: where the rows go.
        source: the file they come from; None where its name says nothing about its earlier state.
        layout: how the file is read.
        validated: the chunk.
    """
    found = Earlier()
    for index, old in by_key(connection, table, layout, validated):
        if old.resolved_at is None:
            found.open[index] = old
            found.named.add(index)
        else:
            found.resolved.setdefault(index, []).append(old)
    for index, old in _by_line(connection, table, source, validated):
        if index in found.named:
            continue
        if old.resolved_at is not None:
            found.resolved.setdefault(index, []).append(old)
        elif _is_same_row(
            table, layout, old.reject, raw_fields(table, layout, validated.chunk.fields[index])
        ):
            found.open[index] = old
    return found


def by_key(
    connection: Connection, table: Table, layout: Layout, validated: ValidatedChunk
) -> Iterator[tuple[int, StoredReject]]:
    """The rejects that the chunk's records name, with their indexes."""
    if layout.reject is None:
        return
    named = {
        int(fields[layout.reject]): index
        for index, fields in enumerate(validated.chunk.fields)
        if len(fields) == len(layout.names) and _KEY.fullmatch(fields[layout.reject])
    }
    keys = sorted(named)
    for start in range(0, len(keys), _LISTED):
        for old in _stored(connection, table, rejects.c.id.in_(keys[start : start + _LISTED])):
            yield named[old.id], old


def _by_line(
    connection: Connection, table: Table, source: str | None, validated: ValidatedChunk
) -> Iterator[tuple[int, StoredReject]]:
    """The rejects of the same file at the lines of the chunk, with the records' indexes."""
    if source is None or not validated.chunk.fields:
        return
    lines = validated.chunk.lines
    there = (rejects.c.source == source[:512]) & rejects.c.line.between(lines[0], lines[-1])
    index_of: dict[int | None, int] = {line: index for index, line in enumerate(lines)}
    for old in _stored(connection, table, there):
        if old.reject.line in index_of:
            yield index_of[old.reject.line], old


def _stored(connection: Connection, table: Table, condition: ColumnElement[bool]) -> Iterator[StoredReject]:
    """The rejects of the table for which a condition holds, oldest first."""
    query = select(rejects).where(rejects.c.table_name == table.name, condition).order_by(rejects.c.id)
    yield from map(stored_reject, connection.execute(query))


def _is_same_row(table: Table, layout: Layout, old: Reject, fields: list[str]) -> bool:
    """True if a record differs from a rejected one in nothing but the fields that were wrong.

    A file of other content may have been given the same name: its rows repair nothing. Of a line that was
    wrong as a whole nothing is known but its first fields: the one where the id should be is compared.
    """
    wrong = {error.field for error in old.errors}
    if None in wrong or not isinstance(old.raw, list) or len(old.raw) != len(fields):
        return _has_same_id(table, layout, old, fields)
    columns = enumerate(kinds(table))
    return all(name in wrong or old.raw[index] == fields[index] for index, name in columns)


def _has_same_id(table: Table, layout: Layout, old: Reject, fields: list[str]) -> bool:
    """False where both rows seem to have an id, and not the same."""

    def id_text(row: list[str]) -> str:
        index = 0 if len(row) == len(kinds(table)) else layout.names.index("id")
        return row[index].strip() if index < len(row) else ""

    if not isinstance(old.raw, list):
        return True
    before, now = id_text(old.raw), id_text(fields)
    return before == now or not (before.isdecimal() and now.isdecimal())
