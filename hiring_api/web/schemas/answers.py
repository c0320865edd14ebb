"""Fields of answers, each with a description and an example, and examples of whole answers.

The examples are true of the sample data; `tests/web/schemas/test_examples.py` compares them with what the API
answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import marshmallow
from marshmallow import fields

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_Schema = TypeVar("_Schema", bound=marshmallow.Schema)
_MOMENT = "2026-11-22T04:05:06.123456Z"


def text(
    description: str, example: str | None, *, required: bool = True, null: bool = False, **more: Any
) -> fields.String:
    """A string; `null`: or null. `more` are other members of its schema, such as `format`."""
    return fields.String(required=required, allow_none=null, metadata=_described(description, example) | more)


def one_of(values: Iterable[str], description: str, example: str) -> fields.String:
    """One of some strings."""
    return text(description, example, enum=list(values))


def moment(description: str) -> fields.String:
    """A date and time in UTC."""
    return text(description, _MOMENT, format="date-time")


def number(
    description: str, example: int | None, *, required: bool = True, null: bool = False
) -> fields.Integer:
    """A whole number."""
    return fields.Integer(required=required, allow_none=null, metadata=_described(description, example))


def truth(description: str, *, example: bool) -> fields.Boolean:
    """True or false."""
    return fields.Boolean(required=True, metadata=_described(description, example))


def many(of: type[marshmallow.Schema] | marshmallow.Schema, description: str) -> fields.List[Any]:
    """A list of objects."""
    return fields.List(fields.Nested(of), required=True, metadata={"description": description})


def page_of(
    row: type[marshmallow.Schema] | marshmallow.Schema, rows: str, **more: fields.Field[Any]
) -> dict[str, Any]:
    """The fields of a list: its items, the path of the next page, and `more`."""
    following = text("The path of the next page; null on the last one", None, null=True)
    return {"items": many(row, rows), "next": following, **more}


def made(name: str, description: str, members: Mapping[str, Any], base: type[_Schema]) -> type[_Schema]:
    """A schema with these fields. Its name and description are those in the OpenAPI document."""
    return type(name, (base,), {**members, "__doc__": description})


def example_of(schema: type[marshmallow.Schema] | marshmallow.Schema, **others: Any) -> dict[str, Any]:
    """An example of an answer: those of its required fields, apart from `others`."""
    one = schema() if isinstance(schema, type) else schema
    return {
        field.data_key or name: others[name] if name in others else _example(field)
        for name, field in one.fields.items()
        if field.required or name in others
    }


def _example(field: fields.Field[Any]) -> Any:
    if "examples" in field.metadata:
        return field.metadata["examples"][0]
    if isinstance(field, fields.Nested):
        return example_of(field.schema)
    if isinstance(field, fields.List):
        return [_example(field.inner)]
    raise TypeError(f"{field.name} has no example: give its declaration one")


def _described(description: str, example: object) -> dict[str, Any]:
    return {"description": description, "examples": [example]}
