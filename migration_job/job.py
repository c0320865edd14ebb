"""One run of the job: wait for the database, bring its schema up to date, load each file."""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from sqlalchemy.exc import DBAPIError

from hiring_api.csv_input.files import Choices, CsvFile, inspect, on_disk
from hiring_api.csv_input.layout import IGNORED
from hiring_api.database import schema
from hiring_api.database.dialects import dialect_of
from hiring_api.database.driver_errors import translated
from hiring_api.database.engine import open_engine
from hiring_api.database.lease import Lease, leased
from hiring_api.database.transactions import snapshot
from hiring_api.errors import Busy, DatabaseUnavailable, NotPermitted
from hiring_api.loading.at_once import load_at_once
from hiring_api.loading.dry_run import check
from hiring_api.loading.loader import load
from hiring_api.loading.mislabelled import refuse_mislabelled
from hiring_api.loading.rejects_of_load import write_rejects
from hiring_api.loading.task import Limit, Loaded, Task
from hiring_api.model.tables import kinds
from hiring_api.rejects.csv_file import line_of, rejects_file, require_writable
from hiring_api.rejects.record import Origin
from migration_job.sources import files as source_files

from .progress import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pyroaring import BitMap
    from sqlalchemy import Engine, Table

    from hiring_api.csv_input.validation import ValidatedChunk
    from hiring_api.loading.progress import Progress
    from hiring_api.planning.row_rules import OnConflict
    from hiring_api.rejects.record import Reject
    from hiring_api.settings import Settings

log = logging.getLogger(__name__)

_RETRY_PAUSE: Final = 1.0  # seconds between two attempts to reach the database
_WAIT_SECONDS: Final = 24 * 60 * 60  # how long --wait waits for another run


@dataclass(frozen=True, slots=True)
class Job:
    """What the user asked for."""

    source: str
    tables: tuple[Table, ...] = ()
    choices: Choices = field(default_factory=Choices)
    on_conflict: OnConflict = "error"
    limit: Limit | None = None
    dry_run: bool = False
    wait: bool = False
    allow_empty: bool = False

    def choices_for(self, table: Table) -> Choices:
        """The choices for a file of `table`: columns are those of the table that has them."""
        named = sorted(name for name in self.choices.columns or () if name != IGNORED)
        return self.choices if named == sorted(kinds(table)) else replace(self.choices, columns=None)


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of one file: its counts, the path of its rejects file if a row was refused, and seconds."""

    table: Table
    source: str
    file: CsvFile
    loaded: Loaded
    rejects: Path | None
    seconds: float


def run(job: Job, settings: Settings) -> Iterator[Result]:
    """Load the files one by one, parents first, and yield the result of each when it is loaded.

    Raises:
        InvalidFile: a file is missing, unreadable or not what it should be; the files before it stay loaded.
        Busy: another run is under way.
        DatabaseUnavailable: the database did not answer within `Settings.database_wait` seconds.
        StorageUnavailable: the refused rows could not be written; nothing was loaded.
    """
    with source_files.opened(job.source, job.tables, allow_empty=job.allow_empty) as found:
        files = [
            (one, inspect(on_disk(one.path, one.name), one.table, job.choices_for(one.table)))
            for one in found
        ]
        with _ready(job, settings) as (engine, lease):
            for one in found:
                require_writable(settings.rejects_dir, one.table)
            run_id = f"migration-{uuid4().hex}"
            when = datetime.now(UTC)
            accepted: dict[str, BitMap] = {}
            for one, file in files:
                task = Task(one.table, file, Origin(one.name, run_id), job.on_conflict, job.limit or Limit())
                begun = time.monotonic()
                loaded, rejects = _load(engine, lease, job, task, accepted, settings.rejects_dir, when)
                accepted[one.table.name] = loaded.accepted
                yield Result(one.table, one.name, file, loaded, rejects, time.monotonic() - begun)


@contextmanager
def _ready(job: Job, settings: Settings) -> Iterator[tuple[Engine, Lease]]:
    """An engine of the database, its schema up to date, and the lease that keeps other runs away."""
    engine = open_engine(settings.database_url, settings.database_wait)
    try:
        wait_for(engine, settings.database_wait)
        schema.upgrade(engine)
        with leased(engine, "migration", wait=None) as lease:
            if lease is not None:
                yield engine, lease
                return
        if not job.wait:
            raise Busy(
                "another migration is running on this database: try again when it has finished, or --wait"
            )
        log.info("waiting for another migration on this database to finish")
        with leased(engine, "migration", _WAIT_SECONDS) as lease:
            if lease is None:
                raise Busy("another migration is still running on this database after a day")
            yield engine, lease
    finally:
        engine.dispose()


def _load(
    engine: Engine,
    lease: Lease,
    job: Job,
    task: Task,
    accepted: dict[str, BitMap],
    folder: Path,
    when: datetime,
) -> tuple[Loaded, Path | None]:
    if job.choices.columns is None:
        with snapshot(engine) as connection:
            refuse_mislabelled(connection, task.table, task.file, accepted)
    with shown(task) as tell:
        if job.dry_run:
            return _check(engine, task, accepted, folder, when, tell)
        loaded = (load if job.limit is None else load_at_once)(engine, task, tell, lease)
    return loaded, write_rejects(engine, task, loaded, folder, when)


def _check(
    engine: Engine,
    task: Task,
    accepted: dict[str, BitMap],
    folder: Path,
    when: datetime,
    tell: Callable[[Progress], None],
) -> tuple[Loaded, Path | None]:
    with rejects_file(folder, task.table, when) as file:

        def record(_chunk: ValidatedChunk, refused: dict[int, Reject]) -> None:
            file.add(line_of(task.table, task.origin.source, reject) for reject in refused.values())

        loaded = check(engine, task, record, accepted, tell)
    return loaded, file.path


def wait_for(engine: Engine, seconds: float) -> None:
    """Wait until the database answers. Of SQLite it is asked once: no server could still be starting.

    Raises:
        NotPermitted: it refuses the account; waiting would not change that.
        DatabaseUnavailable: it did not answer within `seconds`.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            with translated(engine), engine.connect():
                return
        except NotPermitted:
            raise
        except DatabaseUnavailable as error:
            why = _reason(error)
            if not dialect_of(engine).has_server:
                raise DatabaseUnavailable(
                    f"no database in {engine.url.database}: {why}; DATABASE_URL or MYSQL_HOST names another"
                ) from None
            if time.monotonic() + _RETRY_PAUSE > deadline:
                raise DatabaseUnavailable(f"no database after {seconds:.0f} s: {why}") from None
            log.info("waiting for the database: %s", why)
            time.sleep(_RETRY_PAUSE)


def _reason(error: DatabaseUnavailable) -> str:
    """The driver's message, for the operator: it names host, user and database, never the password."""
    cause = error.__cause__
    original = cause.orig if isinstance(cause, DBAPIError) else None
    return str(original.args[-1] if original is not None and original.args else error.message)
