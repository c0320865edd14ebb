"""Validate a whole backup file before the first row of a table is changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pyroaring import BitMap
from sqlalchemy import func, select

from hiring_api.database.lookup import present
from hiring_api.errors import Conflict, InvalidRows
from hiring_api.model.conflicts import duplicate_id, unknown_reference
from hiring_api.model.tables import kinds, references, resource, tables

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection, Table

    from hiring_api.avro.reader import AvroChunk, AvroRows
    from hiring_api.model.row_errors import RowError

SHOWN: Final = 20  # wrong rows in an error
_TOGETHER: Final = 5000  # ids in one query


@dataclass(slots=True)
class Checked:
    """A file whose rows are all valid: their ids, and by referring column the ids that they refer to."""

    rows: AvroRows
    ids: BitMap = field(default_factory=BitMap)
    needed: dict[str, BitMap] = field(default_factory=dict)

    @property
    def table(self) -> Table:
        """The table that the rows belong to."""
        return self.rows.table


class Checker:
    """Collects the ids, references and errors of a file's rows, chunk by chunk."""

    def __init__(self, rows: AvroRows) -> None:
        self._names = list(kinds(rows.table))
        self._errors: list[dict[str, Any]] = []  # of the first wrong rows
        self._total = 0  # wrong rows
        self._checked = Checked(rows, needed={name: BitMap() for name in references(rows.table)})

    def add(self, chunk: AvroChunk) -> None:
        """Add the next rows of the file."""
        wrong = [_errors_of(number, validated.errors) for number, validated in chunk.wrong]
        wrong += self._duplicates(chunk)
        for name, needed in self._checked.needed.items():
            index = self._names.index(name)
            needed.update([row[index] for row in chunk.values])
        self._total += len(wrong)
        self._errors += sorted(wrong, key=lambda item: item["row"])[: SHOWN - len(self._errors)]

    def _duplicates(self, chunk: AvroChunk) -> list[dict[str, Any]]:
        """Add the ids of the rows; return the errors of rows whose id the file had before."""
        index, seen = self._names.index("id"), self._checked.ids
        ids = [row[index] for row in chunk.values]
        new = BitMap(ids)
        if len(new) == len(ids) and not new & seen:
            self._checked.ids |= new
            return []
        found = []
        for number, row_id in zip(chunk.numbers(), ids, strict=True):
            if row_id in seen:
                found.append(_errors_of(number, [duplicate_id(row_id, "file")]))
            seen.add(row_id)
        return found

    def result(self) -> Checked:
        """Return what was collected, after the last row.

        Raises:
            InvalidRows: rows break a row rule, or an id occurs twice; `errors` has the first 20 such rows,
                `total` is their number.
        """
        if self._total:
            message = f"{self._total} rows of {self._checked.table.name} break the row rules"
            raise InvalidRows(message, errors=self._errors, total=self._total)
        return self._checked


def check(rows: AvroRows) -> Checked:
    """Read and validate a whole file.

    Raises:
        InvalidFile: it is damaged somewhere.
        InvalidRows: as `Checker.result`.
    """
    checker = Checker(rows)
    for chunk in rows.chunks():
        checker.add(chunk)
    return checker.result()


def _errors_of(number: int, errors: Iterable[RowError]) -> dict[str, Any]:
    return {"row": number, "errors": [error.to_json() for error in errors]}


def require_references(connection: Connection | None, files: Iterable[Checked], *, replace: bool) -> None:
    """Require every reference of the files' rows to exist, in a file or in the database.

    Args:
        connection: None to look only at references between the files.
        files: the files, one for each table at most.
        replace: True if the files' tables lose their present rows, so that these do not count.

    Raises:
        Conflict: some do not exist; `errors` has the first 20 rows, `total` is their number.
    """
    by_table = {file.table.name: file for file in files}
    for file in by_table.values():
        for name, parent in references(file.table).items():
            missing = file.needed[name]
            if parent.name in by_table:
                missing = missing - by_table[parent.name].ids
            if missing and not (replace and parent.name in by_table):
                missing = missing - (missing if connection is None else present(connection, parent, missing))
            if missing:
                raise _unknown_references(file, name, parent, missing)


def _unknown_references(file: Checked, name: str, parent: Table, missing: BitMap) -> Conflict:
    """Read the file once more, for the rows whose reference `name` is among the missing ids."""
    names = list(kinds(file.table))
    index, id_index = names.index(name), names.index("id")
    found: list[dict[str, Any]] = []
    total = 0
    for chunk in file.rows.chunks():
        for row in chunk.values:
            if row[index] in missing:
                total += 1
                if len(found) < SHOWN:
                    found.append(_unknown_reference(file.table, row[id_index], name, row[index], parent))
    message = f"{total} rows of {file.table.name} refer to rows that are not in {parent.name}"
    return Conflict(message, errors=found, total=total)


def _unknown_reference(table: Table, row_id: int, name: str, value: int, parent: Table) -> dict[str, Any]:
    error = unknown_reference(name, value, parent)
    return {"table": resource(table), "id": row_id, "errors": [error.to_json()]}


def require_unneeded(connection: Connection, files: Iterable[Checked]) -> None:
    """Require that no row of another table refers to a row that replacing the files' tables deletes.

    Raises:
        Conflict: some do; `errors` has the first 20 rows, `total` is their number.
    """
    by_table = {file.table.name: file for file in files}
    for child in tables():
        for name, parent in references(child).items():
            if child.name in by_table or parent.name not in by_table:
                continue
            column = child.c[name]
            referred = BitMap(connection.execute(select(column).distinct()).scalars().all())
            missing = list(referred - by_table[parent.name].ids)
            if not missing:
                continue
            orphaned = column.in_(missing[:_TOGETHER])
            total = connection.execute(select(func.count()).select_from(child).where(orphaned)).scalar_one()
            first = select(child.c.id, column).where(orphaned).order_by(child.c.id).limit(SHOWN)
            raise Conflict(
                f"{total} rows of {child.name} need rows of {parent.name} that are not in the file",
                errors=[
                    _unknown_reference(child, row_id, name, value, parent)
                    for row_id, value in connection.execute(first)
                ],
                total=total,
            )
