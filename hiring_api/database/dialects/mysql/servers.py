"""The servers of a database: the one that may be written is found when a connection is made.

SQLAlchemy asks `Servers.connect` for each new connection of its pool (event `do_connect`), and `ping` before
it gives out one that waited there. A server that may not be written any more fails that, as a dead one does:
the pool throws away all its connections and has new ones made. Nothing watches the cluster meanwhile, and no
election is ours: the servers say themselves which of them takes writes.
"""

from __future__ import annotations

import logging
import socket
from contextlib import contextmanager, suppress
from functools import cache
from ssl import CERT_NONE, PROTOCOL_TLS_CLIENT, SSLContext
from typing import TYPE_CHECKING, Any, Final

import pymysql
from pymysql.constants import CR, ER, SERVER_STATUS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from hiring_api.database_url import Server

log = logging.getLogger(__name__)

_PING_SECONDS: Final = 5
# A machine that is gone says nothing: after so many seconds the system asks, so often, and gives up
_KEEPALIVE: Final = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 20_000}
_MODES: Final = "SELECT @@global.read_only, @@global.innodb_read_only"
_MODES_OF_MYSQL: Final = f"{_MODES}, @@global.super_read_only"
# A node of Galera that was cut off tells its modes nevertheless; this it refuses
_TO_WRITE: Final = "START TRANSACTION READ WRITE"
# As this member sees its group: one that was cut off with a minority is still told that it may write
_CUT_OFF: Final = (
    "SELECT COUNT(*) > 0 AND (COUNT(*) <= 2 * SUM(member_state = 'UNREACHABLE') OR "
    "SUM(member_id = @@server_uuid AND member_state = 'ONLINE') = 0) "
    "FROM performance_schema.replication_group_members"
)
_NOT_READ: Final = {ER.TABLEACCESS_DENIED_ERROR, ER.NO_SUCH_TABLE}
_OFF: Final = {None, 0, "0", "OFF"}


class NoWriter(pymysql.OperationalError):
    """A server may not be written now."""

    def __init__(self) -> None:
        super().__init__(ER.OPTION_PREVENTS_STATEMENT, "the server may not be written now")


