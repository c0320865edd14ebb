"""What becomes of earlier rejects when their rows come again: resolved, still refused, or not the same row.

A row comes again in two ways: in the same file at the same line, or in a rejects file that this program
wrote, under the reject's key.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from pyroaring import BitMap
from sqlalchemy import select, update

from .csv_judge import kept_fields
from .packs import pack_of, reject_packs, repacked, unpacked
from .reject_files import line_of
from .rows import Judged
from .stored import present
from .tables import kinds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import ColumnElement, Connection, Table

    from .csv_judge import JudgedChunk
    from .csv_records import Layout
    from .packs import Kept, Reject

_LISTED: Final = 1000
_KEY: Final = re.compile("[1-9][0-9]{0,17}")  # what a database can look up


@dataclass(frozen=True, slots=True)
class Earlier:
    """The earlier rejects of a chunk's records, by index: those still `open`, and those that were `resolved`.

    `named` has the indexes of the records that were given back under the key of an open one.
    """

    open: dict[int, Kept] = field(default_factory=dict)
    resolved: dict[int, list[Kept]] = field(default_factory=dict)
    named: set[int] = field(default_factory=set)


def held_back(connection: Connection, table: Table, layout: Layout, judged: JudgedChunk) -> JudgedChunk:
    """The chunk, in which a row given back as it was is refused again for what was wrong with its line.

    Of a line with too many fields, stray quotes or bytes that are not UTF-8, a rejects file shows fields that
    may each be right, and yet are not what the line said.
    """
    same = {
        index: Judged(judged.chunk.fields[index], {}, list(old.reject.errors))
        for index, old in _by_key(connection, table, layout, judged)
        if old.resolved_at is None and _is_untouched(table, layout, old.reject, judged.chunk.fields[index])
    }
    if not same:
        return judged
    others = [row for row, index in enumerate(judged.places.tolist()) if index not in same]
    rows = judged.rows.take(others).ready()
    return replace(judged, rows=rows, places=judged.places[others], refused=judged.refused | same)


def earlier(
    connection: Connection, table: Table, source: str | None, layout: Layout, judged: JudgedChunk
) -> Earlier:
    """The earlier rejects of a chunk's records.

    Args:
        connection: the database.
        table: where the rows go.
        source: the file they come from; None where its name says nothing about its earlier state.
        layout: how the file is read.
        judged: the chunk.
    """
    found = Earlier()
    for index, old in _by_key(connection, table, layout, judged):
        if old.resolved_at is None:
            found.open[index] = old
            found.named.add(index)
        else:
            found.resolved.setdefault(index, []).append(old)
    for index, old in _by_line(connection, table, source, judged):
        if index in found.named:
            continue
        fields = kept_fields(table, layout, judged.chunk.fields[index])
        if old.resolved_at is not None:
            if old.reject.raw == fields:
                found.resolved.setdefault(index, []).append(old)
        elif _is_same_row(table, layout, old.reject, fields):
            found.open[index] = old
    return found


def as_told(
    connection: Connection, table: Table, found: Earlier, refused: dict[int, Reject]
) -> dict[int, Reject]:
    """What is refused, as it was told of before: without the rows that were repaired since, and with the
    reasons that they had then.

    A wrong row's id may by now be in the table, through another row of the same file: that is no new reason.
    """
    repaired = _repaired(connection, table, found, refused)
    told = {}
    for index, reject in refused.items():
        if index in repaired:
            continue
        old = found.open.get(index)
        same = old is not None and old.reject.raw == reject.raw and _only_taken(old.reject, reject)
        told[index] = reject._replace(errors=old.reject.errors) if old is not None and same else reject
    return told


def _only_taken(old: Reject, new: Reject) -> bool:
    """Whether there is nothing new but that the id is in the table."""
    return [error for error in new.errors if error.code != "already_exists"] == list(old.errors)


def _repaired(connection: Connection, table: Table, found: Earlier, refused: dict[int, Reject]) -> set[int]:
    """The indexes of the refused rows that came as they were, while rows that resolved them are stored."""
    rows = {
        index: BitMap(
            [old.row_id for old in found.resolved[index] if old.row_id and old.reject.raw == reject.raw]
        )
        for index, reject in refused.items()
        if index in found.resolved and index not in found.open
    }
    there = present(connection, table, BitMap.union(BitMap(), *rows.values()))
    return {index for index, ids in rows.items() if ids & there}


def settle(
    connection: Connection,
    table: Table,
    layout: Layout,
    judged: JudgedChunk,
    found: Earlier,
    refused: dict[int, Reject],
    *,
    kept: bool = True,
) -> list[Reject]:
    """Marks the earlier rejects whose rows were accepted now, and renews those whose rows were refused again.

    Args:
        connection: in the transaction that places the chunk.
        table: where the rows went.
        layout: how the file is read.
        judged: the chunk.
        found: the earlier rejects of its records.
        refused: what was refused of it, by index.
        kept: whether the rows that were not refused went in.

    Returns:
        What was refused for the first time.
    """
    now = f"{datetime.now(UTC).replace(tzinfo=None).isoformat()}Z"
    accepted = _accepted(judged) if kept and found.open.keys() - refused.keys() else {}
    changed = []
    for index, old in found.open.items():
        if index in refused:
            if index in found.named and _is_untouched(table, layout, old.reject, judged.chunk.fields[index]):
                continue
            new = old.reject._replace(raw=refused[index].raw, errors=tuple(refused[index].errors))
            if new != old.reject:
                changed.append(old._replace(reject=new))
        elif index in accepted:
            changed.append(old._replace(resolved_at=now, row_id=accepted[index]))
    _change(connection, changed)
    return [reject for index, reject in refused.items() if index not in found.open]


def _accepted(judged: JudgedChunk) -> dict[int, int]:
    """The ids of the records that are right in themselves, by index."""
    return dict(zip(judged.places.tolist(), judged.rows.whole("id").tolist(), strict=True))


def _by_key(
    connection: Connection, table: Table, layout: Layout, judged: JudgedChunk
) -> Iterator[tuple[int, Kept]]:
    """The rejects that the chunk's records name, with their indexes."""
    if layout.reject is None:
        return
    named = {
        int(fields[layout.reject]): index
        for index, fields in enumerate(judged.chunk.fields)
        if len(fields) == len(layout.names) and _KEY.fullmatch(fields[layout.reject])
    }
    packs = sorted({pack_of(key) for key in named})
    for start in range(0, len(packs), _LISTED):
        for old in _kept(connection, table, reject_packs.c.id.in_(packs[start : start + _LISTED])):
            if old.key in named:
                yield named[old.key], old


