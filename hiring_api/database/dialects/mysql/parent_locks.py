"""The rows that new rows refer to, locked while these are loaded."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from pymysql.err import Error

from hiring_api.model.tables import references

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyroaring import BitMap
    from sqlalchemy import Connection, Table

    from hiring_api.model.row_lines import RowLines

_CLUSTER: Final = (
    "SHOW VARIABLES WHERE variable_name IN ('wsrep_on', 'group_replication_single_primary_mode')"
)
_MOST: Final = 1000  # parents of a column; more are as fast looked up by the server, row by row


@contextmanager
def references_held(connection: Connection, rows: RowLines) -> Iterator[bool]:
    """As `Dialect.references_held`.

    The server's own check of a foreign key is the same look-up and the same shared lock on the parent, once
    for every row of the child: a sixth of the time of a load. Where a parent is missing, or there are many,
    the server checks. So it does in a cluster with several writers, which knows nothing of a lock on another
    node: only a row that the server checked tells the others what it refers to. Source: MySQL manual, "Locks
    Set by Different SQL Statements in InnoDB".
    """
    if not _one_writer(connection) or not _hold(connection, rows):
        yield False
        return
    connection.exec_driver_sql("SET foreign_key_checks = 0")
    try:
        yield True
    finally:
        _check_again(connection)


def _one_writer(connection: Connection) -> bool:
    """True if no other server takes writes: there is no Galera and no group that takes them on any member."""
    known = connection.exec_driver_sql(_CLUSTER).all()
    return ("wsrep_on", "ON") not in known and ("group_replication_single_primary_mode", "OFF") not in known


def _hold(connection: Connection, rows: RowLines) -> bool:
    """Lock the parents until the end of the transaction. Return True if all of them are there."""
    wanted = [(parent, rows.distinct(name)) for name, parent in references(rows.table).items()]
    if any(len(ids) > _MOST for _, ids in wanted):
        return False
    return all(_lock(connection, parent, ids) for parent, ids in wanted)


def _lock(connection: Connection, parent: Table, ids: BitMap) -> bool:
    # Spelled by hand: SQLAlchemy takes a millisecond to put a list of some hundred numbers into a statement
    listed = ",".join(map(str, ids))
    locked = f"SELECT COUNT(*) FROM `{parent.name}` WHERE id IN ({listed}) LOCK IN SHARE MODE"
    there: int = connection.exec_driver_sql(locked).scalar_one()
    return there == len(ids)


def _check_again(connection: Connection) -> None:
    """Past SQLAlchemy, which refuses statements after some errors; a session that cannot do it must end."""
    if connection.invalidated:
        return
    try:
        connection.connection.cursor().execute("SET foreign_key_checks = 1")
    except Error:
        connection.invalidate()
        raise
