"""What becomes of earlier rejects when their rows come again: resolved, still refused, or not the same row.

A row comes again in two ways: in the same file at the same line, or in a rejects file that this program
wrote, under the reject's key.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import select, update

from .csv_judge import kept_fields
from .packs import pack_of, reject_packs, repacked, unpacked
from .reject_files import line_of
from .rows import Judged
from .tables import kinds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import ColumnElement, Connection, Table

    from .csv_judge import JudgedChunk
    from .csv_records import Layout
    from .packs import Kept, Reject

_LISTED = 1000


def held_back(connection: Connection, table: Table, layout: Layout, judged: JudgedChunk) -> JudgedChunk:
    """The chunk, in which a row given back as it was is refused again for what was wrong with its line.

    Of a line with too many fields, stray quotes or bytes that are not UTF-8, a rejects file shows fields that
    may each be right, and yet are not what the line said.
    """
    same = {
        index: Judged(judged.chunk.fields[index], {}, list(old.reject.errors))
        for index, old in _by_key(connection, table, layout, judged).items()
        if _is_untouched(table, layout, old.reject, judged.chunk.fields[index])
    }
    if not same:
        return judged
    others = [row for row, index in enumerate(judged.places.tolist()) if index not in same]
    rows = judged.rows.take(others).ready()
    return replace(judged, rows=rows, places=judged.places[others], refused=judged.refused | same)


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
            table, old.reject, kept_fields(table, layout, judged.chunk.fields[index])
        ):
            earlier[index] = old
    now = f"{datetime.now(UTC).replace(tzinfo=None).isoformat()}Z"
    changed = []
    for index, old in earlier.items():
        if index in refused:
            if index in given_back and _is_untouched(table, layout, old.reject, judged.chunk.fields[index]):
                continue
            new = old.reject._replace(raw=refused[index].raw, errors=tuple(refused[index].errors))
            if new != old.reject:
                changed.append(old._replace(reject=new))
        elif kept:
            changed.append(old._replace(resolved_at=now))
    _change(connection, changed)
    return [reject for index, reject in refused.items() if index not in earlier]


def _by_key(connection: Connection, table: Table, layout: Layout, judged: JudgedChunk) -> dict[int, Kept]:
    """The rejects that the chunk's records name, by index."""
    if layout.reject is None:
        return {}
    named = {
        int(fields[layout.reject]): index
        for index, fields in enumerate(judged.chunk.fields)
        if len(fields) == len(layout.names) and fields[layout.reject].isdecimal()
    }
    packs = sorted({pack_of(key) for key in named})
    return {
        named[old.key]: old
        for start in range(0, len(packs), _LISTED)
        for old in _open(connection, table, reject_packs.c.id.in_(packs[start : start + _LISTED]))
        if old.key in named
    }


def _by_line(
    connection: Connection, table: Table, source: str | None, judged: JudgedChunk
) -> dict[int, Kept]:
    """The rejects of the same file at the lines of the chunk, by index."""
    if source is None:
        return {}
    lines = judged.chunk.lines
    pack = reject_packs.c
    there = (pack.source == source[:512]) & (pack.last_line >= lines[0]) & (pack.first_line <= lines[-1])
    index_of: dict[int | None, int] = {line: index for index, line in enumerate(lines)}
    found = _open(connection, table, there)
    return {index_of[old.reject.line]: old for old in found if old.reject.line in index_of}


def _open(connection: Connection, table: Table, condition: ColumnElement[bool]) -> Iterator[Kept]:
    """The rejects in such packs that are not resolved yet."""
    mine = (reject_packs.c.table_name == table.name) & (reject_packs.c.unresolved > 0)
    for pack in connection.execute(select(reject_packs).where(mine & condition)):
        yield from (kept for kept in unpacked(pack) if kept.resolved_at is None)


def _is_same_row(table: Table, old: Reject, fields: list[str]) -> bool:
    """Whether a record differs from a rejected one in nothing but the fields that were wrong.

    A file of other content may have been given the same name: its rows repair nothing.
    """
    wrong = {error.field for error in old.errors}
    if None in wrong or not isinstance(old.raw, list) or len(old.raw) != len(fields):
        return True
    columns = enumerate(kinds(table))
    return all(name in wrong or old.raw[place] == fields[place] for place, name in columns)


def _is_untouched(table: Table, layout: Layout, old: Reject, fields: list[str]) -> bool:
    """Whether a line that was wrong as a whole is given back with the fields that the rejects file shows.

    Where nothing but empty fields was too much, those that are shown are all of it.
    """
    if all(error.field is not None for error in old.errors):
        return False
    *shown, surplus = [str(text).strip() for text in line_of(table, "", old)]
    if not surplus and {error.code for error in old.errors} == {"column_count"}:
        return False
    came = [text.strip() for text in kept_fields(table, layout, fields)]
    left = fields[layout.surplus].strip() if layout.surplus is not None else ""
    return came == shown[: len(came)] and left == surplus


def _change(connection: Connection, changed: list[Kept]) -> None:
    """Writes what became of earlier rejects, pack by pack; what another writer has resolved stays so."""
    new = {kept.key: kept for kept in changed}
    for number in sorted({pack_of(key) for key in new}):
        one = reject_packs.c.id == number
        pack = connection.execute(select(reject_packs).where(one).with_for_update()).one()
        before = unpacked(pack)
        now = [kept if kept.resolved_at else new.get(kept.key, kept) for kept in before]
        connection.execute(update(reject_packs).where(one).values(repacked(now, before)))
