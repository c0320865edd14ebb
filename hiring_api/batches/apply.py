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
    """Carries out what was planned; rows without an id get theirs into their outcome.

    Raises:
        IntegrityError: another writer was faster, or no id is left; the caller undoes it all.
    """
    table, rows, names = batch.table, batch.rows, list(kinds(batch.table))
    places: dict[str, list[int]] = {"brought": [], "updated": [], "waiting": []}
    for place, outcome in enumerate(outcomes):
        if outcome.status == "inserted":
            places["waiting" if outcome.id is None else "brought"].append(place)
        elif outcome.status == "updated":
            places["updated"].append(place)
    if places["brought"]:
        insert_all(connection, table, rows.tuples(names, places["brought"]))
    if places["updated"]:
        overwrite(connection, table, rows.tuples(names, places["updated"]))
    if places["waiting"]:
        others = [name for name in names if name != "id"]
        values = rows.tuples(others, places["waiting"])
        for place, new in zip(
            places["waiting"], insert_generated(connection, table, others, values), strict=True
        ):
            outcomes[place].id = new
