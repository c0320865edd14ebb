"""The refused rows of a file as a CSV file that can be corrected and loaded."""

from __future__ import annotations

import csv
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, select

from .csv_layout import REJECT
from .database import snapshot
from .rejects import rejects
from .tables import kinds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import ColumnElement, Connection, Engine, Table

_FETCHED: Final = 2000  # rows
EXTRA: Final = (REJECT, "file", "line", "record", "codes", "reasons", "surplus")


def write_rejects(engine: Engine, table: Table, source: str, folder: Path) -> Path | None:
    """Writes the unresolved rejects of `source` to `folder/TABLE.csv`; None where there are none.

    The fields stand under the names of their columns as they came; then the reject's key, its file, line
    and record, its codes and reasons, and what fields it had more than there are columns. Such a file can
    be corrected and loaded. A file of an earlier time goes when there is nothing left to repair.
    """
    path = folder / f"{table.name}.csv"
    mine = (
        (rejects.c.table_name == table.name)
        & (rejects.c.source == source[:512])
        & rejects.c.resolved_at.is_(None)
    )
    with snapshot(engine) as connection:
        if not connection.execute(select(func.count()).select_from(rejects).where(mine)).scalar_one():
            path.unlink(missing_ok=True)
            return None
        folder.mkdir(parents=True, exist_ok=True)
        _replace(path, table, _lines(connection, table, mine))
    return path


def _replace(path: Path, table: Table, lines: Iterator[list[Any]]) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(descriptor, "w", encoding="utf-8", newline="", errors="backslashreplace") as file:  # noqa: PTH123
            writer = csv.writer(file)
            writer.writerow([*kinds(table), *EXTRA])
            writer.writerows(lines)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        os.unlink(name)  # noqa: PTH108
        raise


def _lines(connection: Connection, table: Table, mine: ColumnElement[bool]) -> Iterator[list[Any]]:
    width = len(kinds(table))
    query = select(rejects).where(mine).order_by(rejects.c.line, rejects.c.id)
    for row in connection.execute(query).yield_per(_FETCHED):
        errors = json.loads(row.errors)
        codes = " ".join(dict.fromkeys(error["code"] for error in errors))
        reasons = "; ".join(error["message"] for error in errors)
        stored = json.loads(row.raw)
        raw = stored if isinstance(stored, list) else [str(stored)]
        fields = [*raw, *[""] * width][:width]
        yield [*fields, row.id, row.source, row.line, row.record, codes, reasons, " | ".join(raw[width:])]
