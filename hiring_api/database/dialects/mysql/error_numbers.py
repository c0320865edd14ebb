"""What the error numbers of MySQL, MariaDB and their clusters mean, during a statement and at the COMMIT."""

from __future__ import annotations

import re
from contextlib import suppress
from ssl import SSLError
from typing import TYPE_CHECKING, Any, Final

import pymysql
from sqlalchemy.exc import DBAPIError

from hiring_api.database.dialects import failures
from hiring_api.database.dialects.failures import Failure, Retry
from hiring_api.errors import CommitUnsure, HiringError, NotPermitted, NotTrusted, TransactionTooLarge

if TYPE_CHECKING:
    from sqlalchemy import Engine

_READ_ONLY_SECONDS: Final = 3
_BY_MEANING: Final = {
    # Deadlock, lock wait, a lock not waited for (NOWAIT), changed since the snapshot, not certified by the
    # group; no memory for more locks, too many transactions, a table changed by an upgrade; and "no such
    # savepoint", which is how a deadlock within a savepoint comes out. Each says that all is undone
    (Failure.BUSY, Failure.BUSY): (1213, 1205, 3572, 1020, 3101, 1206, 1637, 1412, 1305),
    # A server, a transaction or a mode that may only read; a node of Galera that is cut off or not ready, a
    # member that is not in its group or leaves it: refused before anything was done. Disconnected while idle
    (Failure.FIND_WRITER, Failure.FIND_WRITER): (
        *(1290, 1792, 1836, 1047),
        *(3092, 3796, 3797, 3798, 3799),
        4031,
    ),
    # Closed by the driver (0), shutting down, killed, offline, gone away, lost; perhaps after the COMMIT
    (Failure.FIND_WRITER, Failure.UNKNOWN): (
        *(0, 1053, 1077, 1079, 1152, 1158, 1159, 1160, 1161, 1927),
        *(2006, 2012, 2013, 2014, 2055, 3032, 3169),
    ),
    # Interrupted, and an error of the COMMIT: a cluster may have sent it to the other servers before. Out of
    # memory
    (Failure.NOT_READY, Failure.UNKNOWN): (1317, 1037, 1038, 1041),
    (Failure.BUSY, Failure.UNKNOWN): (1180,),
    # Connections that are not made: too many, unknown database, host blocked or not allowed, no thread, too
    # many of the account, refused, unknown host. And statements that were given too little time
    (Failure.NOT_READY, Failure.NOT_READY): (
        *(1040, 1049, 1129, 1130, 1135, 1203, 1226, 2002, 2003, 2005),
        *(1969, 3024),
    ),
    # The binary log's limit of a transaction, that of a packet; before the commit, the group does not take it
    (Failure.TOO_LARGE, Failure.TOO_LARGE): (1153, 1197, 3100),
    (Failure.FULL, Failure.FULL): (1021, 1114, 1878),
    (Failure.REFUSED, Failure.REFUSED): (1045, 1698),  # wrong password, no password at all
    # A database, or temporary tables in it; a command on a table, on a column; a privilege; a routine
    (Failure.DENIED, Failure.DENIED): (1044, 1142, 1143, 1227, 1370),
    (Failure.NO_SCHEMA, Failure.NO_SCHEMA): (1146,),
}
_MEANINGS: Final = {number: both for both, numbers in _BY_MEANING.items() for number in numbers}
# Numbers that mean different things: the errno in their text tells
_WITH_ERRNO: Final = {3, 1026, 1030, 1180}
_NO_SPACE, _MESSAGE_TOO_LONG, _DEADLOCKS = "28", "90", ("35", "149")
_OF_GALERA, _GALERAS_LIMITS = (1105, 1180), ("writeset size", "wsrep_max_ws_rows exceeded")
_NO_SAVEPOINT, _LOCKS_FULL = 1305, 1206
NOT_TAKEN_BY_GROUP: Final = 3100
_TLS: Final = 2026

