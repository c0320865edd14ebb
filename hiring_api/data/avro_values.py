"""Values of Avro files -> values of columns: thousands at once where all are plainly right."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from .fields import EARLIEST, MAX_ID

if TYPE_CHECKING:
    from collections.abc import Callable

EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001  # instants are naive UTC
_MICROSECOND: Final = timedelta(microseconds=1)
_FIRST: Final = (EARLIEST - EPOCH) // _MICROSECOND
_LAST: Final = (datetime.max - EPOCH) // _MICROSECOND
# Microseconds in a unit of each of Avro's logical types; an instant in local time is taken as UTC
_UNITS: Final = {
    f"{local}timestamp-{unit}": size
    for local in ("", "local-")
    for unit, size in (("millis", 1000), ("micros", 1))
}


@dataclass(frozen=True, slots=True)
class AvroReader:
    """How the values of a field in an Avro file become a column's.

    `all_plain` gives the column's values where all are plainly right, else None; `plain` does so for one
    value; `json` gives the JSON value that is judged instead.
    """

    all_plain: Callable[[list[Any]], list[Any] | None]
    plain: Callable[[Any], Any]
    json: Callable[[Any], Any]


def same(value: Any) -> Any:
    """The JSON value of what is one already."""
    return value


def all_ids(values: list[Any]) -> list[Any] | None:
    """The values where all are integers from 1 to 2147483647."""
    fit = set(map(type, values)) == {int} and min(values) > 0 and max(values) <= MAX_ID
    return values if fit else None


def all_texts(values: list[Any], length: int) -> list[Any] | None:
    """The values where all are printable, not empty, at most `length` characters, with no blank around."""
    if set(map(type, values)) != {str} or not (0 < min(map(len, values)) <= max(map(len, values)) <= length):
        return None
    joined = "|".join(values)
    # A bar in a text may look like an edge: then each is judged by itself
    edge = "| " in joined or " |" in joined or joined[0] == " " or joined[-1] == " "
    return values if joined.isprintable() and not edge else None


def instants(primitive: str, logical: str | None) -> AvroReader | None:
    """For numbers of a logical type that counts from 1970; None for another."""
    unit = _UNITS.get(logical or "")
    if primitive != "long" or unit is None:
        return None

    def all_plain(values: list[Any]) -> list[Any] | None:
        if set(map(type, values)) != {int} or min(values) * unit < _FIRST or max(values) * unit > _LAST:
            return None
        return [EPOCH + timedelta(0, 0, value * unit) for value in values]

    def plain(value: Any) -> Any:
        found = all_plain([value])
        return None if found is None else found[0]

    def json(value: Any) -> Any:
        instant = plain(value)
        if instant is not None:
            return f"{instant.isoformat()}Z"
        # The judge takes text: a year that is never right makes it say what is wrong
        return "0000-01-01T00:00:00Z" if type(value) is int else value

    return AvroReader(all_plain, plain, json)
