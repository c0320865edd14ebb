"""SOURCE, as the user names it -> the file of each table, on this machine's disk."""

from __future__ import annotations

import logging
import os
import re
import shutil
import stat
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from hiring_api.errors import InvalidFile
from hiring_api.model.tables import resource, tables
from hiring_api.system.disk_full import room
from hiring_api.system.object_store import is_s3
from hiring_api.system.temp_files import ScratchFolder

from .https import from_web, is_web, without_secrets
from .s3 import from_s3, list_s3

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy import Table

log = logging.getLogger(__name__)

_ENDING = re.compile(r"\.(?:csv|txt|tsv)(?:\.gz|\.zst)?$", re.IGNORECASE)
_HIDDEN = (".", "~$")  # what systems and office programs put beside a file, under nearly its name
_LISTED = 20  # files that were not used
_FOUND = "A file is found by its table's name in its own"

_NAMED = "SOURCE, or else CSV_SOURCE, names a folder or a file"
_ADDRESS = "of addresses, https://host/file and s3://bucket/prefix are taken"


class TableNotNamed(InvalidFile):
    """Neither the source's name nor `--table` says which table it is for: wrong usage."""


@dataclass(frozen=True, slots=True)
class Found:
    """The file of a table: the name that rejects and reports give it, and its path on this machine's disk."""

    table: Table
    name: str
    path: Path


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a folder or prefix: its whole name, and why it cannot be read as a file ("" if it can)."""

    name: str
    why_not: str = ""

    @property
    def last(self) -> str:
        """The name within the folder."""
        return self.name.rstrip("/").rpartition("/")[2]


def table_of(path: str) -> Table | None:
    """The table whose name, in SQL or in URLs, is anywhere in the file's name.

    Only letters and digits count, in any case: `Copy of hiredEmployees (1).csv.gz` is for `hired_employees`.
    None if it holds the name of no table, or of several.
    """
    name = path.rpartition("/")[2]
    if name.startswith(_HIDDEN) or not _ENDING.search(name):
        return None
    plain = _plain(_ENDING.sub("", name))
    by_word = {_plain(word): table for table in tables() for word in (table.name, resource(table))}
    there = [word for word in by_word if word in plain]
    # A name within a longer one that is there as well says nothing
    longest = [word for word in there if not any(word != other and word in other for other in there)]
    found = {by_word[word].name: by_word[word] for word in longest}
    return next(iter(found.values())) if len(found) == 1 else None


def _plain(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))


@contextmanager
def opened(source: str, only: Sequence[Table], *, allow_empty: bool = False) -> Iterator[list[Found]]:
    """The files to load, parents first; those that had to be fetched are gone afterwards.

    Args:
        source: a folder, a file, an address, or `-`.
        only: the tables that are meant; all of a folder, and the one that a file is called after, if empty.
        allow_empty: a folder with nothing in it gives no files, and is no error.

    Raises:
        InvalidFile: a table has no file that can be read, or several.
        TableNotNamed: nothing says which table a file is for.
    """
    path = Path(source)
    elsewhere = source == "-" or is_web(source) or is_s3(source)
    mode = 0 if elsewhere else _mode(source)
    if elsewhere or stat.S_ISFIFO(mode):
        with ScratchFolder("hiring-files-") as folder:
            yield _fetched(source, only, folder)
    elif stat.S_ISDIR(mode):
        files = {_name_of(file): file for file in _listed_folder(source)}
        entries = [Entry(name, _why_not(file)) for name, file in files.items()]
        if allow_empty and all(entry.last.startswith(_HIDDEN) for entry in entries):
            log.info("%s is empty: there is nothing to load", source)
            yield []
            return
        yield [Found(table, name, files[name]) for table, name in chosen(source, entries, only)]
    else:
        yield [Found(_the_table(source, only), _name_of(path), path)]


def _mode(source: str) -> int:
    try:
        return Path(source).stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        why = _ADDRESS if "://" in source else _NAMED
        raise InvalidFile(f"{source} does not exist: {why}") from None
    except OSError as error:
        raise InvalidFile(f"{source} cannot be read: {error.strerror}") from None


def _listed_folder(source: str) -> list[Path]:
    try:
        return sorted(Path(source).iterdir())
    except OSError as error:
        raise InvalidFile(f"{source} cannot be read: {error.strerror}") from None


def _name_of(path: Path) -> str:
    """The name of a file in rejects and reports: its absolute path. A link keeps its own name; bytes that are
    not UTF-8 are escaped.
    """
    name = str(path.parent.resolve() / path.name)
    return os.fsencode(name).decode(errors="backslashreplace")


def _why_not(path: Path) -> str:
    """Return why a path is no readable file; "" if it is one."""
    if not path.exists():
        return "a link to nothing"
    if path.is_dir():
        return "a folder"
    if not path.is_file():
        return "no file"
    return "" if os.access(path, os.R_OK) else "may not be read"


def _fetched(source: str, only: Sequence[Table], folder: Path) -> list[Found]:
    """Copy files that are not on disk, or can be read only once, into `folder`."""
    if source == "-":
        if len(only) != 1:
            raise TableNotNamed("standard input has no name: say with --table what it is for")
        _copy(sys.stdin.buffer, folder / only[0].name)
        return [Found(only[0], "standard input", folder / only[0].name)]
    if is_web(source):
        name = without_secrets(source)
        table = _the_table(name, only)
        from_web(source, folder / table.name)
        return [Found(table, name, folder / table.name)]
    if not is_s3(source):  # a pipe, such as a shell's <(…): it can be read once
        table = _the_table(source, only)
        with Path(source).open("rb") as pipe:
            _copy(pipe, folder / table.name)
        return [Found(table, source, folder / table.name)]
    names = list_s3(source)
    if names == [source]:
        found = [(_the_table(source, only), source)]
    else:
        found = chosen(
            source, [Entry(name, "a folder" if name.endswith("/") else "") for name in names], only
        )
    for table, name in found:
        from_s3(name, folder / table.name)
    return [Found(table, name, folder / table.name) for table, name in found]


def _copy(stream: IO[bytes], target: Path) -> None:
    with room(), target.open("wb") as file:
        shutil.copyfileobj(stream, file)


def _the_table(source: str, only: Sequence[Table]) -> Table:
    """The table that a single file is for."""
    named = table_of(source)
    if len(only) == 1:
        return only[0]
    if named is None or (only and named not in only):
        names = ", ".join(known.name for known in only or tables())
        raise TableNotNamed(f"{source}: name the table it is for with --table, one of {names}")
    return named


def chosen(source: str, entries: Sequence[Entry], only: Sequence[Table]) -> list[tuple[Table, str]]:
    """The one file of each table that is meant, parents first.

    Raises:
        InvalidFile: there is none, two for one table, or one that cannot be read.
    """
    meant = only or tables()
    found: dict[str, list[Entry]] = {table.name: [] for table in meant}
    for entry in entries:
        table = table_of(entry.last)
        if table is not None and table.name in found:
            found[table.name].append(entry)
    _refuse_several(source, found)
    used = {table: entry for table in meant for entry in found[table.name] if not entry.why_not}
    unused = [entry for entry in entries if entry not in used.values()]
    if len(used) < len(meant):
        missing = ", ".join(table.name for table in meant if table not in used)
        raise InvalidFile(f"{source} has no file for {missing}{_unused(unused)}. {_FOUND}{_fewer(used)}")
    if any(not entry.last.startswith(_HIDDEN) for entry in unused):
        log.info("not used of %s: %s", source, _listed(unused))
    return [(table, entry.name) for table, entry in used.items()]


def _refuse_several(source: str, found: dict[str, list[Entry]]) -> None:
    for name, entries in found.items():
        if len(entries) > 1:
            raise InvalidFile(f"{source} has several files for {name}: {_listed(entries)}. Keep one")


def _unused(entries: Sequence[Entry]) -> str:
    return f"; not used: {_listed(entries)}" if entries else ": it is empty"


def _fewer(used: Iterable[Table]) -> str:
    names = ",".join(table.name for table in used)
    return f"; --tables {names} says that no more are meant" if names else ""


def _listed(entries: Sequence[Entry]) -> str:
    names = [f"{entry.last} ({entry.why_not})" if entry.why_not else entry.last for entry in entries]
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more