def _by_line(
    connection: Connection, table: Table, source: str | None, judged: JudgedChunk
) -> Iterator[tuple[int, Kept]]:
    """The rejects of the same file at the lines of the chunk, with the records' indexes."""
    if source is None or not judged.chunk.fields:
        return
    lines = judged.chunk.lines
    pack = reject_packs.c
    there = (pack.source == source[:512]) & (pack.last_line >= lines[0]) & (pack.first_line <= lines[-1])
    index_of: dict[int | None, int] = {line: index for index, line in enumerate(lines)}
    for old in _kept(connection, table, there):
        if old.reject.line in index_of:
            yield index_of[old.reject.line], old


def _kept(connection: Connection, table: Table, condition: ColumnElement[bool]) -> Iterator[Kept]:
    """The rejects in such packs."""
    for pack in connection.execute(
        select(reject_packs).where(reject_packs.c.table_name == table.name, condition)
    ):
        yield from unpacked(pack)


def _is_same_row(table: Table, layout: Layout, old: Reject, fields: list[str]) -> bool:
    """Whether a record differs from a rejected one in nothing but the fields that were wrong.

    A file of other content may have been given the same name: its rows repair nothing. Of a line that was
    wrong as a whole nothing is known but its first fields: the one where the id should be is compared.
    """
    wrong = {error.field for error in old.errors}
    if None in wrong or not isinstance(old.raw, list) or len(old.raw) != len(fields):
        return _has_same_id(table, layout, old, fields)
    columns = enumerate(kinds(table))
    return all(name in wrong or old.raw[place] == fields[place] for place, name in columns)


def _has_same_id(table: Table, layout: Layout, old: Reject, fields: list[str]) -> bool:
    """False where both rows seem to have an id, and not the same."""

    def spelled(row: list[str]) -> str:
        place = 0 if len(row) == len(kinds(table)) else layout.names.index("id")
        return row[place].strip() if place < len(row) else ""

    if not isinstance(old.raw, list):
        return True
    before, now = spelled(old.raw), spelled(fields)
    return before == now or not (before.isdecimal() and now.isdecimal())


def _is_untouched(table: Table, layout: Layout, old: Reject, fields: list[str]) -> bool:
    """Whether a line that was wrong as a whole is given back with the fields that the rejects file shows.

    Where nothing but empty fields was too much, those that are shown are all of it. Of a JSON row, members
    that are no columns and letters that no CSV file can hold are such wrongs, too.
    """
    if all(error.field in kinds(table) and error.code != "invalid_characters" for error in old.errors):
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
