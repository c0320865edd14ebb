"""Find the layout of a CSV file: its separator, and the column of each field, by header or by position."""

from __future__ import annotations

import re
from io import BytesIO
from typing import TYPE_CHECKING, Final

from hiring_api.errors import InvalidFile
from hiring_api.model.tables import kinds, synonyms, tables

from .chunks import Layout, Position
from .records import read_chunks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Table

DELIMITERS: Final = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
REJECT: Final = "reject"  # the column of a rejects file that has the key of each reject
SURPLUS: Final = "surplus"  # and the one that has the fields for which there is no column
IGNORED: Final = "_"
REMEDY: Final = "Correct it, or name the columns to the migration job with --columns"
_SAMPLED: Final = 200  # records
_LINE_END: Final = re.compile(r"\r?\n|\r")
_NOT_LETTERS: Final = re.compile(r"[\W_]+")

Names = tuple[str | None, ...]


def find_layout(
    table: Table, sample: bytes, delimiter: str | None = None, columns: Sequence[str] | None = None
) -> Layout:
    """The layout of a file of rows of `table` that begins with `sample`, in UTF-8.

    Args:
        table: what the file is to hold.
        sample: the file's beginning; its last line may be cut.
        delimiter: the separator, where the user names it.
        columns: the columns in the order of the fields, where the user names them; `_` for one to ignore.

    Raises:
        InvalidFile: the header names only some of the columns, one of them twice, or another table's.
    """
    samples = {sign: _first_records(sample, sign) for sign in ([delimiter] if delimiter else DELIMITERS)}
    chosen = max(samples, key=lambda sign: _score(table, [fields for fields, _ in samples[sign]]))
    cells, starts = next((one for one in samples[chosen] if "".join(one[0]).strip()), ([], 0))
    if columns is not None:
        names = tuple(None if name == IGNORED else name for name in columns)
        return Layout(names, chosen, starts if _is_header(table, cells) else 0)
    header = _header(table, cells)
    if header is None:
        return Layout(tuple(kinds(table)), chosen)
    if REJECT not in cells:
        return Layout(header, chosen, starts)
    surplus = cells.index(SURPLUS) if SURPLUS in cells else None
    return Layout(header, chosen, starts, cells.index(REJECT), surplus)


def _first_records(sample: bytes, delimiter: str) -> list[tuple[list[str], int]]:
    """The first records, each with the number of lines up to its end."""
    records: list[tuple[list[str], int]] = []
    for chunk in read_chunks(BytesIO(sample), Layout((), delimiter), Position()):
        for index in range(min(_SAMPLED - len(records), len(chunk.fields))):
            fields = chunk.fields[index]
            within = 0 if index in chunk.broken else sum(len(_LINE_END.findall(text)) for text in fields)
            records.append((fields, chunk.lines[index] + within))
        if len(records) == _SAMPLED:
            break
    return records


def _score(table: Table, records: Sequence[list[str]]) -> tuple[bool, int, int]:
    """Rate a separator: if it gives a header, how many valid rows, and how many rows of the right width."""
    records = [record for record in records if len(record) > 1]
    of = list(kinds(table).values())
    wide = [record for record in records if len(record) == len(of)]
    columns = [
        [kind.check(kind.from_csv(cell.strip())) for cell in cells]
        for kind, cells in zip(of, zip(*wide, strict=True), strict=False)
    ]
    right = sum(None not in row for row in zip(*columns, strict=True))
    named = bool(records) and len(_matches(table, records[0])) > 1
    return named, right, len(wide)


def _letters(name: str) -> str:
    """The letters and digits of a header's cell, in lower case: "Hire Date" is hire_date is hiredate."""
    return _NOT_LETTERS.sub("", name.casefold())


def _matches(table: Table, cells: Sequence[str]) -> dict[str, list[int]]:
    """The cells that name each column: those that have its own name, else those that have a synonym."""
    letters = [_letters(cell) for cell in cells]
    found = {}
    for column in kinds(table):
        own = [index for index, name in enumerate(letters) if name == _letters(column)]
        others = {_letters(word) for word in synonyms(table, column)}
        indexes = own or [index for index, name in enumerate(letters) if name in others]
        if indexes:
            found[column] = indexes
    return found


def _is_header(table: Table, cells: Sequence[str]) -> bool:
    """True if a first record is meant as a header: it names columns, or numbers them as pandas does."""
    if [cell.strip() for cell in cells] == [str(index) for index in range(len(cells))]:
        return True
    numbers = any(cell.strip().replace(".", "", 1).isdigit() for cell in cells)
    matches = _matches(table, cells)
    complete = len(matches) == len(kinds(table))
    return not numbers and bool(matches) and (complete or all(cell.strip() for cell in cells))


def _header(table: Table, cells: Sequence[str]) -> Names | None:
    """The column of each field by the header; None where there is none."""
    if not _is_header(table, cells):
        return None
    matches = _matches(table, cells)
    if not matches:
        return tuple(kinds(table))
    missing = [name for name in kinds(table) if name not in matches]
    shown = ", ".join(cell.strip()[:64] for cell in cells[:20])
    if missing:
        raise InvalidFile(
            f"the header names only some columns of {table.name}: found {shown}; "
            f"missing {', '.join(missing)}. {REMEDY}"
        )
    for name, indexes in matches.items():
        if len(indexes) > 1:
            raise InvalidFile(f"the header names {name} {len(indexes)} times: {shown}. {REMEDY}")
    other = _other_table(table, cells)
    if other is not None:
        raise InvalidFile(f"the header is that of {other.name}, not of {table.name}: {shown}. {REMEDY}")
    by_index = {indexes[0]: name for name, indexes in matches.items()}
    return tuple(by_index.get(index) for index in range(len(cells)))


def _other_table(table: Table, cells: Sequence[str]) -> Table | None:
    """The larger table that a header names in full while it names a column of `table` by a synonym only.

    Employees have a `name` too: without this, theirs would become the names of jobs.
    """
    letters = {_letters(cell) for cell in cells}

    def named(candidate: Table) -> bool:
        return {_letters(column) for column in kinds(candidate)} <= letters

    larger = (other for other in tables() if len(kinds(other)) > len(kinds(table)))
    return None if named(table) else next((other for other in larger if named(other)), None)
