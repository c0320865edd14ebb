"""The refused rows of a file as a CSV file that can be corrected and loaded."""

from __future__ import annotations

import csv
import filecmp
import os
from contextlib import contextmanager
from functools import lru_cache
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from .backup import room
from .csv_layout import REJECT, SURPLUS
from .database import snapshot
from .errors import StorageUnavailable
from .loads import loads
from .packs import reject_packs, unpacked
from .scratch import scratch_file
from .tables import kinds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from sqlalchemy import ColumnElement, Connection, Engine, Table

    from .packs import Kept, Reject
    from .rows import RowError

_FETCHED: Final = 4  # packs
EXTRA: Final = (REJECT, "file", "line", "record", "codes", "reasons", SURPLUS)


@contextmanager
def rejects_file(folder: Path, table: Table) -> Iterator[Callable[[Iterable[Sequence[Any]]], None]]:
    """A function that adds lines to `folder/TABLE.csv`, which is there, complete, when the block is left.

    Without any line there is no file. One that was there before and says something else is kept as
    `TABLE.previous.csv`: somebody may have been correcting it.

    Raises:
        StorageUnavailable: nothing can be written there.
        StorageFull: there is no room for all lines.
    """
    descriptor, written = _new_file(folder, table)
    path = folder / f"{table.name}.csv"
    try:
        with (
            room(f"there is no room left in {folder} for the refused rows"),
            os.fdopen(descriptor, "w", encoding="utf-8", newline="", errors="backslashreplace") as file,
        ):
            writer = csv.writer(file)
            writer.writerow([*kinds(table), *EXTRA])
            head = file.tell()
            yield writer.writerows
            empty = file.tell() == head
            file.flush()
            if path.exists() and not filecmp.cmp(path, written, shallow=False):
                path.replace(folder / f"{table.name}.previous.csv")
            if not empty:
                written.chmod(0o666 & ~_umask())
                written.replace(path)
    finally:
        written.unlink(missing_ok=True)


def require_writable(folder: Path, table: Table) -> None:
    """Finds out before a long load whether `rejects_file` could write afterwards; raises as it does."""
    descriptor, path = _new_file(folder, table)
    path.unlink()
    os.close(descriptor)


def _new_file(folder: Path, table: Table) -> tuple[int, Path]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return scratch_file(folder, f".{table.name}.")
    except OSError as error:
        raise StorageUnavailable(
            f"the refused rows cannot be written into {folder} ({error.strerror}): set REJECTS_DIR"
        ) from error


def _umask() -> int:
    """What the user wants others not to have; mkstemp shuts everybody out."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def line_of(table: Table, source: str, reject: Reject, key: int | None = None) -> list[Any]:
    """The line of a reject: its fields, its key, where it was, its codes and reasons, its surplus fields."""
    width = len(table.columns)
    came = reject.raw if isinstance(reject.raw, list) else [str(reject.raw)]
    fields = [*came, *[""] * width][:width]
    place = (key, source, reject.line, reject.record)
    return [*fields, *place, *_reasons(tuple(reject.errors)), " | ".join(came[width:])]


@lru_cache(1000)
def _reasons(errors: tuple[RowError, ...]) -> tuple[str, str]:
    """The codes and the messages of errors."""
    codes = " ".join(dict.fromkeys(error.code for error in errors))
    return codes, "; ".join(error.message for error in errors)


def write_rejects(engine: Engine, table: Table, source: str | None, folder: Path) -> Path | None:
    """Writes what is still to be repaired to `folder/TABLE.csv`; None where that is nothing.

    `source` is the file that the rows came from; with None it is all that were ever loaded by the migration
    job, for a rejects file that was given back has rows of other files.
    """
    pack = reject_packs.c
    loaded = select(loads.c.source).where(loads.c.table_name == table.name)
    theirs = pack.source.in_(loaded) if source is None else pack.source == source[:512]
    mine = (pack.table_name == table.name) & (pack.unresolved > 0) & theirs
    with snapshot(engine) as connection, rejects_file(folder, table) as add:
        add(line_of(table, of, kept.reject, kept.key) for of, kept in _by_line(connection, mine))
    path = folder / f"{table.name}.csv"
    return path if path.exists() else None


def _by_line(connection: Connection, mine: ColumnElement[bool]) -> Iterator[tuple[str, Kept]]:
    """What is to be repaired, with its source, by source and line.

    A pack is taken apart when its first line's turn comes: of the packs of one load, one at a time.
    """
    pack = reject_packs.c
    query = select(reject_packs).where(mine).order_by(pack.source, pack.first_line, pack.id)
    waiting: list[tuple[str, int, int, Kept]] = []
    for found in connection.execute(query, execution_options={"yield_per": _FETCHED}):
        while waiting and waiting[0][:2] < (found.source, found.first_line or 0):
            source, *_, kept = heappop(waiting)
            yield source, kept
        for kept in unpacked(found):
            if kept.resolved_at is None:
                heappush(waiting, (found.source, kept.reject.line or 0, kept.key, kept))
    for source, *_, kept in sorted(waiting):
        yield source, kept
