"""The engine, transactions that are retried whole, read snapshots, and what database errors mean."""

from __future__ import annotations

import logging
import os
import random
import sqlite3
import time
from contextlib import contextmanager, suppress
from functools import cache
from ssl import CERT_NONE, PROTOCOL_TLS_CLIENT, SSLContext
from typing import TYPE_CHECKING, Any, TypeVar

import pymysql
from sqlalchemy import create_engine, event
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.pool import QueuePool

from .errors import CommitUnsure, DatabaseUnavailable, StorageFull

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection, Engine
    from sqlalchemy.engine import URL

T = TypeVar("T")

_RETRY_SECONDS = 15
_LOCK_WAIT_SECONDS = 5
# Deadlock, lock wait, error during commit, read-only while failing over, changed since the snapshot;
# and "no such savepoint", which is how a deadlock within a savepoint comes out
_RETRIED = {1213, 1205, 1180, 1290, 1020, 1305}
_FULL = {1021, 1114}
# Closed by the driver (0), refused, too many connections, unknown database or user, shutting down, killed,
# gone away, lost
_AWAY = {1040, 1044, 1045, 1049, 1053, 1077, 1079, 1129, 1130, 1152, 1158, 1159, 1160, 1161, 1203, 1226, 1317}
_AWAY |= {0, 1698, 1836, 1927, 2002, 2003, 2005, 2006, 2012, 2013, 2014, 2055, 3024, 3032, 3169, 4031}
_UNSURE = (
    "the connection to the database was lost during the commit, which may have happened or not: look, or "
    "send it again with the same Idempotency-Key"
)
_NO_TABLE = 1146
NO_SCHEMA = "the database's schema is not up to date: run the migration job, or python -m hiring_api migrate"
_POOL = f"{QueuePool.__module__}.{QueuePool.__name__}"  # as SQLAlchemy names its logger
_NO_SPACE = 28  # errno inside the text of 3 and 1026, "error writing file"


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


def prepare(engine: Engine) -> Engine:
    """Makes SQLite behave as MySQL does: references hold, transactions begin when they are said to.

    Connections to servers are made faster.
    """
    if engine.dialect.name != "sqlite":
        logging.getLogger(_POOL).addFilter(_not_of_an_interruption)
        if not event.contains(engine, "do_connect", _connect):
            event.listen(engine, "do_connect", _connect)
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
    return error is None or _interruption(error) is None


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
    """What `work` answers, its writes committed. After a deadlock or lock wait all of it is run again.

    Raises:
        DatabaseUnavailable: no connection, or still deadlocked after 15 s; nothing committed, unless the
            connection was lost during the commit, which the message then says.
        StorageFull: the database's disk is full; nothing committed.
    """
    deadline = time.monotonic() + _RETRY_SECONDS
    pause = 0.02
    while True:
        try:
            with translated(), engine.connect() as connection, connection.begin() as changes:
                done = work(connection)
                with _commit_told():
                    changes.commit()
                return done
        except _Retry:
            if time.monotonic() > deadline:
                raise
        time.sleep(random.uniform(0, pause))  # noqa: S311  # jitter, no secret
        pause = min(2 * pause, 1)


@contextmanager
def _commit_told() -> Iterator[None]:
    """A connection that is lost while it commits may have committed or not: only the database knows."""
    try:
        yield
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
        raise CommitUnsure(_UNSURE) from error


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """A connection whose reads all see the one state that the first of them saw; it writes nothing."""
    sqlite = engine.dialect.name == "sqlite"
    how: dict[str, Any] = {"read_only": True} if sqlite else {"isolation_level": "REPEATABLE READ"}
    with translated(), engine.connect() as connection, connection.execution_options(**how).begin() as reading:
        yield connection
        reading.rollback()


class _Retry(DatabaseUnavailable):
    """The transaction was rolled back by the database and may well succeed when run again."""


@contextmanager
def translated() -> Iterator[None]:
    """Turns the driver's errors into those of `errors`; integrity errors and bugs pass as they are."""
    try:
        yield
    except IntegrityError:
        raise
    except (DBAPIError, pymysql.Error) as error:
        if (stop := _interruption(error)) is not None:
            raise stop from None
        translation = _translation(error)
        if translation is None:
            raise
        raise translation from error


def _interruption(error: BaseException) -> BaseException | None:
    """The Ctrl-C that cut a conversation with the server short, where the ROLLBACK after it failed too."""
    before = error.__context__
    while before is not None and isinstance(before, Exception):
        before = before.__context__
    return before


def _translation(error: DBAPIError | pymysql.Error) -> DatabaseUnavailable | StorageFull | None:
    # SQLAlchemy lets the driver's own errors through where it sets the isolation level
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, sqlite3.Error):
        return _sqlite_translation(getattr(cause, "sqlite_errorcode", 0) & 0xFF, str(cause))
    number = cause.args[0] if cause is not None and cause.args else None
    if number in _RETRIED:
        return _Retry("the database is too busy: try again")
    if number in _FULL or (number in {3, 1026} and f"{_NO_SPACE}" in str(cause)):
        return StorageFull("the database has no room left on its disk; nothing was kept")
    if number in _AWAY or (isinstance(error, DBAPIError) and error.connection_invalidated):
        return DatabaseUnavailable("the database cannot be reached: try again later")
    return DatabaseUnavailable(NO_SCHEMA) if number == _NO_TABLE else None


def _sqlite_translation(code: int, told: str) -> DatabaseUnavailable | StorageFull | None:
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return _Retry("the database is too busy: try again")
    if code == sqlite3.SQLITE_FULL:
        return StorageFull("the database has no room left on its disk; nothing was kept")
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY):
        return DatabaseUnavailable("the database file cannot be opened or written")
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return DatabaseUnavailable("the database file is damaged, or none of SQLite's")
    return DatabaseUnavailable(NO_SCHEMA) if told.startswith("no such table") else None
