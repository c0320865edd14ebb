"""What each error of a server means for its transaction, during a statement and at the COMMIT."""

import pymysql
import pytest

from hiring_api.database.dialects.failures import Failure, Retry
from hiring_api.database.dialects.mysql.error_numbers import classify
from hiring_api.database.driver_errors import translated

BUSY, FIND, NOT_READY, UNKNOWN = Failure.BUSY, Failure.FIND_WRITER, Failure.NOT_READY, Failure.UNKNOWN
TOO_LARGE, FULL, DEFECT = Failure.TOO_LARGE, Failure.FULL, Failure.DEFECT
DEADLOCK = 'Got error 149 "Lock deadlock; Retry transaction" during COMMIT'
TOO_LONG = 'Got error 90 "Message too long" during COMMIT'
NO_SPACE = 'Got error 28 "No space left on device" from storage engine InnoDB'

# Number, text, whether the connection is lost; what it means during a statement and at the COMMIT
TABLE = [
    (1213, "Deadlock found when trying to get lock", False, BUSY, BUSY),
    (1205, "Lock wait timeout exceeded", False, BUSY, BUSY),
    (3572, "Statement aborted because lock(s) could not be acquired immediately", False, BUSY, BUSY),
    (1020, "Record has changed since last read in table 'jobs'", False, BUSY, BUSY),
    (1305, "SAVEPOINT sa_savepoint_1 does not exist", False, BUSY, BUSY),
    (3101, "Plugin instructed the server to rollback the current transaction.", False, BUSY, BUSY),
    (1206, "The total number of locks exceeds the lock table size", False, BUSY, BUSY),
    (1412, "Table definition has changed, please retry transaction", False, BUSY, BUSY),
    (1637, "Too many active concurrent transactions", False, BUSY, BUSY),
    (1180, DEADLOCK, False, BUSY, BUSY),
    (1180, "Got error 6 - '' during COMMIT", False, BUSY, UNKNOWN),
    (1290, "running with the --super-read-only option", True, FIND, FIND),
    (1792, "Cannot execute statement in a READ ONLY transaction.", True, FIND, FIND),
    (1836, "Running in read-only mode", True, FIND, FIND),
    (1047, "WSREP has not yet prepared node for application use", True, FIND, FIND),
    (3092, "not configured properly to be an active member of the group", True, FIND, FIND),
    (3796, "cannot be used on the current member state", True, FIND, FIND),
    (3797, "Error while waiting for group transactions", True, FIND, FIND),
    (3798, "Error while waiting for transactions", True, FIND, FIND),
    (3799, "The Group Replication plugin is stopping", True, FIND, FIND),
    (4031, "disconnected by the server because of inactivity", True, FIND, FIND),
    (0, "", True, FIND, UNKNOWN),
    (1053, "Server shutdown in progress", False, FIND, UNKNOWN),
    (1927, "Connection was killed", True, FIND, UNKNOWN),
    (2006, "MySQL server has gone away", True, FIND, UNKNOWN),
    (2013, "Lost connection to MySQL server during query", True, FIND, UNKNOWN),
    (3032, "The server is currently in offline mode", False, FIND, UNKNOWN),
    (3169, "Session was killed", True, FIND, UNKNOWN),
    (9999, "anything, of a connection that is lost", True, FIND, UNKNOWN),
    (1317, "Query execution was interrupted", False, NOT_READY, UNKNOWN),
    (1038, "Out of sort memory, consider increasing server sort buffer size", False, NOT_READY, UNKNOWN),
    (1040, "Too many connections", False, NOT_READY, NOT_READY),
    (1135, "Can't create a new thread (errno 11)", False, NOT_READY, NOT_READY),
    (1049, "Unknown database", False, NOT_READY, NOT_READY),
    (1129, "Host is blocked because of many connection errors", False, NOT_READY, NOT_READY),
    (1130, "Host is not allowed to connect to this server", False, NOT_READY, NOT_READY),
    (1203, "already has more than 'max_user_connections'", False, NOT_READY, NOT_READY),
    (1226, "has exceeded the 'max_user_connections' resource", False, NOT_READY, NOT_READY),
    (2003, "Can't connect to MySQL server", False, NOT_READY, NOT_READY),
    (1969, "max_statement_time exceeded", False, NOT_READY, NOT_READY),
    (3024, "maximum statement execution time exceeded", False, NOT_READY, NOT_READY),
    (3100, "Error on observer while running replication hook 'before_commit'.", False, TOO_LARGE, TOO_LARGE),
    (3100, "the same, from a member that has left its group", True, FIND, FIND),
    (1180, TOO_LONG, False, TOO_LARGE, TOO_LARGE),
    (1105, "Maximum writeset size exceeded by 2028", False, TOO_LARGE, TOO_LARGE),
    (1197, "required more than 'max_binlog_cache_size' bytes", False, TOO_LARGE, TOO_LARGE),
    (1153, "Got a packet bigger than 'max_allowed_packet' bytes", False, TOO_LARGE, TOO_LARGE),
    (1021, "Disk full", False, FULL, FULL),
    (1114, "The table is full", False, FULL, FULL),
    (1878, "Temporary file write failure.", False, FULL, FULL),
    (1030, NO_SPACE, False, FULL, FULL),
    (1026, "Error writing file 'x' (errno: 28 \"No space left on device\")", False, FULL, FULL),
    (3, "Error writing file 'x' (OS errno 28 - No space left on device)", False, FULL, FULL),
    (1045, "Access denied for user", False, Failure.REFUSED, Failure.REFUSED),
    (1698, "Access denied for user", False, Failure.REFUSED, Failure.REFUSED),
    (1142, "INSERT command denied to user", False, Failure.DENIED, Failure.DENIED),
    (1146, "Table 'hiring.jobs' doesn't exist", False, Failure.NO_SCHEMA, Failure.NO_SCHEMA),
    (3098, "The table does not comply with the requirements by an external plugin.", False, DEFECT, DEFECT),
    (1030, "Got error 122 from storage engine", False, DEFECT, DEFECT),
    (1064, "You have an error in your SQL syntax", False, DEFECT, DEFECT),
    (1105, "Unknown error", False, DEFECT, DEFECT),
]


@pytest.mark.parametrize(("number", "told", "lost", "in_statement", "at_commit"), TABLE)
def test_what_an_error_means(number, told, lost, in_statement, at_commit):
    error = pymysql.err.OperationalError(number, told)
    assert classify(error, lost=lost, committing=False) is in_statement
    assert classify(error, lost=lost, committing=True) is at_commit


def test_an_error_without_a_number_means_what_became_of_the_connection():
    assert classify(None, lost=False, committing=True) is DEFECT
    assert classify(None, lost=True, committing=True) is UNKNOWN


def test_a_server_without_memory_for_locks_says_what_is_too_small(engine):
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite locks its file, not rows")
    signal = "SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1206, MESSAGE_TEXT = 'the lock table is full'"
    with (
        pytest.raises(Retry, match=r"no memory left for locks.*innodb_buffer_pool_size"),
        translated(engine),
        engine.connect() as connection,
    ):
        connection.exec_driver_sql(signal)
