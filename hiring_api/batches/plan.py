"""Plan the rows of a batch with the shared planner: one outcome for each row."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from pyroaring import BitMap

from hiring_api.model.tables import kinds, references
from hiring_api.planning.row_rules import Rules, plan

from .report import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection, Table

    from hiring_api.model.row_lines import Values

    from .columns import Errors
    from .report import Batch, Options


@dataclass
class RequestRows:
    """The rows of a batch as the planner asks for them, by index."""

    batch: Batch

    @property
    def table(self) -> Table:
        """The table that the rows are for."""
        return self.batch.table

    @property
    def errors(self) -> Errors:
        """The errors of each row that breaks a row rule, by index."""
        return self.batch.rows.errors

    @cached_property
    def _ids(self) -> BitMap:
        return BitMap(self.batch.rows.values("id"))

    @property
    def ids_differ(self) -> bool:
        """True if no two rows bring the same id."""
        return len(self._ids) == len(self.batch.rows.values("id"))

    def distinct(self, column: str) -> BitMap:
        """The valid values of a column of whole numbers."""
        return self._ids if column == "id" else BitMap(self.batch.rows.values(column))

    def where(self, column: str, values: BitMap) -> list[tuple[int, int]]:
        """Index and value of each row that has one of these values, in the order of the request."""
        wanted = set(values)
        return [pair for pair in enumerate(self.batch.rows.columns[column]) if pair[1] in wanted]

    def id_of(self, index: int) -> int | None:
        """The id that a row brings; None where it brings no valid one."""
        row_id: int | None = self.batch.rows.columns["id"][index]
        return row_id

    def content(self, index: int) -> Values:
        """The values of a row that is right in itself and brings its id."""
        columns = self.batch.rows.columns
        return tuple([columns[name][index] for name in kinds(self.table)])

    def all_stored(self, connection: Connection, ids: BitMap) -> Mapping[int, int]:
        """Nothing: a thousand rows are soon compared."""
        return {}


def decide(
    connection: Connection, batch: Batch, options: Options, coming: Mapping[Table, BitMap], seen: BitMap
) -> tuple[list[Outcome], BitMap]:
    """The outcome that each row will have if nobody else writes meanwhile; ids are not yet given.

    Args:
        connection: in a transaction.
        batch: the rows.
        options: how conflicts are settled.
        coming: ids that this request will insert into the tables that are referred to.
        seen: the ids accepted from this batch before these rows.

    Returns:
        The outcomes in the order of the rows, and the ids of the rows accepted.
    """
    # Who deletes a row that is to be overwritten comes after
    lock = options.on_conflict == "update" and not options.dry_run
    rules = Rules("request", options.on_conflict, lock=lock)
    parents = {name: coming.get(parent, BitMap()).copy() for name, parent in references(batch.table).items()}
    planned = plan(connection, RequestRows(batch), rules, seen, parents)
    outcomes = [Outcome("inserted", row_id) for row_id in batch.rows.columns["id"]]
    for index, errors in planned.refused.items():
        outcomes[index] = Outcome("failed", None, errors)
    for index in planned.unchanged:
        outcomes[index].status = "skipped"
    for index in planned.updated:
        outcomes[index].status = "updated"
    return outcomes, planned.ids
