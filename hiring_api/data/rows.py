"""Raw row -> row, or all its errors. The Marshmallow schema derived from the table is the judge.

A row is a dict of every column's value by name; only a JSON row may lack `id`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

from marshmallow import RAISE, Schema, ValidationError

from .columns import Id, Kind
from .tables import kinds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Table

Row = dict[str, Any]

_MOST_ERRORS = 100  # of one row: a hostile row may have a million unknown fields
_LONGEST_NAME = 64


@dataclass(frozen=True, slots=True)
class RowError:
    """One reason why a row was refused. `field` is None where the row as a whole is wrong."""

    field: str | None
    code: str
    message: str

    def to_json(self) -> dict[str, Any]:
        """The error as users see it."""
        return {"field": self.field, "code": self.code, "message": self.message}


@dataclass(slots=True)
class Judged:
    """A raw row with what came of it: the values of its valid columns, and the errors of the others."""

    raw: Any
    values: Row
    errors: list[RowError] = field(default_factory=list)


def judge(table: Table, raw: Any) -> Judged:
    """Judges a JSON value that should be a row of `table`; `id` may be left out."""
    row = quick_row(table, raw)
    if row is not None:
        return Judged(raw, row)
    return _load(schema(table, id_required=False), table, raw)


def judge_fields(table: Table, names: Sequence[str | None], fields: Sequence[str]) -> Judged:
    """Judges the fields of a CSV line, which spell the columns `names`; white space around is trimmed.

    A field whose name is None is ignored.
    """
    if len(fields) != len(names):
        message = f"the line has {len(fields)} fields, not {len(names)}"
        return Judged(list(fields), {}, [RowError(None, "column_count", message)])
    of = kinds(table)
    raw = {
        name: of[name].from_csv(text.strip())
        for name, text in zip(names, fields, strict=True)
        if name is not None
    }
    judged = _load(schema(table, id_required=True), table, raw)
    judged.raw = list(fields)
    return judged


def judge_record(table: Table, raw: Mapping[str, Any]) -> Judged:
    """Judges a row from a file, whose values are JSON values and which must have an `id`."""
    return _load(schema(table, id_required=True), table, raw)


def quick_row(table: Table, raw: Any) -> Row | None:
    """The row that `raw` plainly is; None where only the schema can tell."""
    if type(raw) is not dict:
        return None
    row = _quick_values(table, raw)
    # What is left of the raw row is no column, or not plainly right; only the id may be missing
    return row if len(row) == len(raw) and len(raw) >= len(_quick(table)) - ("id" not in raw) else None


def _quick_values(table: Table, raw: dict[str, Any]) -> Row:
    """The values of the columns that are plainly right."""
    row = {}
    for name, quick in _quick(table):
        if name in raw and (value := quick(raw[name])) is not None:
            row[name] = value
    return row


@cache
def _quick(table: Table) -> list[tuple[str, Any]]:
    return [(name, kind.quick) for name, kind in kinds(table).items()]


class RowSchema(Schema):
    """The base of the schemas derived from tables."""

    class Meta:
        """What is no column is an error."""

        unknown = RAISE

    error_messages: ClassVar[dict[str, Any]] = {  # type: ignore[misc]
        "unknown": {"code": "unknown_field", "message": "is not a column of this table"},
        "type": {"code": "invalid_type", "message": "a row must be an object"},
    }


@cache
def schema(table: Table, *, id_required: bool) -> Schema:
    """The Marshmallow schema of a table's rows. The id may be left out unless `id_required`."""

    def field_of(kind: Kind) -> Any:
        return kind.field(required=id_required or not isinstance(kind, Id))

    members = {name: field_of(kind) for name, kind in kinds(table).items()}
    title = table.name.title().replace("_", "")
    made: type[Schema] = type(f"{title}Row" if id_required else f"{title}NewRow", (RowSchema,), members)
    return made()


def _load(schema: Schema, table: Table, raw: Any) -> Judged:
    """Lets the schema judge what is not plainly right; it alone says what is wrong."""
    values: Row = {}
    rest = raw
    if type(raw) is dict:
        values = _quick_values(table, raw)
        rest = {name: value for name, value in raw.items() if name not in values}
    try:
        return Judged(raw, values | schema.load(rest, partial=tuple(values)))
    except ValidationError as refused:
        valid = refused.valid_data if isinstance(refused.valid_data, dict) else {}
        return Judged(raw, values | valid, _row_errors(table, refused))


def _row_errors(table: Table, refused: ValidationError) -> list[RowError]:
    """In the order of the table's columns, then the unknown fields as they came."""
    came = refused.data if isinstance(refused.data, dict) else {}
    order = {name: place for place, name in enumerate({**table.columns, **came})}
    found = sorted(refused.messages_dict.items(), key=lambda item: order.get(item[0], len(order)))
    return [_row_error(name, **message) for name, messages in found[:_MOST_ERRORS] for message in messages]


def _row_error(name: str, code: str, message: str) -> RowError:
    if name == "_schema" and code != "unknown_field":
        return RowError(None, code, message)
    shown = name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…"
    return RowError(shown, code, f"{shown} {message}")
