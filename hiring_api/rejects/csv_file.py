"""The refused rows of a file as a CSV file that can be corrected and loaded."""

from __future__ import annotations

import csv
import json
import os
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from hiring_api.csv_input.layout import REJECT, SURPLUS
from hiring_api.errors import StorageUnavailable
from hiring_api.model.tables import kinds
from hiring_api.system.disk_full import room
from hiring_api.system.temp_files import scratch_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from sqlalchemy import Table

    from hiring_api.model.row_errors import RowError

    from .record import Reject

EXTRA: Final = (REJECT, "file", "line", "record", "codes", "reasons", SURPLUS)


@dataclass(slots=True)
class RejectsFile:
    """A rejects file that is being written: `add` takes lines, `path` is its path when it is complete."""

    add: Callable[[Iterable[Sequence[Any]]], None]
    path: Path | None = None


@contextmanager
def rejects_file(folder: Path, table: Table, when: datetime) -> Iterator[RejectsFile]:
    """Write the file `folder/TABLE-<when>.csv` with the rejects of a run.

    It appears, complete, when the block is left; without any line there is none. An existing file is never
    replaced: somebody may be correcting it.

    Raises:
        StorageUnavailable: nothing can be written there.
        StorageFull: there is no room for all lines.
    """
    descriptor, written = _new_file(folder, table)
    try:
        with (
            room(f"there is no room left in {folder} for the refused rows"),
            os.fdopen(descriptor, "w", encoding="utf-8", newline="", errors="backslashreplace") as file,
        ):
            writer = csv.writer(file)
            writer.writerow(header_of(table))
            head = file.tell()
            one = RejectsFile(writer.writerows)
            yield one
            if file.tell() > head:
                file.flush()
                written.chmod(0o666 & ~_umask())
                one.path = _new_name(folder, f"{table.name}-{when:%Y%m%dT%H%M%SZ}")
                written.replace(one.path)
    finally:
        written.unlink(missing_ok=True)


def _new_name(folder: Path, stem: str) -> Path:
    """Create an empty file and return its path; two runs may begin in one second."""
    for number in count(2):
        path = folder / f"{stem}.csv"
        try:
            path.touch(exist_ok=False)
        except FileExistsError:
            stem = f"{stem[: stem.index('Z') + 1]}-{number}"
        else:
            break
    return path


def require_writable(folder: Path, table: Table) -> None:
    """Find out before a long load if `rejects_file` can write afterwards.

    Raises:
        StorageUnavailable: it cannot.
    """
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
    """Return the umask of the process; mkstemp ignores it, and lets only the owner read."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def header_of(table: Table) -> list[str]:
    """Return the names of the fields that `line_of` returns."""
    return [*kinds(table), *EXTRA]


def line_of(table: Table, source: str, reject: Reject, key: int | None = None) -> list[Any]:
    """Return the fields of a reject's line: raw fields, key, origin, codes, reasons, surplus fields."""
    width = len(kinds(table))
    came = reject.raw if isinstance(reject.raw, list) else _fields(table, reject.raw)
    fields = [*came, *[""] * width][:width]
    origin = (key, source, reject.line, reject.record)
    others = list(map(str, came[width:]))
    surplus = " | ".join(others) if "".join(others).strip() else ""
    return [*fields, *origin, *_reasons(tuple(reject.errors)), surplus]


def _fields(table: Table, raw: Any) -> list[str]:
    """The fields of a JSON row: a member for each column, then those that are no columns."""
    if not isinstance(raw, dict):
        return [_field(raw)]
    columns = kinds(table)
    others = [f"{_field(name)}={_field(value)}" for name, value in raw.items() if name not in columns]
    return [*(_field(raw.get(name)) for name in columns), *others]


def _field(value: Any) -> str:
    """A JSON value as a CSV field; a lone surrogate, which UTF-8 cannot hold, as its escape."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text.encode(errors="backslashreplace").decode()


@lru_cache(1000)
def _reasons(errors: tuple[RowError, ...]) -> tuple[str, str]:
    """The codes and the messages of errors."""
    codes = " ".join(dict.fromkeys(error.code for error in errors))
    return codes, "; ".join(error.message for error in errors)
