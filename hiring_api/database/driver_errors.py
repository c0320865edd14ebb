"""What the errors of database drivers mean; the numbers are those of MySQL and MariaDB."""

from __future__ import annotations

import re
import sqlite3
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

import pymysql
from sqlalchemy.exc import DBAPIError, IntegrityError

from hiring_api.errors import DatabaseUnavailable, HiringError, NotPermitted, StorageFull, TransactionTooLarge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

# Deadlock, lock wait, error during commit, changed since the snapshot, not certified by the group; and "no
# such savepoint", which is how a deadlock within a savepoint comes out
_RETRIED: Final = {1213, 1205, 1180, 1020, 1305, 3101}
# A server, a transaction or a mode that may only read; a node of Galera that is cut off or not ready
READ_ONLY: Final = {1290, 1792, 1836, 1047}
_READ_ONLY_SECONDS: Final = 3
_FULL: Final = {1021, 1114}
# Closed by the driver (0), refused, too many connections, unknown database, shutting down, killed, gone away,
# lost
_AWAY: Final = {
    *(0, 1040, 1049, 1053, 1077, 1079, 1129, 1130, 1152, 1158, 1159, 1160, 1161, 1203, 1226, 1317, 1927),
    *(2002, 2003, 2005, 2006, 2012, 2013, 2014, 2055, 3024, 3032, 3169, 4031),
}
_WRONG_ACCOUNT: Final = {1045, 1698}  # wrong password, no password at all
# A database, or temporary tables in it; a command on a table, on a column; a privilege; a routine
_DENIED: Final = {1044, 1142, 1143, 1227, 1370}
_GROUP_HOOK: Final = 3100  # before the commit: the group does not take it, mostly because of its size
_UNKNOWN: Final = 1105
_NO_TABLE: Final = 1146
NO_SCHEMA: Final = (
    "the database's schema is not up to date: run the migration job, or python -m hiring_api migrate"
)
_NO_SPACE: Final = 28  # errno inside the text of 3 and 1026, "error writing file"
_MESSAGE_TOO_LONG: Final = "90"  # errno inside the text of 1180, from Galera
_BUSY: Final = "the database is too busy: try again"
_REFUSED: Final = "the database refuses the account: the user or the password is wrong"
_NOT_THERE: Final = "the database cannot be reached: try again later"
_READ_ONLY: Final = (
    "the database server can only be read: it is a replica, or another one is taking over; try again"
)
_TOO_LARGE: Final = (
    "this is more than the database cluster takes in one transaction; nothing was kept. Send fewer rows, or "
    "have the limit raised (group_replication_transaction_size_limit on MySQL, wsrep_max_ws_size on Galera)"
)
_TO_WRITE: Final = ("SELECT", "INSERT", "UPDATE", "DELETE")
_FOR_SCHEMA: Final = ("CREATE", "ALTER", "DROP", "INDEX", "REFERENCES", "CREATE TEMPORARY TABLES")


class Retry(DatabaseUnavailable):
    """The transaction was rolled back and may well succeed when run again, within so many seconds."""

    def __init__(self, message: str, seconds: float = float("inf")) -> None:
        super().__init__(message)
        self.seconds = seconds


def number_of(error: BaseException | None) -> Any:
    """The number that a driver's error has, if any."""
    return error.args[0] if error is not None and error.args else None


@contextmanager
def translated(engine: Engine) -> Iterator[None]:
    """Turns the driver's errors into those of `errors`; integrity errors and bugs pass as they are."""
    try:
        yield
    except IntegrityError:
        raise
    except (DBAPIError, pymysql.Error) as error:
        if (stop := interruption(error)) is not None:
            raise stop from None
        # SQLAlchemy lets the driver's own errors through where it sets the isolation level
        cause = error.orig if isinstance(error, DBAPIError) else error
        if number_of(cause) in _DENIED:
            raise _not_permitted(engine, str(cause)) from error
        lost = isinstance(error, DBAPIError) and error.connection_invalidated
        translation = _translation(cause, lost=lost)
        if translation is None:
            raise
        raise translation from error


def interruption(error: BaseException) -> BaseException | None:
    """The Ctrl-C that cut a conversation with the server short, where the ROLLBACK after it failed too."""
    before = error.__context__
    while before is not None and isinstance(before, Exception):
        before = before.__context__
    return before


def _translation(cause: BaseException | None, *, lost: bool) -> HiringError | None:
    """What an error means; None for a bug. `lost` says that the connection is."""
    told = str(cause)
    if isinstance(cause, sqlite3.Error):
        return _sqlite_translation(getattr(cause, "sqlite_errorcode", 0) & 0xFF, told)
    number = number_of(cause)
    if (number in READ_ONLY or number in _RETRIED) and not _is_too_large_for_galera(number, told):
        return Retry(_READ_ONLY, _READ_ONLY_SECONDS) if number in READ_ONLY else Retry(_BUSY)
    if number in _WRONG_ACCOUNT:
        return NotPermitted(_REFUSED, str(cause.args[-1]) if cause is not None else told)
    if number in _AWAY or number == _NO_TABLE or lost:
        return DatabaseUnavailable(NO_SCHEMA if number == _NO_TABLE else _NOT_THERE)
    return _too_much(number, told)


def _too_much(number: int | None, told: str) -> HiringError | None:
    """What there is no room for, on the server's disk or in a cluster's transaction."""
    if number in _FULL or (number in {3, 1026} and f"{_NO_SPACE}" in told):
        return StorageFull("the database has no room left on its disk; nothing was kept")
    if number == _GROUP_HOOK or _is_too_large_for_galera(number, told):
        return TransactionTooLarge(_TOO_LARGE)
    return None


def _is_too_large_for_galera(number: int | None, told: str) -> bool:
    """Galera has no number of its own for it."""
    if number == pymysql.constants.ER.ERROR_DURING_COMMIT:
        return f"error {_MESSAGE_TOO_LONG} " in told
    return number == _UNKNOWN and "writeset size" in told


def _not_permitted(engine: Engine, told: str) -> NotPermitted:
    """What the account may not do, and for the operator the GRANT that is missing."""
    denied = re.search(r"([A-Z][A-Z ,]*) command denied", told)
    command = denied[1] if denied else "do this"
    rights = _TO_WRITE if command in _TO_WRITE else (*_TO_WRITE, *_FOR_SCHEMA)
    named = re.search(r"for user ('[^']*'@'[^']*')", told)
    account = named[1] if named else "its account"
    with suppress(DBAPIError), engine.connect() as connection:  # errors may name the client's host instead
        user, _, host = connection.exec_driver_sql("SELECT CURRENT_USER()").scalar_one().rpartition("@")
        account = f"'{user}'@'{host}'"
    grant = f"what is missing: GRANT {', '.join(rights)} ON `{engine.url.database}`.* TO {account}"
    return NotPermitted(f"the account of the database may not {command}: nothing was kept", grant)


def _sqlite_translation(code: int, told: str) -> HiringError | None:
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return Retry(_BUSY)
    if code == sqlite3.SQLITE_FULL:
        return StorageFull("the database has no room left on its disk; nothing was kept")
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY):
        return DatabaseUnavailable("the database file cannot be opened or written")
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return DatabaseUnavailable("the database file is damaged, or none of SQLite's")
    return DatabaseUnavailable(NO_SCHEMA) if told.startswith("no such table") else None
