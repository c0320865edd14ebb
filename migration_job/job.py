"""One run of the job: wait for the database, bring its schema up to date, load each file."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from sqlalchemy.exc import DBAPIError

from hiring_api.data import schema
from hiring_api.data.csv_files import Choices, inspect, on_disk
from hiring_api.data.database import open_engine, translated
from hiring_api.data.errors import Busy, DatabaseUnavailable
from hiring_api.data.load import Task, load
from hiring_api.data.locks import named_lock
from hiring_api.data.reject_files import write_rejects
from hiring_api.data.rejects import Origin

from . import sources

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Engine, Table

    from hiring_api.data.loads import Counts
    from hiring_api.data.place import OnConflict
    from hiring_api.settings import Settings

log = logging.getLogger(__name__)

_PAUSE: Final = 1.0  # seconds between two attempts to reach the database


@dataclass(frozen=True, slots=True)
class Job:
    """What the user asked for."""

    source: str
    table: str | None = None
    delimiter: str | None = None
    encoding: str | None = None
    columns: tuple[str, ...] | None = None
    on_conflict: OnConflict = "error"


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one file."""

    table: Table
    source: str
    counts: Counts
    rejects: Path | None


def run(job: Job, settings: Settings) -> Iterator[Result]:
    """Loads the files one by one, parents first; what came of each as soon as it is known.

    Raises:
        InvalidFile: a file is missing, unreadable or not what it should be; what was yielded stays loaded.
        Busy: another run is under way.
        DatabaseUnavailable: the database was not there within `Settings.database_wait` seconds.
    """
    choices = Choices(job.delimiter, job.encoding, job.columns)
    found = sources.find(job.source, job.table)
    files = [(table, path, inspect(on_disk(path), table, choices)) for table, path in found]
    engine = open_engine(settings.database_url)
    try:
        wait_for(engine, settings.database_wait)
        schema.upgrade(engine)
        with named_lock(engine, "migration") as held:
            if not held:
                raise Busy("another migration is running on this database: try again when it has finished")
            run_id = f"migration-{uuid4().hex}"
            for table, path, file in files:
                origin = Origin(str(path.resolve()), run_id)
                counts = load(engine, Task(table, file, origin, job.on_conflict)).counts
                rejects = write_rejects(engine, table, origin.source, settings.rejects_dir)
                yield Result(table, str(path), counts, rejects)
    finally:
        engine.dispose()


def wait_for(engine: Engine, seconds: float) -> None:
    """Returns when the database answers.

    Raises:
        DatabaseUnavailable: it does not within `seconds`.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            with translated(), engine.connect():
                return
        except DatabaseUnavailable as error:
            why = _reason(error)
            if time.monotonic() + _PAUSE > deadline:
                raise DatabaseUnavailable(f"no database after {seconds:.0f} s: {why}") from None
            log.info("waiting for the database: %s", why)
            time.sleep(_PAUSE)


def _reason(error: DatabaseUnavailable) -> str:
    """What the driver says, for the operator's eyes: host, user and database, never the password."""
    cause = error.__cause__
    original = cause.orig if isinstance(cause, DBAPIError) else None
    return str(original.args[-1] if original is not None and original.args else error.message)
