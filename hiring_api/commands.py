"""The commands of `python -m hiring_api`: what they do with their arguments, and what they print."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, cast

from sqlalchemy import func, select

from .arguments import NEWEST
from .data import catalogue
from .data.archive import open_archive, tables_in
from .data.avro_rows import AvroRows, table_of
from .data.database import open_engine, snapshot
from .data.errors import NotFound
from .data.restore import restore
from .data.store import open_store
from .data.tables import resource, tables
from .data.verify import verify
from .settings import read_settings
from .shown import bar, on_terminal, reading, show

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager

    from sqlalchemy import Engine, Table

    from .data.store import Store

_ZIP: Final = b"PK"
GUNICORN: Final = ("-m", "gunicorn", "-c", "python:hiring_api.web.gunicorn_config")


def backup(options: argparse.Namespace) -> None:
    """Keeps a backup; prints its entry."""
    settings = read_settings()
    store = open_store(options.to or settings.backup_dir)
    chosen = [_table(name) for name in options.tables] or None
    with _engine() as engine:
        in_order = None if chosen is None else [table for table in tables() if table in chosen]
        total = _count(engine, in_order or tables()) if on_terminal() else None
        with bar("backing up", total) as tell:
            kept = catalogue.keep(engine, store, chosen=in_order, codec=options.codec, tell=tell)
    catalogue.prune(store, settings.backup_keep, settings.backup_keep_days)
    show([_line(kept)], [kept.to_json()], as_json=options.json)


def verify_files(options: argparse.Namespace) -> None:
    """Verifies files and kept backups; prints the rows of each. The first one that is damaged ends it."""
    done: list[dict[str, Any]] = []
    with ExitStack() as stack:
        engine = stack.enter_context(_engine()) if options.level == "restore" else None
        for name in options.files:
            with _opened(name, tolerant=True) as (files, kept), _verifying(files, options.level):
                called = kept.name if kept else name
                try:
                    rows = verify(engine, files, options.level)
                except catalogue.DAMAGED as error:
                    _mark(kept, options.level, ok=False)
                    raise type(error)(f"{called}: {error.message}", **error.details) from error
                _mark(kept, options.level, ok=True)
            done.append({"file": called, "level": options.level, "ok": True, "rows": rows})
    lines = [{"file": one["file"], "result": "ok", "level": one["level"], **one["rows"]} for one in done]
    show(lines, done, as_json=options.json)


def _verifying(files: list[AvroRows], level: str) -> AbstractContextManager[None]:
    """A bar, where rows are read."""
    return nullcontext() if level == "checksum" else reading("verifying", files)


def restore_file(options: argparse.Namespace) -> None:
    """Restores a file or a kept backup; prints the report of each table."""
    settings = read_settings()
    keeping = None
    with _engine() as engine, _opened(options.file, tolerant=options.ignore_extra) as (files, _):
        if settings.backup_before_replace and not options.no_keep:
            keeping = partial(catalogue.kept_before, engine, open_store(settings.backup_dir))
        with reading("restoring", files):
            reports = restore(engine, files, options.mode, dry_run=options.dry_run, keeping=keeping)
    found = [report.to_json() for report in reports]
    show(found, found, as_json=options.json)


def list_backups(options: argparse.Namespace) -> None:
    """Prints the kept backups."""
    place = options.place or read_settings().backup_dir
    store = open_store(place)
    if options.place and not store.exists():
        raise NotFound(f"there is no {place}")
    found = catalogue.listed(store)
    if not found:
        print(f"there are no backups in {place}: the command backup keeps one", file=sys.stderr)
    show([_line(kept) for kept in found], [kept.to_json() for kept in found], as_json=options.json)


def serve(_options: argparse.Namespace) -> None:
    """Becomes gunicorn."""
    os.execv(sys.executable, [sys.executable, *GUNICORN])  # noqa: S606  # Ctrl-C is its alone


COMMANDS: Final[dict[str, Callable[[argparse.Namespace], None]]] = {
    "backup": backup,
    "verify": verify_files,
    "restore": restore_file,
    "backups": list_backups,
    "serve": serve,
}


@contextmanager
def _engine() -> Iterator[Engine]:
    engine = open_engine(read_settings().database_url)
    try:
        yield engine
    finally:
        engine.dispose()


def _count(engine: Engine, chosen: Iterable[Table]) -> int:
    """How many rows the tables have."""
    with snapshot(engine) as connection:
        return sum(connection.scalar(select(func.count()).select_from(table)) or 0 for table in chosen)


def _table(name: str) -> Table:
    for table in tables():
        if name in {resource(table), table.name}:
            return table
    raise NotFound(f"there is no table {name}: choose from {', '.join(map(resource, tables()))}")


@contextmanager
def _opened(name: str, *, tolerant: bool) -> Iterator[tuple[list[AvroRows], catalogue.Kept | None]]:
    """The files in a file, or in a kept backup of that name, and its entry."""
    path = Path(name)
    if not path.exists():
        store = open_store(read_settings().backup_dir)
        kept = _newest(store) if name == NEWEST else catalogue.find(store, name)
        with catalogue.opened(store, kept) as files:
            yield files, kept
        return
    with path.open("rb") as opened:
        file = cast("BinaryIO", opened)
        start = file.read(len(_ZIP))
        file.seek(0)
        if start == _ZIP:
            with open_archive(file, tables_in(file), ignore_extra=tolerant) as files:
                yield files, None
        else:
            yield [AvroRows(file, table_of(file, path.name), ignore_extra=tolerant)], None


def _newest(store: Store) -> catalogue.Kept:
    for kept in catalogue.listed(store):
        return kept
    raise NotFound("there are no backups: the command backup keeps one")


def _mark(kept: catalogue.Kept | None, level: str, *, ok: bool) -> None:
    if kept is not None:
        catalogue.mark(open_store(read_settings().backup_dir), kept, level, ok=ok)


def _line(kept: catalogue.Kept) -> dict[str, Any]:
    """The columns of a kept backup that fit on a terminal."""
    verified = f"{kept.verified.level}{'' if kept.verified.ok else ' FAILED'}" if kept.verified else "no"
    return {"name": kept.name, "bytes": kept.bytes, **kept.rows, "verified": verified, "reason": kept.reason}
