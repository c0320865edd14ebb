"""Instants: dates with times, kept in UTC to the microsecond, in the years 1000 to 9999."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from sqlalchemy import DateTime
from sqlalchemy.dialects.mysql import DATETIME

from .kind import AvroReader, Kind, KindField, empty, error, same
from .varint import encode_longs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from marshmallow import ValidationError, fields
    from numpy.typing import NDArray
    from sqlalchemy.types import TypeEngine

    from .byte_columns import ByteColumn, Mask
    from .varint import Piece

EARLIEST: Final = datetime(1000, 1, 1)  # noqa: DTZ001  # the first that MySQL's DATETIME holds

# ISO 8601-1:2019, 5.4: calendar date and time of day in extended format, seconds given
_ISO: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]"
    r"((?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9])"
    r"(?:\.([0-9]{1,6}))?"
    r"(?:Z|([+-])([01][0-9]|2[0-3])(?::?([0-5][0-9]))?)?"
)

# The usual form, 2021-07-27T16:02:08Z: as text and as bytes
_USUAL_LENGTH: Final = 20
_USUAL: Final = b"0000-00-00T00:00:00Z"
_T: Final = _USUAL.index(b"T")
_BLANK, _ZERO = b" 0"
_FEBRUARY: Final = 2
_CLOCK: Final = {
    11: 24,
    14: 60,
    17: 60,
}  # the index of hours, minutes and seconds in the text, and what bounds each
_DAYS: Final = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])

# Avro counts from 1970
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001  # instants are naive UTC
_MICROSECOND: Final = timedelta(microseconds=1)
_FIRST: Final = (EARLIEST - _EPOCH) // _MICROSECOND
_LAST: Final = (datetime.max - _EPOCH) // _MICROSECOND
# Microseconds in a unit of each of Avro's logical types; an instant in local time is taken as UTC
_AVRO_UNITS: Final = {
    f"{local}timestamp-{unit}": size
    for local in ("", "local-")
    for unit, size in (("millis", 1000), ("micros", 1))
}


class InstantField(KindField):
    """An ISO 8601 date and time, seconds included, in UTC or with an offset."""

    def __init__(self, *, required: bool, **more: Any) -> None:
        description = "ISO 8601 date and time; without an offset it is UTC. At most 6 digits of fraction."
        metadata = {"type": "string", "format": "date-time", "description": description, **more}
        super().__init__(required=required, metadata=metadata)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, str):
            raise error("invalid_type", "must be a string")
        if not value:
            raise empty()
        match = _ISO.fullmatch(value)
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


@dataclass(frozen=True)
class Instant(Kind):
    """A date and time, kept in UTC to the microsecond. Lists filter it by `word_from` and `word_until`."""

    word: str
    example: str = "2021-07-27T16:02:08Z"

    def sql_type(self) -> TypeEngine[Any]:
        # Without (6) MySQL rounds the fraction away
        return DateTime().with_variant(DATETIME(fsp=6), "mysql", "mariadb")

    def field(self, *, required: bool) -> fields.Field[Any]:
        return InstantField(required=required, examples=[self.example])

    def sample(self) -> Any:
        return self.example

    def check(self, value: Any) -> Any:
        if type(value) is not str or len(value) != _USUAL_LENGTH or value[-1] != "Z":
            return None
        if not _ISO.fullmatch(value):
            return None
        try:
            instant = datetime.fromisoformat(value[:-1])
        except ValueError:  # a day that no month has
            return None
        return instant if instant >= EARLIEST else None

    def to_json(self, value: Any) -> Any:
        return f"{value.isoformat()}Z"

    def from_csv(self, text: str) -> Any:
        return text

    def check_bytes(self, column: ByteColumn) -> Mask:
        found: Mask = column.lengths == _USUAL_LENGTH
        usual = np.flatnonzero(found)
        text = column.data[np.arange(_USUAL_LENGTH)[:, None] + column.starts[usual]]
        shaped = np.ones(len(usual), np.bool_)
        for index, sign in enumerate(_USUAL):
            shaped &= text[index] - np.uint8(_ZERO) <= 9 if sign == _ZERO else text[index] == sign  # noqa: PLR2004
        found[usual] = shaped
        found[usual[shaped]] = _exist(text[:, shaped].astype(np.int64) - _ZERO)
        return found

    def normalize(self, column: ByteColumn, which: Mask) -> None:
        """Write them as SQL does: 2021-07-27 16:02:08."""
        column.data[column.starts[which] + _T] = _BLANK
        column.kept[column.ends[which] - 1] = False

    def from_line(self, texts: Sequence[str]) -> Sequence[Any]:
        return list(map(datetime.fromisoformat, texts))

    def avro_type(self) -> Any:
        return {"type": "long", "logicalType": "timestamp-micros"}

    def avro_reader(self, primitive: str, logical: str | None) -> AvroReader | None:
        if primitive == "string" and logical is None:
            return AvroReader(lambda _values: None, self.check, same)
        unit = _AVRO_UNITS.get(logical or "")
        return None if primitive != "long" or unit is None else _reader_of(unit)

    def avro_pieces(self, texts: Sequence[bytes]) -> list[Piece]:
        return encode_longs(texts)


def _exist(digits: NDArray[np.int64]) -> Mask:
    """Return a mask of the instants that exist, by their digits at each index of the usual form."""

    def pair(index: int) -> NDArray[np.int64]:
        number: NDArray[np.int64] = digits[index] * 10 + digits[index + 1]
        return number

    year, month, day = pair(0) * 100 + pair(2), pair(5), pair(8)
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    good: Mask = (year >= EARLIEST.year) & (month < len(_DAYS)) & (day >= 1)
    good &= day <= _DAYS[np.where(good, month, 0)] + ((month == _FEBRUARY) & leap)
    for index, bound in _CLOCK.items():
        good &= pair(index) < bound
    return good


def _reader_of(unit: int) -> AvroReader:
    """Return a reader of Avro longs that count units of so many microseconds since 1970."""

    def check_all(values: list[Any]) -> list[Any] | None:
        if set(map(type, values)) != {int} or min(values) * unit < _FIRST or max(values) * unit > _LAST:
            return None
        return [_EPOCH + timedelta(0, 0, value * unit) for value in values]

    def check(value: Any) -> Any:
        found = check_all([value])
        return None if found is None else found[0]

    def json(value: Any) -> Any:
        instant = check(value)
        if instant is not None:
            return f"{instant.isoformat()}Z"
        # The field takes text: a year that is never right makes it say what is wrong
        return "0000-01-01T00:00:00Z" if type(value) is int else value

    return AvroReader(check_all, check, json)
