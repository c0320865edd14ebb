"""Where the files are: SOURCE -> the file of each table."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from hiring_api.data.errors import InvalidFile
from hiring_api.data.tables import resource, tables

if TYPE_CHECKING:
    from sqlalchemy import Table

# As browsers and file managers name copies: "hired_employees (3).csv", "Jobs - Copy.CSV"
_NAME = re.compile(r"(?P<stem>.+?)(?: ?\(\d+\)| - copy)?\.(?:csv|txt|tsv)(?:\.gz|\.zst)?", re.IGNORECASE)


def table_named(name: str) -> Table | None:
    """The table that is called so, in whatever case, with spaces or hyphens for underscores."""
    plain = re.sub(r"[\s_-]+", "_", name.strip()).casefold()
    return next((table for table in tables() if plain in (table.name, resource(table))), None)


def table_of(path: str) -> Table | None:
    """The table that a file is for, by its name."""
    match = _NAME.fullmatch(path.rsplit("/", 1)[-1])
    return table_named(match["stem"]) if match else None


def find(source: str, table: str | None) -> list[tuple[Table, Path]]:
    """The files to load, parents first.

    Raises:
        InvalidFile: there is nothing to load, or two files for one table.
    """
    path = Path(source)
    if path.is_dir():
        files = [file for file in sorted(path.iterdir()) if file.is_file()]
        return _one_each(source, [(table_of(file.name), file) for file in files], table)
    if not path.exists():
        raise InvalidFile(f"{source} does not exist")
    found = table_named(table) if table else table_of(path.name)
    if found is None:
        names = ", ".join(known.name for known in tables())
        raise InvalidFile(f"{source}: name the table it is for with --table, one of {names}")
    return [(found, path)]


def _one_each(
    source: str, candidates: list[tuple[Table | None, Path]], wanted: str | None
) -> list[tuple[Table, Path]]:
    only = table_named(wanted) if wanted else None
    found = []
    for table in tables():
        paths = [path for of, path in candidates if of is table]
        if len(paths) > 1:
            listed = ", ".join(path.name for path in paths)
            raise InvalidFile(f"{source} has several files for {table.name}: {listed}. Keep one")
        if paths and only in (None, table):
            found.append((table, paths[0]))
    if not found:
        names = ", ".join(f"{table.name}.csv" for table in tables())
        raise InvalidFile(f"{source} has none of {names}")
    return found
