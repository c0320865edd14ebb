"""The Marshmallow fields that judge the JSON value of a column, one for each kind of `columns`."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final
from unicodedata import category

from marshmallow import ValidationError, fields

MAX_ID: Final = 2_147_483_647
EARLIEST: Final = datetime(1000, 1, 1)  # noqa: DTZ001  # the first that MySQL's DATETIME holds

# ISO 8601-1:2019, 5.4: calendar date and time of day in extended format, seconds given
INSTANT: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]"
    r"((?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9])"
    r"(?:\.([0-9]{1,6}))?"
    r"(?:Z|([+-])([01][0-9]|2[0-3])(?::?([0-5][0-9]))?)?"
)


class Unread(str):
    """The text of a CSV field that should spell a value and does not."""

    __slots__ = ()


def error(code: str, message: str) -> ValidationError:
    """A Marshmallow error that carries a stable code; `message` continues the column's name."""
    return ValidationError([{"code": code, "message": message}])


class _Field(fields.Field[Any]):
    """What the fields share: a missing key and null are one error, `required`."""

    default_error_messages: ClassVar[dict[str, Any]] = {  # type: ignore[misc]  # a list keeps the code
        "required": [{"code": "required", "message": "is required"}],
        "null": [{"code": "required", "message": "is required: null is no value"}],
    }


def _empty() -> ValidationError:
    return error("required", "is required: it is empty")


class WholeField(_Field, fields.Integer):
    """A JSON integer from 1 to 2147483647; neither true nor "7" nor 7.0."""

    def __init__(self, *, required: bool) -> None:
        bounds = {"minimum": 1, "maximum": MAX_ID}
        super().__init__(required=required, metadata=bounds)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, Unread):
            raise error("invalid_format", "must be a whole number in digits") if value else _empty()
        if type(value) is not int:
            raise error("invalid_type", "must be an integer")
        if not 0 < value <= MAX_ID:
            raise error("out_of_range", f"must be from 1 to {MAX_ID}")
        return value


class TextField(_Field, fields.String):
    """A string; white space around it is trimmed."""

    def __init__(self, length: int, *, required: bool) -> None:
        self.length = length
        super().__init__(required=required, metadata={"minLength": 1, "maxLength": length})

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, str):
            raise error("invalid_type", "must be a string")
        text = value.strip()
        if not text:
            raise _empty()
        errors = []
        if len(text) > self.length:
            message = f"must have at most {self.length} characters, not {len(text)}"
            errors.append({"code": "too_long", "message": message})
        bad = next((letter for letter in text if category(letter) in ("Cc", "Cs")), None)
        if bad is not None:
            what = "lone surrogate" if category(bad) == "Cs" else "control character"
            message = f"must not contain the {what} U+{ord(bad):04X}"
            errors.append({"code": "invalid_characters", "message": message})
        if errors:
            raise ValidationError(errors)
        return text


class InstantField(_Field):
    """An ISO 8601 date and time, seconds included, in UTC or with an offset."""

    def __init__(self, *, required: bool) -> None:
        description = "ISO 8601 date and time; without an offset it is UTC. At most 6 digits of fraction."
        metadata = {"type": "string", "format": "date-time", "description": description}
        super().__init__(required=required, metadata=metadata)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, str):
            raise error("invalid_type", "must be a string")
        if not value:
            raise _empty()
        match = INSTANT.fullmatch(value)
        if match is None:
            raise error("invalid_format", "must be a date and time such as 2021-07-27T16:02:08Z")
        date, time, fraction, sign, hours, minutes = match.groups()
        try:
            local = datetime.fromisoformat(f"{date}T{time}.{(fraction or '').ljust(6, '0')}")
        except ValueError:
            raise _no_such_day(date) from None
        offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
        return _in_range(local, -offset if sign == "+" else offset)


def _no_such_day(date: str) -> ValidationError:
    if date.startswith("0000"):
        return error("out_of_range", "must be in the years 1000 to 9999 in UTC")
    return error("invalid_format", f"must be a day that exists, not {date}")


def _in_range(local: datetime, to_utc: timedelta) -> datetime:
    try:
        instant = local + to_utc
    except OverflowError:
        instant = datetime.min
    if instant < EARLIEST:
        raise error("out_of_range", "must be in the years 1000 to 9999 in UTC")
    return instant
