"""The engine, transactions that are retried whole, and read snapshots."""

from __future__ import annotations

import logging
import os
import random
import time
from contextlib import contextmanager, suppress
from functools import cache
from ssl import CERT_NONE, PROTOCOL_TLS_CLIENT, SSLContext
from typing import TYPE_CHECKING, Any, TypeVar

import pymysql
from sqlalchemy import create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool, QueuePool

from hiring_api.errors import CommitUnsure

from .driver_errors import READ_ONLY, Retry, interruption, number_of, translated

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection, Engine
    from sqlalchemy.engine import URL, ExceptionContext

T = TypeVar("T")

_RETRY_SECONDS = 15
_LOCK_WAIT_SECONDS = 5
_DRIVER_TIMEOUTS = ("connect_timeout", "read_timeout", "write_timeout")
_UNSURE = (
    "the connection to the database was lost during the commit, which may have happened or not: look, or "
    "send it again with the same Idempotency-Key"
)
_POOL = f"{QueuePool.__module__}.{QueuePool.__name__}"  # as SQLAlchemy names its logger


def engine_options(url: URL) -> dict[str, Any]:
    """The arguments of `create_engine` for `url`: strict, UTC, utf8mb4; dead connections are replaced."""
    if url.get_backend_name() == "sqlite":
        # isolation_level None: BEGIN is said by `prepare`, not guessed by the driver
        return {"connect_args": {"timeout": 30, "isolation_level": None}, "max_overflow": -1}
    session = (
        "SET SESSION sql_mode = 'TRADITIONAL,NO_AUTO_VALUE_ON_ZERO', time_zone = '+00:00', "
        f"innodb_lock_wait_timeout = {_LOCK_WAIT_SECONDS}, "
        "group_concat_max_len = 16777216"  # for `bulk.digest`
    )
    connect = {"charset": "utf8mb4", "init_command": session, "connect_timeout": 5, "local_infile": True}
    return {
        "connect_args": connect,
        "pool_pre_ping": True,
        "pool_recycle": 1800,
        # The server's threads are the bound. A lower one could be used up by requests that hold a named
        # lock on one connection while all of them wait for a second
        "max_overflow": -1,
        # Each statement sees what others committed: a second look-up finds who won a race
        "isolation_level": "READ COMMITTED",
    }


def open_engine(url: URL) -> Engine:
    """An engine for `url`, ready for `transaction` and `snapshot`."""
    return prepare(create_engine(url, **engine_options(url)))


def open_hasty_engine(url: URL) -> Engine:
    """An engine for what must not keep a request waiting: it fails after a second or less where another one
    would wait for a lock or a server. Each connection is closed after its use.
    """
    options = engine_options(url)
    sqlite = url.get_backend_name() == "sqlite"
    hasty = {"timeout": 0.2} if sqlite else dict.fromkeys(_DRIVER_TIMEOUTS, 1)
    kept = {name: options[name] for name in options.keys() & {"isolation_level"}}
    connect = options["connect_args"] | hasty
    return prepare(create_engine(url, connect_args=connect, poolclass=NullPool, **kept))


def prepare(engine: Engine) -> Engine:
    """Makes SQLite behave as MySQL does: references hold, transactions begin when they are said to.

    Connections to servers are made faster.
    """
    if engine.dialect.name != "sqlite":
        logging.getLogger(_POOL).addFilter(_not_of_an_interruption)
        if not event.contains(engine, "do_connect", _connect):
            event.listen(engine, "do_connect", _connect)
            event.listen(engine, "handle_error", _leave_read_only_server)
    elif not event.contains(engine, "begin", _begin):
        event.listen(engine, "do_connect", _make_private)
        event.listen(engine, "connect", _pragmas)
        event.listen(engine, "begin", _begin)
    return engine


def _not_of_an_interruption(record: logging.LogRecord) -> bool:
    """What is worth a line of the log: not that Ctrl-C cut a conversation with the server short, so that the
    connection could not be reset. It is closed.
    """
    error = record.exc_info[1] if record.exc_info else None
    return error is None or interruption(error) is None


def _leave_read_only_server(context: ExceptionContext) -> None:
    """Throws the connection to a server that cannot write away, and all others that the pool has to it.

    Behind the same name or proxy the next connection may find the server that has taken over.
    """
    if number_of(context.original_exception) in READ_ONLY:
        context.is_disconnect = True


class _Connection(pymysql.Connection):
    """Where nobody asks for TLS in particular, it is used if the server has it and no certificate is checked.
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


def _connect(_dialect: Any, _record: Any, arguments: list[Any], named: dict[str, Any]) -> _Connection:
    return _Connection(*arguments, **named)


def _make_private(_dialect: Any, _record: Any, arguments: list[str], _named: Any) -> None:
    """Makes the file of a new database for its owner alone; SQLite would make it for all to read.

    One that is there is never opened: closing it would free the locks that this process holds on it.
    """
    if not arguments[0].startswith((":", "file:")):
        with suppress(OSError):
            os.close(os.open(arguments[0], os.O_CREAT | os.O_EXCL, 0o600))


def _pragmas(connection: sqlite3.Connection, _record: Any) -> None:
    for pragma in ("foreign_keys=ON", "journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    # A writer takes the lock at once: upgrading a read lock later fails without waiting
    read_only = connection.get_execution_options().get("read_only")
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


def transaction(engine: Engine, work: Callable[[Connection], T]) -> T:
    """What `work` answers, its writes committed. After a deadlock or lock wait all of it is run again, and on
    another connection where the server cannot write.

    Raises:
        DatabaseUnavailable: no connection, still deadlocked after 15 s or only a server that cannot write
            after 3 s; nothing committed, unless the connection was lost during the commit, which the message
            then says.
        NotPermitted: the account may not do it; nothing committed.
        TransactionTooLarge: it is larger than the servers of a cluster take; nothing committed.
        StorageFull: the database's disk is full; nothing committed.
    """
    begun = time.monotonic()
    pause = 0.02
    while True:
        try:
            with translated(engine), engine.connect() as connection, connection.begin() as changes:
                done = work(connection)
                with _commit_told():
                    changes.commit()
                return done
        except Retry as again:
            if time.monotonic() > begun + min(_RETRY_SECONDS, again.seconds):
                raise
        time.sleep(random.uniform(0, pause))  # noqa: S311  # jitter, no secret
        pause = min(2 * pause, 1)


@contextmanager
def _commit_told() -> Iterator[None]:
    """A connection that is lost while it commits may have committed or not: only the database knows."""
    try:
        yield
    except DBAPIError as error:
        if not error.connection_invalidated or number_of(error.orig) in READ_ONLY:
            raise
        raise CommitUnsure(_UNSURE) from error


def require_writable(engine: Engine) -> None:
    """Returns if the server can write; a SQLite file is not asked, as that could mean waiting for a writer.

    Raises:
        DatabaseUnavailable: it cannot be reached, or cannot write: a replica, or a part of a cluster that was
            cut off.
    """
    if engine.dialect.name == "sqlite":
        return
    with translated(engine), engine.connect() as connection:
        # Refused where the server or the account may only read. Source: MySQL manual, "START TRANSACTION"
        connection.exec_driver_sql("START TRANSACTION READ WRITE")


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """A connection whose reads all see the one state that the first of them saw; it writes nothing."""
    sqlite = engine.dialect.name == "sqlite"
    how: dict[str, Any] = {"read_only": True} if sqlite else {"isolation_level": "REPEATABLE READ"}
    with (
        translated(engine),
        engine.connect() as connection,
        connection.execution_options(**how).begin() as reading,
    ):
        yield connection
        reading.rollback()
