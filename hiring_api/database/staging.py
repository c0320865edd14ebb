"""Staged rows: a temporary table beside a table, and the difference between the two."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import (
    Column,
    MetaData,
    Table,
    and_,
    delete,
    func,
    insert,
    not_,
    select,
    update,
)
from sqlalchemy.schema import CreateTable

from hiring_api.model.tables import OPTIONS_WITHOUT_IDS, columns, kinds

from .dialects import dialect_of

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection

_PREFIX: Final = "staged_"


def create(connection: Connection, table: Table) -> Table:
    """An empty temporary table with the columns of `table`, without its references; gone with `drop`."""
    staged = [
        Column(column.name, column.type, primary_key=column.primary_key, nullable=False, info=column.info)
        for column in columns(table)
    ]
    name, options = f"{_PREFIX}{table.name}", {"prefixes": ["TEMPORARY"], **OPTIONS_WITHOUT_IDS}
    stage = Table(name, MetaData(), *staged, **options)
    drop(connection, stage)
    connection.execute(CreateTable(stage))
    return stage


def drop(connection: Connection, stage: Table) -> None:
    """Drop a temporary table; the transaction goes on. That of a lost connection is gone already."""
    if not connection.invalidated:
        dialect_of(connection).drop_temporary(connection, stage.name)


def _same(connection: Connection, table: Table, stage: Table) -> ColumnElement[bool]:
    """SQL for whether two rows are equal, to the byte."""
    exact = dialect_of(connection).exact
    return and_(*(exact(table.c[name]) == exact(stage.c[name]) for name in kinds(table) if name != "id"))


def count(connection: Connection, table: Table, stage: Table) -> dict[str, int]:
    """Count the rows that `put` would insert and update, and those that `remove` would delete."""

    def rows(query: Any) -> int:
        found: int = connection.execute(query).scalar_one()
        return found

    joined = table.join(stage, table.c.id == stage.c.id)
    counted = select(func.count())
    both = rows(counted.select_from(joined))
    return {
        "inserted": rows(counted.select_from(stage)) - both,
        "updated": rows(counted.select_from(joined).where(not_(_same(connection, table, stage)))),
        "deleted": rows(counted.select_from(table)) - both,
    }


def put(connection: Connection, table: Table, stage: Table) -> dict[str, int]:
    """Insert the staged rows that are new, update those that differ. Return how many of each."""
    names = list(kinds(table))
    changed = {name: stage.c[name] for name in names if name != "id"}
    differing = and_(table.c.id == stage.c.id, not_(_same(connection, table, stage)))
    updated = connection.execute(update(table).where(differing).values(changed)).rowcount
    outer = stage.outerjoin(table, table.c.id == stage.c.id)
    new = select(*(stage.c[name] for name in names)).select_from(outer).where(table.c.id.is_(None))
    inserted = connection.execute(insert(table).from_select(names, new.order_by(stage.c.id))).rowcount
    return {"inserted": inserted, "updated": updated}


def remove(connection: Connection, table: Table, stage: Table) -> dict[str, int]:
    """Delete the rows of `table` whose ids are not staged. Return how many."""
    gone = delete(table).where(table.c.id.not_in(select(stage.c.id)))
    return {"deleted": connection.execute(gone).rowcount}
