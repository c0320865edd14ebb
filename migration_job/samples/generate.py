"""Sample data in the shape of the exercise's files: `python -m migration_job.samples FOLDER`.

Headerless CSV files for all tables, with dense ids and hirings in 2021 and 2022. Some hirings lack exactly
one field. The same arguments give the same bytes; rows are streamed, so there may be many millions.
"""

from __future__ import annotations

import argparse
import csv
import sys
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final

from hiring_api.model.columns import Id, Instant, Kind, Reference
from hiring_api.model.tables import kinds, references, resource, tables

from .words import DEPARTMENTS, FIRST_NAMES, JOBS, LAST_NAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy import Table

_WORDS: Final = {"departments": DEPARTMENTS, "jobs": JOBS}
_FIRST_DAY: Final = date(2021, 1, 1)
_DAYS: Final = 730
# How often each field is the missing one: for a reference by the table it points to
_MISSING: Final = {"departments": 21, "text": 19, "jobs": 16, "instant": 14}

EMPLOYEES: Final = 1999
SEED: Final = 2021
WRONG_SHARE: Final = 70 / EMPLOYEES


def write(
    folder: Path, *, employees: int = EMPLOYEES, seed: int = SEED, wrong_share: float = WRONG_SHARE
) -> dict[str, int]:
    """Write one file for each table into `folder`; return the number of rows of each, by table name.

    `wrong_share`, from 0 to 1, is the part of the rows with references that lack one field.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sizes: dict[str, int] = {}
    for position, table in enumerate(tables()):
        random = Random(f"{seed} {table.name}")  # noqa: S311  # sample data are no secret
        sizes[table.name] = employees if references(table) else len(_words(table))
        wrong = round(sizes[table.name] * wrong_share) if references(table) else 0
        _write_file(folder / f"{table.name}.csv", _rows(table, sizes, wrong, random), newline=position == 0)
    return sizes


def _write_file(path: Path, rows: Iterator[list[str]], *, newline: bool) -> None:
    """Write rows as CSV. The last line ends only if `newline`: real exports have both forms.

    The file has another name until it is complete: a folder never holds half a file that looks whole.
    """
    part = path.with_suffix(".part")
    with part.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
    if not newline and part.stat().st_size:
        with part.open("rb+") as bytes_:
            bytes_.truncate(part.stat().st_size - 1)
    part.replace(path)


def _rows(table: Table, sizes: dict[str, int], wrong: int, random: Random) -> Iterator[list[str]]:
    makers = [_field_maker(table, kind, sizes, random) for kind in kinds(table).values()]
    blanks = _missing_fields(table, wrong, random)
    lacking = dict(zip(sorted(random.sample(range(sizes[table.name]), wrong)), blanks, strict=True))
    for index in range(sizes[table.name]):
        row = [make(index) for make in makers]
        if index in lacking:
            row[lacking[index]] = ""
        yield row


def _missing_fields(table: Table, wrong: int, random: Random) -> list[int]:
    """The positions of the missing fields of `wrong` rows, in the proportions of `_MISSING`."""
    positions: list[int] = []
    for position, kind in enumerate(kinds(table).values()):
        positions += [position] * _MISSING.get(_missing_key(kind), 0)
    blanks = [positions[index % len(positions)] for index in range(wrong)]
    random.shuffle(blanks)
    return blanks


def _missing_key(kind: Kind) -> str:
    return kind.table if isinstance(kind, Reference) else type(kind).__name__.lower()


def _words(table: Table) -> Sequence[str]:
    """The texts of a table whose rows refer to no other, one for each row."""
    return _WORDS.get(resource(table)) or [f"{resource(table)} {number}" for number in range(1, 13)]


def _field_maker(table: Table, kind: Kind, sizes: dict[str, int], random: Random) -> Callable[[int], str]:
    """A function from the row's index to the CSV field of this column."""
    number = random.random
    if isinstance(kind, Id):
        return lambda index: str(index + 1)
    if isinstance(kind, Reference):
        count = sizes[kind.table]
        return lambda _: str(1 + int(count * number() ** 1.3))  # some departments hire more than others
    if isinstance(kind, Instant):
        days = [f"{_FIRST_DAY + timedelta(days=day)}T" for day in range(_DAYS)]
        clock = [f"{hour:02}:{minute:02}:" for hour in range(24) for minute in range(60)]
        seconds = [f"{second:02}Z" for second in range(60)]
        return lambda _: (
            days[int(_DAYS * number())] + clock[int(1440 * number())] + seconds[int(60 * number())]
        )
    if not references(table):
        return _words(table).__getitem__
    first, last = len(FIRST_NAMES), len(LAST_NAMES)
    return lambda _: f"{FIRST_NAMES[int(first * number())]} {LAST_NAMES[int(last * number())]}"


def _share(text: str) -> float:
    share = float(text)
    if not 0 <= share <= 1:
        raise ValueError
    return share


def _count(text: str) -> int:
    count = int(text)
    if count < 0:
        raise ValueError
    return count


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the files, print their sizes, and return the exit status: 0, or 1 if a file cannot be written."""
    parser = argparse.ArgumentParser(prog="python -m migration_job.samples", description=__doc__)
    parser.add_argument("folder", type=Path, help="made if it is not there; files in it are replaced")
    parser.add_argument("--employees", type=_count, default=EMPLOYEES, metavar="N")
    parser.add_argument("--seed", type=int, default=SEED, metavar="N")
    parser.add_argument(
        "--wrong-share", type=_share, default=WRONG_SHARE, metavar="X", help="0 to 1 (default: 70 of 1999)"
    )
    given = parser.parse_args(arguments)
    try:
        sizes = write(given.folder, employees=given.employees, seed=given.seed, wrong_share=given.wrong_share)
    except OSError as error:
        sys.stderr.write(f"{given.folder}: {error.strerror}\n")
        return 1
    for name, rows in sizes.items():
        sys.stdout.write(f"{given.folder / name}.csv: {rows} rows\n")
    return 0
