"""Named locks across processes: held by one at a time, freed when the holder dies."""

from __future__ import annotations

import fcntl
import hashlib
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError

from hiring_api.system.temp_files import is_the_file

from .driver_errors import translated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine

_PAUSE = 0.1


@contextmanager
def named_lock(engine: Engine, name: str, wait: int = 0) -> Iterator[bool]:
    """Holds the lock `name` of this database; yields False where another holds it after `wait` seconds.

    MySQL and MariaDB keep it with a connection of its own (GET_LOCK), SQLite in a file beside its own.
    """
    if engine.dialect.name == "sqlite":
        with _file_lock(engine, name, wait) as held:
            yield held
        return
    # The names of GET_LOCK belong to the whole server and have at most 64 characters
    digest = hashlib.sha256(f"{engine.url.database}/{name}".encode()).hexdigest()[:48]
    with translated(engine), engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        held = connection.exec_driver_sql("SELECT GET_LOCK(%s, %s)", (digest, wait)).scalar() == 1
        try:
            yield held
        finally:
            if held:
                _release(connection, digest)


def _release(connection: Connection, digest: str) -> None:
    try:
        connection.exec_driver_sql("SELECT RELEASE_LOCK(%s)", (digest,))
    except DBAPIError:  # the lock ends with its connection; what was done under it stays done
        connection.invalidate()


@contextmanager
def _file_lock(engine: Engine, name: str, wait: int) -> Iterator[bool]:
    deadline = time.monotonic() + wait
    path = Path(f"{engine.url.database}.{hashlib.sha256(name.encode()).hexdigest()[:32]}.lock")
    while True:
        with path.open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() < deadline:
                    time.sleep(_PAUSE)
                    continue
                yield False
                return
            if is_the_file(path, file.fileno()):
                try:
                    yield True
                finally:
                    path.unlink()  # while it is held: who opened it meanwhile sees that it is gone
                return
