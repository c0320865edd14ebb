"""The rows of a batch by column: most is asked and said of a column's values at once, which is faster."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from marshmallow import missing

from hiring_api.model.row_errors import RowError
from hiring_api.model.tables import kinds
from hiring_api.model.validation import read, schema, unknown_fields, validate_row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from marshmallow import fields
    from sqlalchemy import Table

    from hiring_api.model.row_lines import Values
    from hiring_api.model.validation import ValidatedRow


Errors = dict[int, tuple[RowError, ...]]  # by a row's index


@dataclass(frozen=True, slots=True)
class BatchRows:
    """Validated rows. `columns` has the value of each row, None where it has no valid one."""

    raws: Sequence[Any]
    columns: dict[str, Sequence[Any]] = field(default_factory=dict)
    errors: Errors = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.raws)

    def values(self, name: str) -> Sequence[Any]:
        """The values of a column, of those rows that have a valid one."""
        column = self.columns[name]
        return [value for value in column if value is not None] if None in column else column

    def tuples(self, names: Sequence[str], indexes: Sequence[int]) -> list[Values]:
        """The values of some columns of the rows at these indexes."""
        every = list(zip(*[self.columns[name] for name in names], strict=True))
        return every if len(indexes) == len(every) else [every[index] for index in indexes]

    def part(self, indexes: Sequence[int]) -> BatchRows:
        """The rows at these indexes, in this order."""
        columns: dict[str, Sequence[Any]] = {
            name: [column[index] for index in indexes] for name, column in self.columns.items()
        }
        errors = {new: self.errors[index] for new, index in enumerate(indexes) if index in self.errors}
        return BatchRows([self.raws[index] for index in indexes], columns, errors)


def by_column(table: Table, rows: Sequence[ValidatedRow]) -> BatchRows:
    """Rows that were validated one by one."""
    columns: dict[str, Sequence[Any]] = {}
    for name in kinds(table):
        columns[name] = [row.values.get(name) for row in rows]
    errors = {index: tuple(row.errors) for index, row in enumerate(rows) if row.errors}
    return BatchRows([row.raw for row in rows], columns, errors)


def validate_rows(table: Table, raws: Sequence[Any]) -> BatchRows:
    """Validate JSON values that should be rows of `table`, as `validate_row` does for each of them."""
    if set(map(type, raws)) != {dict}:
        return by_column(table, [validate_row(table, raw) for raw in raws])
    rows = BatchRows(raws)
    members = schema(table, id_required=False).load_fields
    for name, kind in kinds(table).items():
        column = [kind.check(raw.get(name)) for raw in raws]
        rows.columns[name] = _read_rest(members[name], name, rows, column) if None in column else column
    right = sum(len(column) - column.count(None) for column in rows.columns.values())
    if right < sum(map(len, raws)):
        for index, raw in enumerate(raws):
            if not raw.keys() <= members.keys():
                _add(rows, index, unknown_fields(members, raw, len(rows.errors.get(index, ()))))
    return rows


def _read_rest(member: fields.Field[Any], name: str, rows: BatchRows, column: Sequence[Any]) -> list[Any]:
    """The column, where it is None read by the field of the schema, which alone says what is wrong."""
    values = list(column)
    if not member.required and not any(name in raw for raw in rows.raws):
        return values
    for index, value in enumerate(column):
        if value is None:
            found, errors = read(member, name, rows.raws[index].get(name, missing))
            if found is not missing:
                values[index] = found
            if errors:
                _add(rows, index, errors)
    return values


def _add(rows: BatchRows, index: int, errors: tuple[RowError, ...]) -> None:
    rows.errors[index] = rows.errors[index] + errors if index in rows.errors else errors
