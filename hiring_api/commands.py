"""The commands of `python -m hiring_api`: their arguments, what they do, what they print."""

from __future__ import annotations

import argparse
import json
import os
import sys
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, cast

from tqdm import tqdm

from .data import catalogue
from .data.archive import open_archive, tables_in
from .data.avro_rows import AvroRows, table_of
from .data.codecs import WRITTEN
from .data.database import open_engine
from .data.errors import NotFound
from .data.restore import MODES, restore
from .data.store import open_store
from .data.tables import resource, tables
from .data.verify import LEVELS, verify
from .settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy import Engine, Table

    from .data.store import Store

_STATUSES: Final = """exit status:
  0  done
  1  failed: no such backup, no database, no room; nothing was changed
  2  wrong usage or settings
  3  a file is damaged, or rows of it break the row rules; nothing was changed
  4  the rows do not fit what is in the database; nothing was changed
  5  another restore is under way: try again later
130  interrupted; nothing was changed
"""
_ZIP: Final = b"PK"
_NEWEST: Final = "newest"
_FILE_HELP: Final = f"an .avro, a .zip, a kept backup's name, or {_NEWEST}: the newest kept one"
GUNICORN: Final = ("-m", "gunicorn", "-c", "python:hiring_api.web.gunicorn_config")


def parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    main = argparse.ArgumentParser(
        prog="python -m hiring_api",
        description="Serves the hiring API, and backs its records up.",
        epilog=_STATUSES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    main.add_argument("--json", action="store_true", help="print JSON instead of a table")
    commands = main.add_subparsers(dest="command", required=True)
    _add_backup(commands)
    _add_verify(commands)
    _add_restore(commands)
    commands.add_parser("backups", help="list the kept backups, newest first").add_argument(
        "--from", dest="place", metavar="DIR", help="a folder or s3://bucket/prefix (default: BACKUP_DIR)"
    )
    commands.add_parser("serve", help="serve the API until it is stopped")
    return main


def _add_backup(commands: Any) -> None:
    command = commands.add_parser("backup", help="keep a backup of all tables, or of those named")
    command.add_argument("tables", nargs="*", metavar="TABLE", help=", ".join(map(resource, tables())))
    command.add_argument("--to", metavar="DIR", help="a folder or s3://bucket/prefix (default: BACKUP_DIR)")
    command.add_argument("--codec", choices=WRITTEN, default=WRITTEN[0])


def _add_verify(commands: Any) -> None:
    command = commands.add_parser("verify", help="find out whether backups would restore")
    command.add_argument("files", nargs="+", metavar="FILE", help=_FILE_HELP)
    command.add_argument("--level", choices=LEVELS, default="decode")


def _add_restore(commands: Any) -> None:
    command = commands.add_parser("restore", help="bring the rows of a backup into the tables, all or none")
    command.add_argument("file", metavar="FILE", help=_FILE_HELP)
    command.add_argument("--mode", choices=MODES, default=MODES[0])
    command.add_argument("--dry-run", action="store_true", help="report what would be done")
    command.add_argument("--no-keep", action="store_true", help="do not keep what is replaced")
    command.add_argument("--ignore-extra", action="store_true", help="leave out fields that the table lacks")


def backup(options: argparse.Namespace) -> None:
    """Keeps a backup; prints its entry."""
    settings = read_settings()
    store = open_store(options.to or settings.backup_dir)
    chosen = [_table(name) for name in options.tables] or None
    with _engine() as engine:
        in_order = None if chosen is None else [table for table in tables() if table in chosen]
        with _progress() as bar:
            kept = catalogue.keep(engine, store, chosen=in_order, codec=options.codec, tell=bar.update)
    catalogue.prune(store, settings.backup_keep, settings.backup_keep_days)
    _show(options, [_line(kept)], [kept.to_json()])


def verify_files(options: argparse.Namespace) -> None:
    """Verifies files and kept backups; prints the rows of each. The first one that is damaged ends it."""
    done = []
    with ExitStack() as stack:
        engine = stack.enter_context(_engine()) if options.level == "restore" else None
        for name in options.files:
            with _opened(name, tolerant=True) as (files, kept), _progress(files):
                called = kept.name if kept else name
                try:
                    rows = verify(engine, files, options.level)
                except catalogue.DAMAGED as error:
                    _mark(kept, options.level, ok=False)
                    raise type(error)(f"{called}: {error.message}", **error.details) from error
                _mark(kept, options.level, ok=True)
            done.append({"file": called, "level": options.level, "ok": True, "rows": rows})
    _show(options, [{"file": one["file"], **cast("dict[str, int]", one["rows"])} for one in done], done)


def restore_file(options: argparse.Namespace) -> None:
    """Restores a file or a kept backup; prints the report of each table."""
    settings = read_settings()
    keeping = None
    with _engine() as engine, _opened(options.file, tolerant=options.ignore_extra) as (files, _):
        if settings.backup_before_replace and not options.no_keep:
            keeping = partial(catalogue.kept_before, engine, open_store(settings.backup_dir))
        with _progress(files):
            reports = restore(engine, files, options.mode, dry_run=options.dry_run, keeping=keeping)
    found = [report.to_json() for report in reports]
    _show(options, found, found)


def list_backups(options: argparse.Namespace) -> None:
    """Prints the kept backups."""
    place = options.place or read_settings().backup_dir
    found = catalogue.listed(open_store(place))
    if not found:
        print(f"there are no backups in {place}: the command backup keeps one", file=sys.stderr)
    _show(options, [_line(kept) for kept in found], [kept.to_json() for kept in found])


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
        kept = _newest(store) if name == _NEWEST else catalogue.find(store, name)
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


@contextmanager
def _progress(files: Sequence[AvroRows] = ()) -> Iterator[tqdm[Any]]:
    """A bar on a terminal that counts rows, of files as they are read."""
    with tqdm(unit=" rows", unit_scale=True, leave=False, disable=not sys.stderr.isatty()) as bar:
        for file in files:
            file.tell = bar.update
        yield bar


def _line(kept: catalogue.Kept) -> dict[str, Any]:
    """The columns of a kept backup that fit on a terminal."""
    verified = f"{kept.verified.level}{'' if kept.verified.ok else ' FAILED'}" if kept.verified else "no"
    return {"name": kept.name, "bytes": kept.bytes, **kept.rows, "verified": verified, "reason": kept.reason}


def _show(options: argparse.Namespace, lines: list[dict[str, Any]], items: list[dict[str, Any]]) -> None:
    if options.json:
        print(json.dumps(items, indent=2))
        return
    names = list(dict.fromkeys(name for line in lines for name in line))
    rows = [names, *([str(line.get(name, "")) for name in names] for line in lines)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(names))]
    for row in rows if lines else []:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
