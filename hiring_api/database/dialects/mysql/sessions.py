"""Connections to MySQL and MariaDB: how an engine makes them, and what each session is told first."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

import pymysql
from sqlalchemy import event

from hiring_api.database import events
from hiring_api.database_url import Server, servers_of

from .error_numbers import NOT_TAKEN_BY_GROUP, READ_ONLY, number_of
from .positions import require_reached
from .servers import QuickConnection, Servers, require_member, require_writer

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection, Engine
    from sqlalchemy.engine import URL, ExceptionContext

_LOCK_WAIT_SECONDS = 5
_PORT: Final = 3306
_CONNECT_SECONDS: Final = 5
_CONNECT_SECONDS_EACH: Final = 2  # of several servers: one that hangs must not keep the others waiting
_READER_SECONDS: Final = 1  # one that takes longer for a word about itself helps nobody
_ANSWER_SECONDS: Final = 12  # locks are waited for 5 s, and a cluster waits as long for a member that is gone


def engine_options(url: URL) -> dict[str, Any]:
    """The arguments of `create_engine`; dead connections are replaced."""
    session = (
        "SET SESSION sql_mode = 'TRADITIONAL,NO_AUTO_VALUE_ON_ZERO', time_zone = '+00:00', "
        f"innodb_lock_wait_timeout = {_LOCK_WAIT_SECONDS}, "
        "group_concat_max_len = 16777216"  # for digests, and for the packed rows of a backup
    )
    connect: dict[str, Any] = {"charset": "utf8mb4", "init_command": session, "local_infile": True}
    connect["connect_timeout"] = _CONNECT_SECONDS
    if several := servers_of(url):
        connect |= {"servers": Servers(several, require_writer), "connect_timeout": _CONNECT_SECONDS_EACH}
    return {
        "connect_args": connect,
        "pool_pre_ping": True,
        "pool_recycle": 1800,
        # The server's threads are the bound
        "max_overflow": -1,
        # Each statement sees what others committed: a second look-up finds who won a race
        "isolation_level": "READ COMMITTED",
    }


def reading_options(url: URL, wanted: Callable[[], str | None]) -> dict[str, Any]:
    """As `Dialect.reading_options`."""
    options = engine_options(url)
    named = servers_of(url) or [Server(url.host or "localhost", url.port or _PORT)]
    readers = Servers(named, partial(require_reached, wanted=wanted), _READER_SECONDS)
    options["connect_args"] |= {"servers": readers, "connect_timeout": _READER_SECONDS}
    return options


def prepare(engine: Engine) -> None:
    """Let an engine connect quickly, to the server that may be written, and leave one that may not."""
    if not event.contains(engine, "do_connect", _connect):
        event.listen(engine, "do_connect", _connect)
        event.listen(engine, "handle_error", _leave_server)


def _connect(_dialect: Any, _record: Any, arguments: list[Any], named: dict[str, Any]) -> QuickConnection:
    servers: Servers | None = named.get("servers")
    rest = {name: value for name, value in named.items() if name != "servers"}
    return QuickConnection(*arguments, **rest) if servers is None else servers.connect(rest)


def _leave_server(context: ExceptionContext) -> None:
    """Throw away the connection to a server that cannot write, and all others that the pool has to it.

    Behind the same name or proxy, or among several servers, the next one finds the one that has taken over.
    """
    number = number_of(context.original_exception)
    if number in READ_ONLY or (number == NOT_TAKEN_BY_GROUP and not _is_member(context.connection)):
        context.is_disconnect = True
        events.tell("failover")


def _is_member(connection: Connection | None) -> bool:
    """False if a server has left its group: then it refuses a COMMIT as if it were too large."""
    try:
        if connection is not None:
            require_member(session(connection))
    except pymysql.Error:
        return False
    return True


def answered_soon(connection: Connection) -> AbstractContextManager[None]:
    """As `Dialect.answered_soon`."""
    there_are_others = session(connection).check is not None
    return session(connection).answered_within(_ANSWER_SECONDS) if there_are_others else nullcontext()


def session(connection: Connection) -> QuickConnection:
    """The driver's connection below SQLAlchemy's."""
    found: Any = connection.connection.driver_connection
    return cast("QuickConnection", found)
