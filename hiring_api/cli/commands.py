"""The commands of `python -m hiring_api`, a function each: it takes the arguments and prints the outcome.

One that can end well in several ways returns the exit status.
"""

from __future__ import annotations

import runpy
import sys
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, select

from hiring_api.backup import catalogue, retention
from hiring_api.backup.compare import compare
from hiring_api.backup.file_store import open_store
from hiring_api.backup.restore import restore
from hiring_api.backup.verify import verify
from hiring_api.database import identity, next_ids, schema
from hiring_api.database.dialects import dialect_of
from hiring_api.database.engine import open_engine
from hiring_api.database.transactions import snapshot
from hiring_api.errors import DatabaseUnavailable, NotFound
from hiring_api.log_lines import say
from hiring_api.model.tables import resource, tables
from hiring_api.settings import read_settings
from hiring_api.system.output import bar, on_terminal, show

from .arguments import DIFFERENT
from .confirm import confirm
from .named_files import kept_backup, opened

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from sqlalchemy import Engine, Table

    from hiring_api.avro.reader import AvroRows
    from hiring_api.backup.verify import Level
    from hiring_api.database.identity import Database
    from hiring_api.settings import Settings

    from .named_files import NamedFile

GUNICORN: Final = ("gunicorn", "-c", "python:hiring_api.web.server.gunicorn_config")


def backup(options: argparse.Namespace) -> None:
    """Keep a backup and print its entry."""
    settings = read_settings()
    store = open_store(options.to or settings.backup_dir)
    chosen = [_table(name) for name in options.tables] or None
    with opened_engine() as engine:
        in_order = None if chosen is None else [table for table in tables() if table in chosen]
        total = _count(engine, in_order or tables()) if on_terminal() else None
        with bar("backing up", total) as tell:
            kept = retention.keep(engine, store, chosen=in_order, codec=options.codec, tell=tell)
        retention.prune_old(engine, store, retention_of(settings))
    show([line(kept)], [kept.to_json()], as_json=options.json)


def verify_files(options: argparse.Namespace) -> None:
    """Verify files and kept backups and print the rows of each. Stop at the first that is damaged."""
    settings = read_settings()
    done: list[dict[str, Any]] = []
    with ExitStack() as stack:
        engine = stack.enter_context(opened_engine()) if options.level == "restore" else None
        here = partial(_here, settings)
        for named in options.files:
            kept = kept_backup(named, settings, here)
            name = named if kept is None else kept.name
            try:
                with (
                    opened(name, settings, here, tolerant=True) as file,
                    _verifying(file.files, options.level),
                ):
                    rows = _verified(engine, file, options.level)
            except catalogue.DAMAGED:  # found when it was opened, or when it was read
                _mark(kept, options.level, ok=False)
                raise
            _mark(kept, options.level, ok=True)
            done.append({"file": file.name, "level": options.level, "ok": True, "rows": rows})
    lines = [{"file": one["file"], "result": "ok", "level": one["level"], **one["rows"]} for one in done]
    show(lines, done, as_json=options.json)


def _verified(engine: Engine | None, file: NamedFile, level: Level) -> dict[str, int]:
    """As `verify`; an error names the file."""
    try:
        return verify(engine, file.files, level)
    except catalogue.DAMAGED as error:
        raise type(error)(f"{file.name}: {error.message}", **error.details) from error


def _verifying(files: list[AvroRows], level: str) -> AbstractContextManager[None]:
    """A bar, where rows are read."""
    return nullcontext() if level == "checksum" else _reading("verifying", files)


def compare_file(options: argparse.Namespace) -> int:
    """Compare a file or a kept backup with the database; print each table, and return the exit status."""
    settings = read_settings()
    with (
        opened_engine() as engine,
        opened(options.file, settings, partial(_here, settings), tolerant=options.ignore_extra) as file,
        _reading("comparing", file.files),
    ):
        found = [comparison.to_json() for comparison in compare(engine, file.files)]
    show(found, found, as_json=options.json)
    return 0 if all(one["same"] for one in found) else DIFFERENT


def restore_file(options: argparse.Namespace) -> None:
    """Restore a file or a kept backup and print a report for each table."""
    settings = read_settings()
    keeping = None
    with ExitStack() as stack:
        engine = stack.enter_context(opened_engine(new=not options.dry_run))
        here = partial(_here, settings)
        file = stack.enter_context(opened(options.file, settings, here, tolerant=options.ignore_extra))
        if not options.other_database and (own := here()):
            identity.require_own(own, file.database, "--other-database")
        if settings.backup_before_replace and not options.no_keep and options.mode == "replace":
            store = open_store(settings.backup_dir)
            keeping = partial(retention.kept_before, engine, store, retention_of(settings), file.name)
        if not options.dry_run and not options.yes:
            confirm(engine, file, options.mode, keeps=keeping is not None)
        with _reading("restoring", file.files):
            reports = restore(engine, file.files, options.mode, dry_run=options.dry_run, keeping=keeping)
    found = [report.to_json() for report in reports]
    show(found, found, as_json=options.json)


