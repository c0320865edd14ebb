"""Connections to MySQL and MariaDB: how they are made, and what each session is told first."""

from __future__ import annotations

from functools import cache
from ssl import CERT_NONE, PROTOCOL_TLS_CLIENT, SSLContext
from typing import TYPE_CHECKING, Any

import pymysql
from sqlalchemy import event

from .errors import READ_ONLY, number_of

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.engine import ExceptionContext

_LOCK_WAIT_SECONDS = 5


def engine_options() -> dict[str, Any]:
    """The arguments of `create_engine`; dead connections are replaced."""
    session = (
        "SET SESSION sql_mode = 'TRADITIONAL,NO_AUTO_VALUE_ON_ZERO', time_zone = '+00:00', "
        f"innodb_lock_wait_timeout = {_LOCK_WAIT_SECONDS}, "
        "group_concat_max_len = 16777216"  # for digests, and for the packed rows of a backup
    )
    connect = {"charset": "utf8mb4", "init_command": session, "connect_timeout": 5, "local_infile": True}
    return {
        "connect_args": connect,
        "pool_pre_ping": True,
        "pool_recycle": 1800,
        # The server's threads are the bound
        "max_overflow": -1,
        # Each statement sees what others committed: a second look-up finds who won a race
        "isolation_level": "READ COMMITTED",
    }


def prepare(engine: Engine) -> None:
    """Let an engine connect quickly, and leave a server that cannot write."""
    if not event.contains(engine, "do_connect", _connect):
        event.listen(engine, "do_connect", _connect)
        event.listen(engine, "handle_error", _leave_read_only_server)


class QuickConnection(pymysql.Connection):
    """A connection that reads no certificates unless asked to check the server's.

    Where nobody asks for TLS in particular, it is used if the server has it and no certificate is checked.
    Still, PyMySQL would read all the system trusts, for each connection: 20 ms, most of what that takes.
    """

    def _create_ssl_ctx(self, sslp: Any) -> Any:
        return super()._create_ssl_ctx(sslp or _unchecked())  # type: ignore[misc]  # not in the stub


@cache
def _unchecked() -> SSLContext:
    """For all such connections; as PyMySQL makes it, without the certificates."""
    context = SSLContext(PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = CERT_NONE
    return context


def _connect(_dialect: Any, _record: Any, arguments: list[Any], named: dict[str, Any]) -> QuickConnection:
    return QuickConnection(*arguments, **named)


def _leave_read_only_server(context: ExceptionContext) -> None:
    """Throw away the connection to a server that cannot write, and all others that the pool has to it.

    Behind the same name or proxy the next connection may find the server that has taken over.
    """
    if number_of(context.original_exception) in READ_ONLY:
        context.is_disconnect = True