class QuickConnection(pymysql.Connection):
    """A connection that reads no certificates unless asked to check the server's, and waits for none in vain.

    Where nobody asks for TLS in particular, it is used if the server has it and no certificate is checked.
    Still, PyMySQL would read all the system trusts, for each connection: 20 ms, most of what that takes.

    Attributes:
        check: raises an error of the driver where the server is no longer what it was chosen for.
        ping_seconds: how long it may take to say so.
        sees_group: False where the account may not read the state of a replication group.
    """

    check: Callable[[QuickConnection], None] | None = None
    ping_seconds: float = _PING_SECONDS
    sees_group = True

    def _create_ssl_ctx(self, sslp: Any) -> Any:
        return super()._create_ssl_ctx(sslp or _unchecked())  # type: ignore[misc]  # not in the stub

    def connect(self, sock: Any = None) -> None:
        """Connect, within the time to connect: PyMySQL's own ends before the server has said a word."""
        with self.answered_within(self.connect_timeout or _PING_SECONDS):
            super().connect(sock)
            for name, value in _KEEPALIVE.items():
                with suppress(AttributeError, OSError):  # not on every system
                    option = getattr(socket, name)
                    self._sock.setsockopt(socket.IPPROTO_TCP, option, value)  # type: ignore[attr-defined]

    def ping(self, _reconnect: object = False) -> None:  # the driver's signature
        """Ask whether the connection can be used; a server that hangs counts as gone.

        Raises:
            pymysql.Error: it cannot.
        """
        with self.answered_within(self.ping_seconds):
            if self.check is None:
                super().ping(False)
                return
            try:
                self.check(self)
            except pymysql.Error as error:
                # Known to SQLAlchemy as the end of this connection, and of all others to the server
                raise pymysql.OperationalError(CR.CR_SERVER_GONE_ERROR, str(error)) from error

    @contextmanager
    def answered_within(self, seconds: float) -> Iterator[None]:
        """Within the block the server is lost if it says nothing for so many seconds."""
        before: float = self._read_timeout  # type: ignore[has-type]  # not in the stub; None for no limit
        self._read_timeout = min(seconds, before or seconds)
        try:
            yield
        finally:
            self._read_timeout = before

    def first_row(self, query: str, *values: str) -> tuple[Any, ...]:
        """The first row of a query, outside a transaction."""
        return next(iter(self.rows(query, *values)), ())

    def rows(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        """The rows of a query, outside a transaction."""
        with self.cursor() as cursor:
            cursor.execute(query, values or None)
            rows = list(cursor.fetchall())
        if self.server_status & SERVER_STATUS.SERVER_STATUS_IN_TRANS:  # type: ignore[attr-defined]
            self.rollback()
        return rows


@cache
def _unchecked() -> SSLContext:
    """For all such connections; as PyMySQL makes it, without the certificates."""
    context = SSLContext(PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = CERT_NONE
    return context


class Servers:
    """The servers of a database, in the order in which they are tried: the last that served is the first."""

    def __init__(
        self,
        servers: Sequence[Server],
        check: Callable[[QuickConnection], None],
        ping_seconds: float = _PING_SECONDS,
    ) -> None:
        self._servers = list(servers)
        self._check, self._ping_seconds = check, ping_seconds

    def connect(self, arguments: dict[str, Any]) -> QuickConnection:
        """A connection to the first server that passes the check.

        Raises:
            NoWriter: some answered, and none passed.
            pymysql.Error: that of the last one, where none answered.
        """
        errors = []
        for server in list(self._servers):
            try:
                connection = _connected(server, arguments, self._check)
                connection.ping_seconds = self._ping_seconds
            except pymysql.Error as error:
                errors.append(error)
                continue
            # Others may have found it meanwhile: one statement, or two threads would lose a server
            self._servers[:] = [server, *(other for other in self._servers if other != server)]
            return connection
        raise next((error for error in errors if isinstance(error, NoWriter)), errors[-1])


def _connected(
    server: Server, arguments: dict[str, Any], check: Callable[[QuickConnection], None]
) -> QuickConnection:
    connection = QuickConnection(**{**arguments, "host": server.host, "port": server.port})
    try:
        with connection.answered_within(arguments["connect_timeout"]):
            check(connection)
    except BaseException:
        connection.close()
        raise
    connection.check = check
    return connection


def require_writer(connection: QuickConnection) -> None:
    """Return if the server may be written: alone, as the primary or a member of its cluster.

    Raises:
        NoWriter: it is a replica, or a part of its cluster that was cut off.
        pymysql.Error: it does not answer, or only that it is not ready.
    """
    if not _OFF.issuperset(connection.first_row(_MODES if is_mariadb(connection) else _MODES_OF_MYSQL)):
        raise NoWriter
    if is_mariadb(connection):
        connection.first_row(_TO_WRITE)
    require_member(connection)


def require_member(connection: QuickConnection) -> None:
    """Return if the server was not cut off from the others of its cluster. Raises as `require_writer`.

    A node of Galera that was cut off refuses by itself to read a table or to begin a transaction.
    """
    if is_mariadb(connection) or not connection.sees_group:
        return
    try:
        [cut_off] = connection.first_row(_CUT_OFF)
    except pymysql.Error as error:
        if error.args[0] not in _NOT_READ:
            raise
        connection.sees_group = False
        if "".join(connection.first_row("SHOW VARIABLES LIKE 'group_replication_group_name'")[1:]):
            _say_what_is_not_seen()
        return
    if cut_off:
        raise NoWriter


def is_mariadb(connection: QuickConnection) -> bool:
    """True for MariaDB, alone or with Galera."""
    return "MariaDB" in connection.server_version  # type: ignore[attr-defined]  # not in the stub


@cache
def _say_what_is_not_seen() -> None:
    """Once: a warning for whoever runs the program."""
    log.warning(
        "the account of the database does not see the state of the group: a server that was cut off from the "
        "others counts as one that may be written. What is missing: GRANT SELECT ON "
        "performance_schema.replication_group_members"
    )
