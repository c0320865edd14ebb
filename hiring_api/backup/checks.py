"""All of a file is validated before the first row of a table is touched."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pyroaring import BitMap
from sqlalchemy import func, select

from hiring_api.database.lookup import present
from hiring_api.errors import Conflict, InvalidRows
from hiring_api.model.conflicts import duplicate_id, unknown_reference
from hiring_api.model.tables import kinds, references, resource, tables
from hiring_api.model.validation import ValidatedRow

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection, Table

    from hiring_api.avro.reader import AvroChunk, AvroRows

SHOWN: Final = 20  # offending rows in an answer
_LOOKED_UP: Final = 5000  # ids in one query


@dataclass(slots=True)
class Checked:
    """A file whose rows all keep the row rules: their ids, and the ids that each reference needs."""

    rows: AvroRows
    ids: BitMap = field(default_factory=BitMap)
    needed: dict[str, BitMap] = field(default_factory=dict)

    @property
    def table(self) -> Table:
        """The table that the rows are of."""
        return self.rows.table


class Checker:
    """Validates the rows of a file as they pass by."""

    def __init__(self, rows: AvroRows) -> None:
        self._names = list(kinds(rows.table))
        self._wrong: list[dict[str, Any]] = []
        self._total = 0
        self._checked = Checked(rows, needed={name: BitMap() for name in references(rows.table)})

    def take(self, chunk: AvroChunk) -> None:
        """Notes the ids, references and errors of the next rows."""
        found = [_offence(at, validated) for at, validated in chunk.wrong]
        found += _doubles(self._checked, chunk, self._names.index("id"))
        for name, needed in self._checked.needed.items():
            at = self._names.index(name)
            needed.update([row[at] for row in chunk.values])
        self._total += len(found)
        self._wrong += sorted(found, key=lambda item: item["row"])[: SHOWN - len(self._wrong)]

    def done(self) -> Checked:
        """What was noted of all rows.

        Raises:
            InvalidRows: rows break a rule, or an id stands twice; `errors` has the first 20, `total` their
                number.
        """
        if self._total:
            message = f"{self._total} rows of {self._checked.table.name} break the row rules"
            raise InvalidRows(message, errors=self._wrong, total=self._total)
        return self._checked


def check(rows: AvroRows) -> Checked:
    """Reads and validates the whole file.

    Raises:
        InvalidFile: it is damaged somewhere.
        InvalidRows: as `Checker.done`.
    """
    checker = Checker(rows)
    for chunk in rows.chunks():
        checker.take(chunk)
    return checker.done()


def _offence(place: int, validated: ValidatedRow) -> dict[str, Any]:
    return {"row": place, "errors": [error.to_json() for error in validated.errors]}


def _doubles(checked: Checked, chunk: AvroChunk, at: int) -> list[dict[str, Any]]:
    """Notes the rows' ids; the rows whose id stood in the file already."""
    ids = [row[at] for row in chunk.values]
    fresh = BitMap(ids)
    if len(fresh) == len(ids) and not fresh & checked.ids:
        checked.ids |= fresh
        return []
    found = []
    for place, row_id in zip(chunk.numbers(), ids, strict=True):
        if row_id in checked.ids:
            twice = ValidatedRow(None, {}, [duplicate_id(row_id, "file")])
            found.append(_offence(place, twice))
        checked.ids.add(row_id)
    return found


def require_references(connection: Connection | None, files: Iterable[Checked], *, replace: bool) -> None:
    """Every reference of the files' rows resolves, in a file or, where that will still hold, in the database.

    Without a connection only references between the files are looked at.

    Raises:
        Conflict: some do not; `errors` has the first 20 rows, `total` their number.
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
                raise _unresolved(file, name, parent, missing)


def _unresolved(file: Checked, name: str, parent: Table, missing: BitMap) -> Conflict:
    """Reads the file once more, for the rows with references in `missing`."""
    names = list(kinds(file.table))
    at, id_at = names.index(name), names.index("id")
    found: list[dict[str, Any]] = []
    total = 0
    for chunk in file.rows.chunks():
        for row in chunk.values:
            if row[at] in missing:
                total += 1
                if len(found) < SHOWN:
                    found.append(_dangling(file.table, row[id_at], name, row[at], parent))
    message = f"{total} rows of {file.table.name} refer to rows that are not in {parent.name}"
    return Conflict(message, errors=found, total=total)


def _dangling(table: Table, row_id: int, name: str, value: int, parent: Table) -> dict[str, Any]:
    error = unknown_reference(name, value, parent)
    return {"table": resource(table), "id": row_id, "errors": [error.to_json()]}


def require_unneeded(connection: Connection, files: Iterable[Checked]) -> None:
    """No row outside the files needs a row that replacing their tables would delete.

    Raises:
        Conflict: some do; `errors` has the first 20 rows, `total` their number.
    """
    by_table = {file.table.name: file for file in files}
    for child in tables():
        for name, parent in references(child).items():
            if child.name not in by_table and parent.name in by_table:
                _require(connection, child, name, by_table[parent.name])


def _require(connection: Connection, child: Table, name: str, file: Checked) -> None:
    needed = BitMap(connection.execute(select(child.c[name]).distinct()).scalars().all())
    missing = list(needed - file.ids)
    if not missing:
        return
    still = child.c[name].in_(missing[:_LOOKED_UP])
    total = connection.execute(select(func.count()).select_from(child).where(still)).scalar_one()
    first = select(child.c.id, child.c[name]).where(still).order_by(child.c.id).limit(SHOWN)
    found = [_dangling(child, row_id, name, value, file.table) for row_id, value in connection.execute(first)]
    raise Conflict(
        f"{total} rows of {child.name} need rows of {file.table.name} that are not in the file",
        errors=found,
        total=total,
    )
