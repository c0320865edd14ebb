"""Query parameters that several routes take, each strict about how it is written."""

from __future__ import annotations

import re
from typing import Any

import marshmallow
from marshmallow import ValidationError, fields, validate

from hiring_api.model.columns import MAX_ID, InstantField

_DIGITS = re.compile(r"[0-9]{1,10}")
# Of a parameter dry_run
DRY_RUN: dict[str, Any] = {"description": "Report what would be done, and do nothing", "examples": [True]}
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class Whole(fields.Integer):
    """A whole number in plain digits within bounds; Marshmallow's own also takes " 7 " and "1_0"."""

    def __init__(self, low: int, high: int, **kwargs: Any) -> None:
        self.low, self.high = low, high
        metadata = {"minimum": low, "maximum": high, **kwargs.pop("metadata", {})}
        super().__init__(metadata=metadata, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not (_DIGITS.fullmatch(value) and self.low <= int(value) <= self.high):
            raise ValidationError(f"must be a whole number from {self.low} to {self.high}")
        return int(value)


class Moment(fields.String):
    """An instant as in rows, or a date, which is its midnight in UTC."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        text = f"{value}T00:00:00Z" if _DATE.fullmatch(value) else value
        try:
            return InstantField(required=True).deserialize(text)
        except ValidationError:
            raise ValidationError("must be a date or a date and time such as 2021-07-27T16:02:08Z") from None


def flag(**kwargs: Any) -> fields.Boolean:
    """`true` or `false`, nothing else."""
    field = fields.Boolean(truthy={"true"}, falsy={"false"}, **kwargs)
    field.error_messages["invalid"] = "must be true or false"
    return field


def choice(choices: tuple[str, ...], **kwargs: Any) -> fields.String:
    """One of `choices`."""
    error = f"must be one of {', '.join(choices)}"
    return fields.String(validate=validate.OneOf(choices, error=error), **kwargs)


class Query(marshmallow.Schema):
    """The base of all query schemas: what it does not name is refused."""

    class Meta:
        """What is misspelt must not be ignored."""

        unknown = marshmallow.RAISE

    error_messages = {"unknown": "there is no such parameter"}  # noqa: RUF012  # marshmallow says what it is


class PageQuery(Query):
    """Where a page starts and how long it is."""

    limit = Whole(1, 1000, metadata={"description": "Rows a page, 100 by default", "examples": [10]})
    after = Whole(
        0, MAX_ID, load_default=0, metadata={"description": "Rows with an id above this one", "examples": [5]}
    )
