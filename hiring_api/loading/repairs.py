"""Decide about earlier rejects whose rows come again: resolved, still open, or refused as before."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pyroaring import BitMap
from sqlalchemy import bindparam, update

from hiring_api.database.bookkeeping import rejects
from hiring_api.database.lookup import present, rows_of
from hiring_api.model.tables import kinds
from hiring_api.model.validation import ValidatedRow
from hiring_api.rejects.csv_file import line_of
from hiring_api.rejects.record import content, raw_fields
from hiring_api.rejects.resolve import is_repaired_by, mark_resolved

from .earlier import by_key

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table

    from hiring_api.csv_input.chunks import Layout
    from hiring_api.csv_input.validation import ValidatedChunk
    from hiring_api.rejects.record import Reject

    from .earlier import Earlier


def refuse_unchanged(
    connection: Connection, table: Table, layout: Layout, validated: ValidatedChunk
) -> ValidatedChunk:
    """Refuse again rows of a rejects file that came back unchanged, if their whole line had been wrong.

    Of a line with too many fields, stray quotes or bytes that are not UTF-8, a rejects file shows fields that
    may each be valid, and yet are not what the line said.

    Returns:
        The chunk with these rows among its refused ones.
    """
    same = {
        index: ValidatedRow(validated.chunk.fields[index], {}, list(old.reject.errors))
        for index, old in by_key(connection, table, layout, validated)
        if old.resolved_at is None and _is_untouched(table, layout, old.reject, validated.chunk.fields[index])
    }
    if not same:
        return validated
    others = [row for row, index in enumerate(validated.indexes.tolist()) if index not in same]
    rows = validated.rows.take(others).ready()
    return replace(validated, rows=rows, indexes=validated.indexes[others], refused=validated.refused | same)


def as_before(
    connection: Connection,
    table: Table,
    found: Earlier,
    refused: dict[int, Reject],
    accepted: BitMap,
) -> dict[int, Reject]:
    """Return a chunk's rejects by index, as in earlier runs: without rows repaired since, with old reasons.

    The id of a wrong row may by now be in the table, through another row of the same file: that is no new
    reason.

    Args:
        connection: the database.
        table: where the rows go.
        found: the earlier rejects of the chunk's records; notes those that were repaired by their ids.
        refused: what is refused of it, by index.
        accepted: the ids that were accepted from this file, this chunk included.
    """
    found.since.update(_stored_since(connection, table, found, refused, accepted))
    repaired = _repaired(connection, table, found, refused) | found.since.keys()
    rejects_now = {}
    for index, reject in refused.items():
        if index in repaired:
            continue
        old = found.open.get(index)
        same = old is not None and old.reject.raw == reject.raw and _only_taken(old.reject, reject)
        rejects_now[index] = reject._replace(errors=old.reject.errors) if old is not None and same else reject
    return rejects_now


def _only_taken(old: Reject, new: Reject) -> bool:
    """True if the only new error is that the id is in the table."""
    return [error for error in new.errors if error.code != "already_exists"] == list(old.errors)


def _repaired(connection: Connection, table: Table, found: Earlier, refused: dict[int, Reject]) -> set[int]:
    """The indexes of the refused rows that came as they were, while rows that resolved them are stored."""
    rows = {
        index: BitMap(
            [
                old.resolved_by
                for old in found.resolved[index]
                if old.resolved_by is not None and old.reject.raw == reject.raw
            ]
        )
        for index, reject in refused.items()
        if index in found.resolved and index not in found.open
    }
    there = present(connection, table, BitMap.union(BitMap(), *rows.values()))
    return {index for index, ids in rows.items() if ids & there}


def _stored_since(
    connection: Connection, table: Table, found: Earlier, refused: dict[int, Reject], accepted: BitMap
) -> dict[int, int]:
    """The ids of refused rows, by index, that came as they were while somebody has stored them repaired.

    Not through this program, which resolves what it takes, but by SQL or a restore. Rows that came from
    another line of the file repair nothing.
    """
    asked = {
        index: old.row_id
        for index, old in found.open.items()
        if index in refused and old.reject.raw == refused[index].raw
        if old.row_id is not None and old.row_id not in accepted
        if all(error.field != "id" for error in old.reject.errors)
    }
    # Mostly none of them are there, which is quickly told
    stored = rows_of(connection, table, present(connection, table, BitMap(asked.values())))
    return {
        index: row_id
        for index, row_id in asked.items()
        if row_id in stored and is_repaired_by(table, found.open[index].reject, stored[row_id])
    }


def settle(
    connection: Connection,
    table: Table,
    layout: Layout,
    validated: ValidatedChunk,
    found: Earlier,
    refused: dict[int, Reject],
    *,
    kept: bool = True,
) -> list[Reject]:
    """Resolve the earlier rejects whose rows were accepted now; renew those whose rows were refused again.

    Args:
        connection: in the transaction that applies the chunk.
        table: where the rows went.
        layout: how the file is read.
        validated: the chunk.
        found: the earlier rejects of its records.
        refused: what was refused of it, by index.
        kept: True if the other rows of the chunk were stored.

    Returns:
        The rejects that are new.
    """
    accepted: dict[int, int] = {}  # id of each valid record, by index
    if kept and found.open.keys() - refused.keys():
        accepted = dict(zip(validated.indexes.tolist(), validated.rows.whole("id").tolist(), strict=True))
    resolved: dict[int, int] = {}
    renewed: dict[int, Reject] = {}
    for index, old in found.open.items():
        if index in refused:
            if index in found.named and _is_untouched(
                table, layout, old.reject, validated.chunk.fields[index]
            ):
                continue
            new = old.reject._replace(raw=refused[index].raw, errors=tuple(refused[index].errors))
            if new != old.reject:
                renewed[old.id] = new
        elif index in found.since:
            resolved[old.id] = found.since[index]
        elif index in accepted:
            resolved[old.id] = accepted[index]
    mark_resolved(connection, resolved)
    _renew(connection, table, renewed)
    return [reject for index, reject in refused.items() if index not in found.open]


def _is_untouched(table: Table, layout: Layout, old: Reject, fields: list[str]) -> bool:
    """True if a line that was wrong as a whole comes back with the fields that the rejects file shows.

    Where nothing but empty fields was too much, those that are shown are all of it. Of a JSON row, members
    that are no columns and letters that no CSV file can hold are such wrongs, too.
    """
    if all(error.field in kinds(table) and error.code != "invalid_characters" for error in old.errors):
        return False
    *shown, surplus = [str(text).strip() for text in line_of(table, "", old)]
    if not surplus and {error.code for error in old.errors} == {"column_count"}:
        return False
    came = [text.strip() for text in raw_fields(table, layout, fields)]
    left = fields[layout.surplus].strip() if layout.surplus is not None else ""
    return came == shown[: len(came)] and left == surplus


def _renew(connection: Connection, table: Table, renewed: dict[int, Reject]) -> None:
    """Overwrite open rejects, by id; those that another writer has resolved meanwhile stay resolved."""
    still_open = (rejects.c.id == bindparam("reject_id")) & rejects.c.resolved_at.is_(None)
    now = [{"reject_id": key, **content(table, renewed[key])} for key in sorted(renewed)]
    if now:
        connection.execute(update(rejects).where(still_open), now)
