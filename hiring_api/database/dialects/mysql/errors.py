"""What the error numbers of MySQL, MariaDB and their clusters mean."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import pymysql
from sqlalchemy.exc import DBAPIError

from hiring_api.database.dialects import failures
from hiring_api.database.dialects.failures import Retry
from hiring_api.errors import DatabaseUnavailable, HiringError, NotPermitted, TransactionTooLarge

if TYPE_CHECKING:
    from sqlalchemy import Engine

# Deadlock, lock wait, a lock not waited for (NOWAIT), error during commit, changed since the snapshot, not
# certified by the group; and "no such savepoint", which is how a deadlock within a savepoint comes out
_RETRIED: Final = {1213, 1205, 3572, 1180, 1020, 1305, 3101}
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
_NO_SPACE: Final = 28  # errno inside the text of 3 and 1026, "error writing file"
_MESSAGE_TOO_LONG: Final = "90"  # errno inside the text of 1180, from Galera
_REFUSED: Final = "the database refuses the account: the user or the password is wrong"
_NOT_THERE: Final = "the database cannot be reached: try again later"
_ONLY_READ: Final = (
    "the database server can only be read: it is a replica, or another one is taking over; try again"
)
_TOO_LARGE: Final = (
    "this is more than the database cluster takes in one transaction; nothing was kept. Send fewer rows, or "
    "have the limit raised (group_replication_transaction_size_limit on MySQL, wsrep_max_ws_size on Galera)"
)
_TO_WRITE: Final = ("SELECT", "INSERT", "UPDATE", "DELETE")
_FOR_SCHEMA: Final = (
    "CREATE",
    "ALTER",
    "DROP",
    "INDEX",
    "REFERENCES",
    "CREATE TEMPORARY TABLES",
    "CREATE VIEW",
)


def number_of(error: BaseException | None) -> Any:
    """The number of an error of the driver, if it has one."""
    return error.args[0] if error is not None and error.args else None


def meaning(  # noqa: PLR0911  # one for each meaning
    engine: Engine, error: BaseException | None, *, lost: bool
) -> HiringError | None:
    """As `Dialect.meaning`."""
    number, told = number_of(error), str(error)
    if number in _DENIED:
        return _not_permitted(engine, told)
    if _is_too_large(number, told):
        return TransactionTooLarge(_TOO_LARGE)
    if number in READ_ONLY:
        return Retry(_ONLY_READ, _READ_ONLY_SECONDS)
    if number in _RETRIED:
        return failures.busy()
    if number in _WRONG_ACCOUNT:
        return NotPermitted(_REFUSED, str(error.args[-1]) if error is not None else told)
    if number == _NO_TABLE:
        return failures.no_schema()
    if number in _AWAY or lost:
        return DatabaseUnavailable(_NOT_THERE)
    if number in _FULL or (number in {3, 1026} and f"{_NO_SPACE}" in told):
        return failures.full()
    return None


def _is_too_large(number: int | None, told: str) -> bool:
    """True if a cluster does not take a transaction of this size; Galera has no number of its own for it."""
    if number == pymysql.constants.ER.ERROR_DURING_COMMIT:
        return f"error {_MESSAGE_TOO_LONG} " in told
    return number == _GROUP_HOOK or (number == _UNKNOWN and "writeset size" in told)


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
