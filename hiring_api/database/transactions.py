"""Transactions that are retried whole, and snapshots: reads that all see one state."""

from __future__ import annotations

import random
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy.exc import DBAPIError

from hiring_api.errors import CommitUnsure

from .dialects import dialect_of
from .dialects.failures import Retry
from .driver_errors import translated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection, Engine

T = TypeVar("T")

_RETRY_SECONDS = 15
_UNSURE = (
    "the connection to the database was lost during the commit, which may have happened or not: look, or "
    "send it again with the same Idempotency-Key"
)


def transaction(engine: Engine, work: Callable[[Connection], T]) -> T:
    """Run `work` in a transaction, commit, and return its result.

    After a deadlock or lock wait all of it is run again, and on another connection where the server cannot
    write.

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
                with _commit_told(engine):
                    changes.commit()
                return done
        except Retry as again:
            if time.monotonic() > begun + min(_RETRY_SECONDS, again.seconds):
                raise
        time.sleep(random.uniform(0, pause))  # noqa: S311  # jitter, no secret
        pause = min(2 * pause, 1)


@contextmanager
def _commit_told(engine: Engine) -> Iterator[None]:
    """A connection that is lost while it commits may have committed or not: only the database knows."""
    try:
        yield
    except DBAPIError as error:
        if not error.connection_invalidated or dialect_of(engine).rolled_back(error.orig):
            raise
        raise CommitUnsure(_UNSURE) from error


def require_writable(engine: Engine) -> None:
    """Return if the server can write; a file is not asked, as that could mean waiting for a writer.

    Raises:
        DatabaseUnavailable: it cannot be reached, or cannot write: a replica, or a part of a cluster that was
            cut off.
    """
    dialect = dialect_of(engine)
    if dialect.has_server:
        with translated(engine), engine.connect() as connection:
            dialect.require_writable(connection)


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """A connection whose reads all see the one state that the first of them saw; it writes nothing."""
    options = dialect_of(engine).snapshot_options
    with (
        translated(engine),
        engine.connect() as connection,
        connection.execution_options(**options).begin() as reading,
    ):
        yield connection
        reading.rollback()
