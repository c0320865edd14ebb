"""Validated rows -> what becomes of each, by what the tables hold; nothing is written to find out.

The rules, row by row in their order:

1. A row that breaks a row rule is refused, and so is one that refers to a row that does not exist.
2. An id that an accepted row before it has, in the same request or file, is a `duplicate_id`.
3. An id that is not in the table is inserted.
4. A row that is in the table with the same content is unchanged: that is no conflict.
5. With other content it is refused as `already_exists`, skipped, or updated, as `on_conflict` says.

A row is refused for all reasons that it gives, and a refused row takes no id from those after it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from pyroaring import BitMap

from hiring_api.database import lookup
from hiring_api.model.conflicts import already_exists, duplicate_id, unknown_reference
from hiring_api.model.tables import references

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import Connection, Table

    from hiring_api.model.conflicts import Source
    from hiring_api.model.row_errors import RowError
    from hiring_api.model.row_lines import Values

OnConflict = Literal["error", "skip", "update"]


class Rows(Protocol):
    """Validated rows of a table, wrong ones among them, by their index from 0."""

    @property
    def table(self) -> Table:
        """The table that the rows are for."""

    @property
    def errors(self) -> Mapping[int, Sequence[RowError]]:
        """The errors of each row that breaks a row rule, by index."""

    @property
    def ids_differ(self) -> bool:
        """False if two rows, wrong ones included, have the same valid id."""

    def distinct(self, column: str) -> BitMap:
        """Return the valid values of an id or reference column, those of wrong rows included."""

    def where(self, column: str, values: BitMap) -> Iterable[tuple[int, int]]:
        """Return index and value of the rows whose id or reference is one of `values`, in their order."""

    def id_of(self, index: int) -> int | None:
        """Return the id of a row; None if it has no valid one."""

    def content(self, index: int) -> Values:
        """Return the values of a row that breaks no row rule."""

    def all_stored(self, connection: Connection, ids: BitMap) -> Mapping[int, int]:
        """Return index -> id of all valid rows if the table is known to have each of them unchanged, else {}.

        This is for a way that is quicker than to compare the rows. `ids` are those that the table has.
        """


@dataclass(frozen=True, slots=True)
class Rules:
    """Options of a plan.

    With `lock`, the stored rows that conflict stay locked until the transaction ends, to be overwritten.
    """

    source: Source
    on_conflict: OnConflict = "error"
    lock: bool = False


@dataclass(slots=True)
class Plan:
    """The outcomes of rows, by index. Rows that are not listed are inserted.

    `unchanged` rows are stored already with the same values, or conflicts are skipped. `ids` are those of the
    accepted rows: inserted, updated or unchanged.
    """

    refused: dict[int, tuple[RowError, ...]]
    unchanged: list[int] = field(default_factory=list)
    updated: list[int] = field(default_factory=list)
    ids: BitMap = field(default_factory=BitMap)


def plan(
    connection: Connection, rows: Rows, rules: Rules, seen: BitMap, parents: Mapping[str, BitMap]
) -> Plan:
    """Plan the outcome of each row, as if nobody else wrote meanwhile.

    Args:
        connection: in a transaction.
        rows: the rows.
        rules: how conflicts are settled.
        seen: the ids accepted from the same request or file before these rows.
        parents: for each referring column, ids that count as existing; those that are found are added.
    """
    ids = rows.distinct("id")
    wanted = {name: rows.distinct(name) - parents[name] for name in references(rows.table)}
    asked = [(parent, wanted[name]) for name, parent in references(rows.table).items()]
    stored, *found = lookup.present_in(connection, [(rows.table, ids), *asked])
    planned = Plan({index: tuple(errors) for index, errors in rows.errors.items()})
    for (name, values), there in zip(wanted.items(), found, strict=True):
        parents[name].update(there)
        _refuse_unknown(rows, name, values - there, planned)
    # Mostly the ids differ and are new. Only a row whose id is stored, or stands twice, needs a look
    doubtful = stored | (ids & seen) if rows.ids_differ else ids
    refused = (rows.id_of(index) for index in planned.refused)
    planned.ids = ids - doubtful - BitMap([row_id for row_id in refused if row_id is not None])
    if doubtful:
        _settle(connection, rows, rules, seen, stored, doubtful, planned)
    return planned


def _refuse_unknown(rows: Rows, name: str, unknown: BitMap, planned: Plan) -> None:
    """Refuse the rows whose reference `name` is one of the unknown ids."""
    if not unknown:
        return
    parent = references(rows.table)[name]
    errors = {value: (unknown_reference(name, value, parent),) for value in unknown}
    for index, value in rows.where(name, unknown):
        planned.refused[index] = planned.refused.get(index, ()) + errors[value]


def _settle(
    connection: Connection,
    rows: Rows,
    rules: Rules,
    seen: BitMap,
    stored: BitMap,
    doubtful: BitMap,
    planned: Plan,
) -> None:
    """Decide about the rows whose ids are `doubtful`, by the rules 2 to 5."""
    if rows.ids_differ and len(planned.refused) == len(rows.errors):
        same = rows.all_stored(connection, stored - seen)
        planned.unchanged = list(same)
        planned.ids.update(same.values())
        doubtful = doubtful - planned.ids
    held: dict[int, Values] = {}
    if rules.on_conflict != "skip":
        held = lookup.rows_of(connection, rows.table, stored & doubtful, lock=rules.lock)
        stored = BitMap(held)  # a row may have gone before it was locked
    for index, row_id in rows.where("id", doubtful):
        errors = planned.refused.get(index, ())
        if row_id in seen or row_id in planned.ids:
            planned.refused[index] = (*errors, duplicate_id(row_id, rules.source))
            continue
        taken = row_id in stored
        stays = taken and (
            rules.on_conflict == "skip" or (not errors and held[row_id] == rows.content(index))
        )
        if taken and not stays and rules.on_conflict == "error":
            planned.refused[index] = (*errors, already_exists(row_id, rows.table, rules.source))
        elif not errors:
            planned.ids.add(row_id)
            if taken:
                (planned.unchanged if stays else planned.updated).append(index)