def migrate(options: argparse.Namespace) -> None:
    """Create the schema or bring it up to date, and print its revision before and after."""
    with opened_engine(new=True) as engine:
        with snapshot(engine) as connection:
            before = schema.revision(connection)
        schema.upgrade(engine)
    done = [{"revision": schema.newest(), "before": before}]
    show([{"revision": schema.newest(), "before": before or "none"}], done, as_json=options.json)


def reset_ids(options: argparse.Namespace) -> None:
    """Set the counters of ids back, and print the next id of each table before and after."""
    chosen = [_table(name) for name in options.tables] or tables()
    with opened_engine() as engine:
        done = [next_ids.reset(engine, table).to_json() for table in tables() if table in chosen]
    show(done, done, as_json=options.json)


def list_backups(options: argparse.Namespace) -> None:
    """Print the kept backups, newest first."""
    place = options.place or read_settings().backup_dir
    store = open_store(place)
    if options.place and not store.exists():
        raise NotFound(f"there is no {place}")
    found = catalogue.listed(store)
    if not found:
        say(f"there are no backups in {place}: the command backup keeps one")
    show([line(kept) for kept in found], [kept.to_json() for kept in found], as_json=options.json)


def serve(_options: argparse.Namespace) -> None:
    """Run gunicorn, whose configuration says what is wrong with the settings.

    It runs in this process, which has imported by now what else would be imported a second time.
    """
    sys.argv = [*GUNICORN]
    runpy.run_module(GUNICORN[0], run_name="__main__", alter_sys=True)


COMMANDS: Final[dict[str, Callable[[argparse.Namespace], int | None]]] = {
    "backup": backup,
    "verify": verify_files,
    "compare": compare_file,
    "restore": restore_file,
    "backups": list_backups,
    "migrate": migrate,
    "reset-ids": reset_ids,
    "serve": serve,
}


@contextmanager
def opened_engine(*, new: bool = False) -> Iterator[Engine]:
    """The database of the settings; a file is made only where it may be a new one."""
    url = read_settings().database_url
    if not new and not dialect_of(url).may_exist(url):
        raise DatabaseUnavailable(f"there is no database {url.database}: DATABASE_URL names the one to use")
    engine = open_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()


def _here(settings: Settings) -> Database | None:
    """The database of the settings, as far as it can be asked."""
    if not dialect_of(settings.database_url).may_exist(settings.database_url):
        return None
    try:
        with opened_engine() as engine:
            return identity.database_of(engine)
    except DatabaseUnavailable:
        return None


def retention_of(settings: Settings) -> retention.Retention:
    """How many backups are kept, by the settings."""
    return retention.Retention(settings.backup_keep, settings.backup_keep_days)


def _count(engine: Engine, chosen: Iterable[Table]) -> int:
    """How many rows the tables have."""
    with snapshot(engine) as connection:
        return sum(connection.scalar(select(func.count()).select_from(table)) or 0 for table in chosen)


def _table(name: str) -> Table:
    for table in tables():
        if name in {resource(table), table.name}:
            return table
    raise NotFound(f"there is no table {name}: choose from {', '.join(map(resource, tables()))}")


def _mark(kept: catalogue.KeptBackup | None, level: str, *, ok: bool) -> None:
    if kept is not None:
        catalogue.mark(open_store(read_settings().backup_dir), kept, level, ok=ok)


def line(kept: catalogue.KeptBackup) -> dict[str, Any]:
    """The columns of a kept backup that fit on a terminal."""
    verified = f"{kept.verified.level}{'' if kept.verified.ok else ' FAILED'}" if kept.verified else "no"
    of = identity.described(kept.database) if kept.database else ""
    columns = {"name": kept.name, "bytes": kept.bytes, **kept.rows, "verified": verified}
    return {**columns, "reason": kept.reason, "database": of}


@contextmanager
def _reading(what: str, files: Sequence[AvroRows]) -> Iterator[None]:
    """A bar of the rows of files as they are read; how many there are, only our own files say."""
    known = [file.content.rows for file in files if file.content]
    with bar(what, sum(known) if len(known) == len(files) else None) as tell:
        for file in files:
            file.tell = tell
        yield
