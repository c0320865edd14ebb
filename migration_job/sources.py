"""Where the files are: SOURCE -> the file of each table."""

from __future__ import annotations

import re
import shutil
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from hiring_api.data.backup import room
from hiring_api.data.errors import InvalidFile
from hiring_api.data.scratch import ScratchFolder
from hiring_api.data.tables import resource, tables

from .s3 import from_s3, is_s3, list_s3
from .web import from_web, is_web, without_secrets

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Table

# As browsers and file managers name copies: "hired_employees (3).csv", "Jobs - Copy.CSV"
_NAME = re.compile(r"(?P<stem>.+?)(?: ?\(\d+\)| - copy)?\.(?:csv|txt|tsv)(?:\.gz|\.zst)?", re.IGNORECASE)

_NAMED = "SOURCE, or else CSV_SOURCE, names a folder or a file"
_ADDRESS = "of addresses, https://host/file and s3://bucket/prefix are taken"


class TableNotNamed(InvalidFile):
    """Neither the source's name nor `--table` says which table it is for: wrong usage."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file for a table: what it is called for the record, and where it is on this machine's disk."""

    table: Table
    name: str
    path: Path


def table_named(name: str) -> Table | None:
    """The table that is called so, in whatever case, with spaces or hyphens for underscores."""
    plain = re.sub(r"[\s_-]+", "_", name.strip()).casefold()
    return next((table for table in tables() if plain in (table.name, resource(table))), None)


def table_of(path: str) -> Table | None:
    """The table that a file is for, by its name."""
    match = _NAME.fullmatch(path.rsplit("/", 1)[-1])
    return table_named(match["stem"]) if match else None


@contextmanager
def opened(source: str, table: str | None) -> Iterator[list[Found]]:
    """The files to load, parents first; those that had to be fetched are gone afterwards.

    Raises:
        InvalidFile: there is nothing to load, or two files for one table.
    """
    only = table_named(table) if table else None
    path = Path(source)
    elsewhere = source == "-" or is_web(source) or is_s3(source)
    if elsewhere or path.is_fifo():
        with ScratchFolder("hiring-files-") as folder:
            yield _fetched(source, only, folder)
    elif path.is_dir():
        names = [str(file.resolve()) for file in sorted(path.iterdir()) if file.is_file()]
        yield [Found(of, name, Path(name)) for of, name in chosen(source, names, only)]
    elif not path.exists():
        raise InvalidFile(f"{source} does not exist: {_ADDRESS if '://' in source else _NAMED}")
    else:
        yield [Found(only if only is not None else _named_by(source), str(path.resolve()), path)]


def _fetched(source: str, only: Table | None, folder: Path) -> list[Found]:
    """Files from elsewhere, copied into `folder`."""
    if source == "-":
        if only is None:
            raise TableNotNamed("standard input has no name: say with --table what it is for")
        _copy(sys.stdin.buffer, folder / only.name)
        return [Found(only, "standard input", folder / only.name)]
    if is_web(source):
        name = without_secrets(source)
        table = only if only is not None else _named_by(name)
        from_web(source, folder / table.name)
        return [Found(table, name, folder / table.name)]
    if not is_s3(source):  # a pipe, such as a shell's <(…): it can be read once
        table = only if only is not None else _named_by(source)
        with Path(source).open("rb") as pipe:
            _copy(pipe, folder / table.name)
        return [Found(table, source, folder / table.name)]
    names = list_s3(source)
    found = [(only, source)] if only is not None and names == [source] else chosen(source, names, only)
    for table, name in found:
        from_s3(name, folder / table.name)
    return [Found(table, name, folder / table.name) for table, name in found]


def _copy(stream: BinaryIO, target: Path) -> None:
    with room(), target.open("wb") as file:
        shutil.copyfileobj(stream, file)


def _named_by(source: str) -> Table:
    found = table_of(source)
    if found is None:
        names = ", ".join(known.name for known in tables())
        raise TableNotNamed(f"{source}: name the table it is for with --table, one of {names}")
    return found


def chosen(source: str, names: Sequence[str], only: Table | None) -> list[tuple[Table, str]]:
    """The one file of each table among `names`, or that of the table `only`, parents first.

    Raises:
        InvalidFile: there is none, or two for one table.
    """
    found = []
    for table in tables():
        candidates = [name for name in names if table_of(name) is table]
        if only not in (None, table) or not candidates:
            continue
        if len(candidates) > 1:
            listed = ", ".join(name.rsplit("/", 1)[-1] for name in candidates)
            raise InvalidFile(f"{source} has several files for {table.name}: {listed}. Keep one")
        found.append((table, candidates[0]))
    if not found:
        wanted = ", ".join(f"{table.name}.csv" for table in tables() if only in (None, table))
        raise InvalidFile(f"{source} has none of {wanted}")
    return found
