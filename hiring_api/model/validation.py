"""Raw row -> row, or all its errors. The Marshmallow schema derived from the table decides.

A row is a dict of every column's value by name; only a JSON row may lack `id`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, Final

from marshmallow import RAISE, Schema, ValidationError, missing

from hiring_api.model.columns import Id, Kind

from .row_errors import RowError
from .tables import kinds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from marshmallow import fields
    from sqlalchemy import Table

Row = dict[str, Any]

_MOST_ERRORS: Final = 100  # of one row: a hostile row may have a million unknown fields
_LONGEST_NAME: Final = 64
_REMEMBERED: Final = 2000  # short values and what was said of them
_SHORT: Final = 64  # characters of a text, bits of a number


@dataclass(slots=True)
class ValidatedRow:
    """A raw row with what came of it: the values of its valid columns, and the errors of the others."""

    raw: Any
    values: Row
    errors: list[RowError] = field(default_factory=list)


def validate_row(table: Table, raw: Any) -> ValidatedRow:
    """Validates a JSON value that should be a row of `table`; `id` may be left out."""
    return _validate(schema(table, id_required=False), raw, _plain(table, raw))


def validate_fields(table: Table, names: Sequence[str | None], fields: Sequence[str]) -> ValidatedRow:
    """Validates the fields of a CSV line, which spell the columns `names`; white space around is trimmed.

    A field whose name is None is ignored, and so are empty ones beyond the last name.
    """
    came = fields
    fields = without_empty_surplus(fields, len(names))
    if len(fields) != len(names):
        message = f"the line has {len(fields)} {'field' if len(fields) == 1 else 'fields'}, not {len(names)}"
        return ValidatedRow(list(fields), {}, [RowError(None, "column_count", message)])
    of = kinds(table)
    raw = {
        name: of[name].from_csv(text.strip())
        for name, text in zip(names, fields, strict=True)
        if name is not None
    }
    validated = validate_record(table, raw)
    validated.raw = list(came)
    return validated


def without_empty_surplus(fields: Sequence[str], width: int) -> Sequence[str]:
    """The fields of a CSV line, without those beyond the first `width` where these are all empty."""
    if len(fields) > width and not "".join(fields[width:]).strip():
        return fields[:width]
    return fields


def validate_record(table: Table, raw: Mapping[str, Any]) -> ValidatedRow:
    """Validates a row from a file, whose values are JSON values and which must have an `id`."""
    return _validate(schema(table, id_required=True), raw, _plain(table, raw))


def _plain(table: Table, raw: Any) -> Row:
    """The values of the columns that are plainly right, None for the others."""
    if type(raw) is not dict:
        return {}
    return {name: kind.check(raw.get(name)) for name, kind in kinds(table).items()}


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


def _validate(schema: Schema, raw: Any, plain: Row) -> ValidatedRow:
    """Lets the fields of the schema validate what is not plainly right; they alone say what is wrong.

    It is what `schema.load(raw)` says, without what that costs for each row.
    """
    if type(raw) is not dict:
        return _load(schema, raw)
    validated = ValidatedRow(raw, {name: value for name, value in plain.items() if value is not None})
    for name, column in schema.load_fields.items():
        if name not in validated.values:
            value, errors = read(column, name, raw.get(name, missing))
            validated.errors += errors
            if value is not missing:
                validated.values[name] = value
    if not raw.keys() <= schema.load_fields.keys():
        validated.errors += unknown_fields(schema.load_fields, raw, len(validated.errors))
    return validated


def unknown_fields(known: Mapping[str, Any], raw: Row, refused: int) -> tuple[RowError, ...]:
    """The errors of the members that are no columns, in a row that has so many errors already."""
    message: Any = RowSchema.error_messages["unknown"]
    unknown = [name for name in raw if name not in known][: _MOST_ERRORS - refused]
    return tuple([_row_error(name, **message) for name in unknown])


def _load(schema: Schema, raw: Any) -> ValidatedRow:
    """What the schema says of something that is no object."""
    try:
        return ValidatedRow(raw, schema.load(raw))
    except ValidationError as refused:
        found = refused.messages_dict.items()
        return ValidatedRow(
            raw, {}, [_row_error(name, **one) for name, messages in found for one in messages]
        )


def read(column: fields.Field[Any], name: str, value: Any) -> tuple[Any, tuple[RowError, ...]]:
    """The column's value, `missing` where there is none, and the errors.

    What was said of short values is remembered: in a thousand wrong rows, few are wrong in another way. Only
    of values that, when they are equal and of one type, are the same: 0.0 and -0.0 are not.
    """
    short = (
        value is None
        or value is missing
        or (isinstance(value, str) and len(value) <= _SHORT)
        or (type(value) is int and value.bit_length() <= _SHORT)
    )
    return _remembered(column, name, value) if short else _ask(column, name, value)


def _ask(column: fields.Field[Any], name: str, value: Any) -> tuple[Any, tuple[RowError, ...]]:
    try:
        return column.deserialize(value, name), ()
    except ValidationError as refused:
        return missing, tuple([_row_error(name, **message) for message in refused.messages])  # type: ignore[arg-type]


_remembered = lru_cache(_REMEMBERED, typed=True)(_ask)


def _row_error(name: str, code: str, message: str) -> RowError:
    if name == "_schema" and code != "unknown_field":
        return RowError(None, code, message)
    shown = name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…"
    return RowError(shown, code, f"{shown} {message}")
