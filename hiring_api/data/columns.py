"""The vocabulary of column types: `Id`, `Reference`, `Text`, `Instant`.

Each word says side by side what a column is in SQL, in JSON (a Marshmallow field), in CSV and in Avro.
A value inside the program is an `int`, a `str`, or, for an instant, a naive `datetime` in UTC: drivers
lose the offset of aware ones silently.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final
from unicodedata import category

from marshmallow import ValidationError, fields
from sqlalchemy import DateTime, ForeignKey, Integer, String
from sqlalchemy.dialects.mysql import DATETIME
from sqlalchemy.orm import MappedColumn, mapped_column

if TYPE_CHECKING:
    from sqlalchemy.types import TypeEngine

MAX_ID: Final = 2_147_483_647
_EARLIEST: Final = datetime(1000, 1, 1)  # noqa: DTZ001  # the first that MySQL's DATETIME holds

# Digits, or an exact whole number that passed through a float column: 8.0
_CSV_WHOLE: Final = re.compile(r"(-?)([0-9]+)(?:\.0+)?")
# ISO 8601-1:2019, 5.4: calendar date and time of day in extended format, seconds given
_INSTANT: Final = re.compile(
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


@dataclass(frozen=True)
class Kind(ABC):
    """One word of the vocabulary. `quick` methods take only what the Marshmallow field takes, to the same
    value, and answer None for anything else, which is then the field's to judge.
    """  # one thought

    @abstractmethod
    def sql_type(self) -> TypeEngine[Any]:
        """The type in SQL."""

    @abstractmethod
    def field(self, *, required: bool) -> fields.Field[Any]:
        """The Marshmallow field that judges a JSON value and describes it in OpenAPI."""

    @abstractmethod
    def quick(self, value: Any) -> Any:
        """The column's value for a JSON value that is plainly right, else None."""

    @abstractmethod
    def from_csv(self, text: str) -> Any:
        """The JSON value that a CSV field spells; text that spells none is left for the field to refuse."""

    def to_json(self, value: Any) -> Any:
        """The JSON (and CSV) form of a column's value."""
        return value

    def column(self) -> MappedColumn[Any]:
        """A column of this kind, for the class that declares a table."""
        return mapped_column(self.sql_type(), nullable=False, info={"kind": self})


@dataclass(frozen=True)
class _Whole(Kind):
    """A whole number from 1 to 2147483647."""

    def sql_type(self) -> TypeEngine[Any]:
        return Integer()

    def field(self, *, required: bool) -> fields.Field[Any]:
        return WholeField(required=required)

    def quick(self, value: Any) -> Any:
        return value if type(value) is int and 0 < value <= MAX_ID else None

    def from_csv(self, text: str) -> Any:
        match = _CSV_WHOLE.fullmatch(text)
        if match is None:
            return Unread(text) if text else None
        # int() refuses thousands of digits; twenty already tell that the number is out of range
        return int(match[1] + (match[2].lstrip("0")[:20] or "0"))


@dataclass(frozen=True)
class Id(_Whole):
    """The primary key; the database assigns it where a JSON row leaves it out."""

    def column(self) -> MappedColumn[Any]:
        """The primary key column."""
        return mapped_column(self.sql_type(), primary_key=True, autoincrement=True, info={"kind": self})


@dataclass(frozen=True)
class Reference(_Whole):
    """The id of a row of `table`, which must exist when the row is committed."""

    table: str

    def column(self) -> MappedColumn[Any]:
        """The column with its foreign key and index. Nothing cascades: a parent in use cannot go."""
        target = ForeignKey(f"{self.table}.id", ondelete="RESTRICT", onupdate="RESTRICT")
        return mapped_column(self.sql_type(), target, nullable=False, index=True, info={"kind": self})


@dataclass(frozen=True)
class Text(Kind):
    """1 to `length` characters after trimming, none of them a control character or lone surrogate."""

    length: int = 255

    def sql_type(self) -> TypeEngine[Any]:
        return String(self.length)

    def field(self, *, required: bool) -> fields.Field[Any]:
        return TextField(self.length, required=required)

    def quick(self, value: Any) -> Any:
        # isprintable() is false for control characters and surrogates, and for some letters' joiners,
        # which the field then takes; the blank is the only printable white space
        if type(value) is not str or not value.isprintable():
            return None
        text = value.strip(" ")
        return text if 0 < len(text) <= self.length else None

    def from_csv(self, text: str) -> Any:
        return text or None


@dataclass(frozen=True)
class Instant(Kind):
    """A date and time, kept in UTC to the microsecond. Lists filter it by `word_from` and `word_until`."""

    word: str

    def sql_type(self) -> TypeEngine[Any]:
        # Without (6) MySQL rounds the fraction away
        return DateTime().with_variant(DATETIME(fsp=6), "mysql", "mariadb")

    def field(self, *, required: bool) -> fields.Field[Any]:
        return InstantField(required=required)

    def quick(self, value: Any) -> Any:
        if type(value) is not str or len(value) != 20 or value[-1] != "Z" or not _INSTANT.fullmatch(value):  # noqa: PLR2004
            return None
        try:
            instant = datetime.fromisoformat(value[:19])
        except ValueError:
            return None
        return instant if instant >= _EARLIEST else None

    def from_csv(self, text: str) -> Any:
        return text or None

    def to_json(self, value: Any) -> Any:
        return f"{value.isoformat()}Z"


class _Field(fields.Field[Any]):
    """What the fields share: a missing key and null are one error, `required`."""

    default_error_messages: ClassVar[dict[str, Any]] = {  # type: ignore[misc]  # a list keeps the code
        "required": [{"code": "required", "message": "is required"}],
        "null": [{"code": "required", "message": "is required: null is no value"}],
    }


class WholeField(_Field, fields.Integer):
    """A JSON integer from 1 to 2147483647; neither true nor "7" nor 7.0."""

    def __init__(self, *, required: bool) -> None:
        bounds = {"minimum": 1, "maximum": MAX_ID}
        super().__init__(required=required, metadata=bounds)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, Unread):
            raise error("invalid_format", "must be a whole number in digits")
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
            raise error("required", "is required: it is empty")
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
        super().__init__(required=required, metadata={"description": description})

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, str):
            raise error("invalid_type", "must be a string")
        match = _INSTANT.fullmatch(value)
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
    if instant < _EARLIEST:
        raise error("out_of_range", "must be in the years 1000 to 9999 in UTC")
    return instant
