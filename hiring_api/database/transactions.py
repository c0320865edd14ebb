"""Transactions that are retried whole, and snapshots: reads that all see one state."""

from __future__ import annotations

import random
import time
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Final, TypeVar

from sqlalchemy.exc import IntegrityError

from hiring_api.errors import CommitUnsure

from . import events, readers
from .dialects import dialect_of
from .dialects.failures import Retry
from .driver_errors import translated
from .marks import Mark

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection, Engine

T = TypeVar("T")

_RETRY_SECONDS: Final = 15


def transaction(engine: Engine, work: Callable[[Connection], T], *, marked: bool = False) -> T:
    """Run `work` in a transaction, commit, and return its result.

    All of it is run again after a deadlock or lock wait, and where the server was lost or cannot write, on
    one that can.

    Args:
        engine: the database.
        work: what belongs into the transaction.
        marked: for work that takes long, or that nobody can just ask for again. It has more time to find a
            server; and it leaves a mark with what it commits, so that after a connection that was lost during
            the COMMIT the database can be asked. If nothing was committed, all of it is run again.

    Raises:
        DatabaseUnavailable: no connection, still deadlocked after 15 s, or no server that can write after 3 s
            (for marked work, 15 s or the engine's `patience`). Nothing was committed.
        CommitUnsure: the connection was lost during the COMMIT; nothing can tell what became of it.
        NotPermitted: the account may not do it; nothing was committed.
        TransactionTooLarge: it is larger than the servers of a cluster take; nothing was committed.
        StorageFull: the database's disk is full; nothing was committed.
    """
    dialect = dialect_of(engine)
    mark = Mark() if marked and dialect.has_server else None
    sent: list[T] = []  # the result that came with a COMMIT which nobody answered
    unsure: CommitUnsure | None = None
    failing_since: float | None = None
    pause = 0.02
    while True:
        try:
            if mark is not None and sent and _committed(engine, mark):
                return sent[0]
            with (
                translated(engine),
                engine.connect() as connection,
                connection.begin() as changes,
                nullcontext() if marked else dialect.answered_soon(connection),
            ):
                done = work(connection)
                if mark is not None:
                    mark.leave(connection)
                with translated(engine, committing=True):
                    changes.commit()
                return done
        except CommitUnsure as error:
            if mark is None:
                raise
            failure: Exception = error
            sent, unsure, seconds = [done], error, _patience(engine)
        except Retry as error:
            failure = unsure or error
            lasting = marked and error.seconds <= _RETRY_SECONDS
            seconds = _patience(engine) if lasting else min(_RETRY_SECONDS, error.seconds)
        except IntegrityError as error:
            # What was sent may come in from another server only now; then the mark will be found
            if unsure is None:
                raise
            failure, seconds = error, _RETRY_SECONDS
        now = time.monotonic()
        failing_since = failing_since or now
        if now >= failing_since + seconds:
            raise failure
        events.tell("retry")
        time.sleep(random.uniform(0, pause))  # noqa: S311  # jitter, no secret
        pause = min(2 * pause, 1)


def _committed(engine: Engine, mark: Mark) -> bool:
    """In a transaction of its own: some work must be the first in its own."""
    with translated(engine), engine.begin() as connection:
        return mark.found(connection)


def _patience(engine: Engine) -> float:
    """How many seconds work that takes long waits for a server: the engine's execution option `patience`."""
    seconds: float = engine.get_execution_options().get("patience", _RETRY_SECONDS)
    return seconds


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
    """A connection whose reads all see the one state that the first of them saw; it writes nothing.

    An engine of `readers.open_readers` reads from a replica. With the execution option `latest`, all is seen
    that was committed before, on whichever server of a cluster.
    """
    dialect = dialect_of(engine)
    with (
        translated(engine),
        readers.connect(engine) as connection,
        connection.execution_options(**dialect.snapshot_options).begin() as reading,
    ):
        if connection.get_execution_options().get("latest"):
            dialect.catch_up(connection)
        yield connection
        reading.rollback()
