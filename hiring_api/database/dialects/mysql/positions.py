"""Positions: how far a server has come in what is committed, as it says itself, whatever its clock says.

A server that has reached the position which another one told shows all that was committed on that one until
then. MySQL tells a set of GTIDs; a node of Galera the number of the last write set, with the cluster's id;
MariaDB the last GTID of each domain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pymysql
from pymysql.constants import CR, ER

from .servers import NoWriter, is_mariadb, require_member

if TYPE_CHECKING:
    from collections.abc import Callable

    from .servers import QuickConnection

_OF_MYSQL: Final = "SELECT IF(@@global.gtid_mode = 'ON', @@global.gtid_executed, NULL)"
_OF_MARIADB: Final = "SELECT @@global.gtid_current_pos"
_OF_GALERA: Final = (
    "SHOW GLOBAL STATUS WHERE variable_name IN "
    "('wsrep_cluster_state_uuid', 'wsrep_last_committed', 'wsrep_ready')"
)
# For this statement alone. It needs no table: a snapshot that begins with it has not seen anything yet
_AWAIT_OTHERS: Final = "SET STATEMENT wsrep_sync_wait = 1 FOR SELECT 1"


class Behind(pymysql.OperationalError):
    """A server may not be read: it is behind, or cannot tell that it is not."""

    def __init__(self, why: str) -> None:
        super().__init__(CR.CR_SERVER_GONE_ERROR, why)


def catch_up(connection: QuickConnection) -> None:
    """As `Dialect.catch_up`: nodes of Galera apply for themselves what others have answered already."""
    if not is_mariadb(connection):
        return
    try:
        connection.first_row(_AWAIT_OTHERS)
    except pymysql.Error as error:
        if error.args[0] != ER.UNKNOWN_SYSTEM_VARIABLE:  # built without Galera
            raise


def position(connection: QuickConnection) -> str | None:
    """As `Dialect.position`."""
    if not is_mariadb(connection):
        [position] = connection.first_row(_OF_MYSQL)
        return None if position is None else str(position)
    found = {name.lower(): value for name, value in connection.rows(_OF_GALERA)}
    if not (cluster := found.get("wsrep_cluster_state_uuid")):
        [position] = connection.first_row(_OF_MARIADB)
        return str(position) or None
    return f"{cluster}:{found['wsrep_last_committed']}" if found.get("wsrep_ready") == "ON" else None


def require_reached(connection: QuickConnection, wanted: Callable[[], str | None]) -> None:
    """Return if the server has reached the position `wanted()`, and is a member of its cluster.

    Raises:
        Behind: it has not, or is not, or there is no such position.
    """
    needed = wanted()
    if needed is None:
        raise Behind("the server that is written does not tell how far it has come (gtid_mode), or is away")
    if not _has_reached(connection, needed):
        raise Behind("it is too far behind")
    try:
        require_member(connection)
    except NoWriter:
        raise Behind("it is cut off from the others of its group") from None


def _has_reached(connection: QuickConnection, needed: str) -> bool:
    if not is_mariadb(connection):
        [reached] = connection.first_row("SELECT GTID_SUBSET(%s, @@global.gtid_executed)", needed)
        return bool(reached)
    mine = _counted(position(connection) or "")
    return all(mine.get(name, -1) >= number for name, number in _counted(needed).items())


def _counted(position: str) -> dict[str, int]:
    """How many commits of each cluster (`uuid:7`) or domain (`0-1-7,1-1-9`) a position includes."""
    if ":" in position:
        cluster, _, number = position.partition(":")
        return {cluster: int(number)}
    gtids = [gtid.split("-") for gtid in position.split(",") if gtid]
    return {domain: int(number) for domain, _, number in gtids}
