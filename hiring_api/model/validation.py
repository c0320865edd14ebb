"""Validate a row: raw values in, the row or all of its errors out.

The Marshmallow schema derived from the table decides. A row is a dict with the value of every column by name;
only a JSON row may lack `id`.
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
    """A raw row with the values of its valid columns, by name, and the errors of the others.

    `raw` is what came: a JSON value, or the list of a CSV record's fields.
    """

    raw: Any
    values: Row
    errors: list[RowError] = field(default_factory=list)


def validate_row(table: Table, raw: Any) -> ValidatedRow:
    """Validate a JSON value that should be a row of `table`; `id` may be left out."""
    return _validate(schema(table, id_required=False), raw, _checked(table, raw))


def validate_fields(table: Table, names: Sequence[str | None], fields: Sequence[str]) -> ValidatedRow:
    """Validate the fields of a CSV record. White space around a field is trimmed.

    Args:
        table: what the record should be a row of.
        names: the column of each field, None for a field that is ignored.
        fields: the record; empty fields beyond the last name are ignored.
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
    """Validate a row from a file: JSON values by name, with an `id`."""
    return _validate(schema(table, id_required=True), raw, _checked(table, raw))


def _checked(table: Table, raw: Any) -> Row:
    """Return the value of each column by its kind's quick check; None if the schema must decide."""
    if type(raw) is not dict:
        return {}
    return {name: kind.check(raw.get(name)) for name, kind in kinds(table).items()}


class RowSchema(Schema):
    """The base of the schemas derived from tables."""

    class Meta:
        """Add an error for each field that is no column."""

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
    name, said = ("Row", "A row") if id_required else ("NewRow", "A row to be taken")
    # The docstring is the schema's description in the OpenAPI document
    members["__doc__"] = f"{said} of {table.name}."
    made: type[Schema] = type(f"{title}{name}", (RowSchema,), members)
    return made()


def _validate(schema: Schema, raw: Any, checked: Row) -> ValidatedRow:
    """Let the schema's fields validate what the quick check left; they alone say what is wrong.

    The result is that of `schema.load(raw)`, which costs ten times as much per row.
    """
    if type(raw) is not dict:
        return _load(schema, raw)
    validated = ValidatedRow(raw, {name: value for name, value in checked.items() if value is not None})
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
    """The errors of the members of `raw` that are no columns.

    A row has at most a hundred errors; `refused` is the number that it has already.
    """
    message: Any = RowSchema.error_messages["unknown"]
    unknown = [name for name in raw if name not in known][: _MOST_ERRORS - refused]
    return tuple([_row_error(name, **message) for name in unknown])


def _load(schema: Schema, raw: Any) -> ValidatedRow:
    """Let the schema say what is wrong with something that is no object."""
    try:
        return ValidatedRow(raw, schema.load(raw))
    except ValidationError as refused:
        found = refused.messages_dict.items()
        return ValidatedRow(
            raw, {}, [_row_error(name, **one) for name, messages in found for one in messages]
        )


def read(column: fields.Field[Any], name: str, value: Any) -> tuple[Any, tuple[RowError, ...]]:
    """Validate one value: the column's value, `missing` if it has none, and the errors.

    The results for short values are remembered, as few of a thousand wrong rows are wrong in another way:
    that saves 2.5 of the 14 ms that such a batch takes. Only for types of which equal values are the same,
    which 0.0 and -0.0 are not.
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