_REFUSED: Final = "the database refuses the account: the user or the password is wrong"
_NOT_TRUSTED: Final = (
    "the database server cannot prove by its certificate that it is the right one (MYSQL_SSL_CA)"
)
_NOT_THERE: Final = "the database cannot be reached: try again later"
_ONLY_READ: Final = (
    "the database server can only be read: it is a replica, or another one is taking over; try again"
)
_NO_LOCKS: Final = (
    "the database server has no memory left for locks: try again. If it stays so, its "
    "innodb_buffer_pool_size is too small for so many rows at once"
)
_UNSURE: Final = (
    "the connection to the database was lost during the commit: this may be stored or not. Look before you "
    "send it again; what was sent with an Idempotency-Key can just be sent again with the same one"
)
_TOO_LARGE: Final = (
    "this is more than the database cluster takes in one transaction; nothing was kept. Send fewer rows, or "
    "have the limit raised (group_replication_transaction_size_limit on MySQL, wsrep_max_ws_size on Galera)"
)
READ_ONLY: Final = {1290, 1792, 1836, 1047, 3092, 3796, 3797, 3798, 3799}
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


def _hidden(error: BaseException | None) -> BaseException | None:
    """The error that took the savepoint away, where undoing to it failed; else the error itself."""
    before = error
    while before is not None and (
        number_of(before) == _NO_SAVEPOINT or not isinstance(before, pymysql.Error)
    ):
        before = before.__context__
    return before or error


def classify(error: BaseException | None, *, lost: bool, committing: bool) -> Failure:
    """What an error means for its transaction.

    Args:
        error: the driver's.
        lost: True if the connection is.
        committing: True if it came of the COMMIT.
    """
    number, told = number_of(error), str(error)
    if number in _OF_GALERA and any(limit in told for limit in _GALERAS_LIMITS):
        return Failure.TOO_LARGE
    if number in _WITH_ERRNO and (found := re.search(r"(?:error|errno:?) (\d+)", told)):
        of_errno = {_NO_SPACE: Failure.FULL, _MESSAGE_TOO_LONG: Failure.TOO_LARGE}
        of_errno |= dict.fromkeys(_DEADLOCKS, Failure.BUSY)
        if found[1] in of_errno:
            return of_errno[found[1]]
    if number == NOT_TAKEN_BY_GROUP and lost:  # as `sessions` has found: the server is no writer any more
        return Failure.FIND_WRITER
    otherwise = (Failure.FIND_WRITER, Failure.UNKNOWN) if lost else (Failure.DEFECT, Failure.DEFECT)
    return _MEANINGS.get(number, otherwise)[committing]


def meaning(
    engine: Engine, error: BaseException | None, *, lost: bool, committing: bool
) -> HiringError | None:
    """As `Dialect.meaning`."""
    if number_of(error) == _NO_SAVEPOINT:
        error = _hidden(error)
    told = str(error.args[-1]) if error is not None and error.args else ""
    if isinstance(getattr(error, "original_exception", None), SSLError) or number_of(error) == _TLS:
        return NotTrusted(_NOT_TRUSTED, told)
    failure = classify(error, lost=lost, committing=committing)
    if failure is Failure.DENIED:
        return _not_permitted(engine, str(error))
    only_read = number_of(error) in READ_ONLY
    meanings: dict[Failure, HiringError] = {
        Failure.BUSY: Retry(_NO_LOCKS) if number_of(error) == _LOCKS_FULL else failures.busy(),
        Failure.FIND_WRITER: Retry(_ONLY_READ if only_read else _NOT_THERE, _READ_ONLY_SECONDS),
        Failure.NOT_READY: Retry(_NOT_THERE, 0),
        Failure.UNKNOWN: CommitUnsure(_UNSURE),
        Failure.TOO_LARGE: TransactionTooLarge(_TOO_LARGE),
        Failure.FULL: failures.full(),
        Failure.REFUSED: NotPermitted(_REFUSED, told),
        Failure.NO_SCHEMA: failures.no_schema(),
    }
    return meanings.get(failure)


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
