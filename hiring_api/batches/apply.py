"""Planned outcomes -> the table: one INSERT for the rows that bring their id, one for those that get one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hiring_api.database.bulk_load import insert_all, insert_generated, overwrite
from hiring_api.model.tables import kinds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from .report import Batch, Outcome


def write(connection: Connection, batch: Batch, outcomes: Sequence[Outcome]) -> None:
    """Carry out what was planned; put the ids that the database gives to new rows into their outcomes.

    Args:
        connection: in a transaction.
        batch: the rows.
        outcomes: what was planned for each row, in the order of the rows.

    Raises:
        IntegrityError: another writer was faster, or no id is left; the caller undoes it all.
    """
    table, rows, names = batch.table, batch.rows, list(kinds(batch.table))
    statuses = [outcome.status for outcome in outcomes]
    updated = [index for index, status in enumerate(statuses) if status == "updated"]
    inserted = [index for index, status in enumerate(statuses) if status == "inserted"]
    with_id = [index for index in inserted if outcomes[index].id is not None]
    without_id = [index for index in inserted if outcomes[index].id is None]
    if with_id:
        insert_all(connection, table, rows.tuples(names, with_id))
    if updated:
        overwrite(connection, table, rows.tuples(names, updated))
    if without_id:
        others = [name for name in names if name != "id"]
        ids = insert_generated(connection, table, others, rows.tuples(others, without_id))
        for index, row_id in zip(without_id, ids, strict=True):
            outcomes[index].id = row_id
