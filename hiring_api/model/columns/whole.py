"""Whole numbers from 1 to 2147483647: ids, and references to the ids of other tables."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from marshmallow import fields
from sqlalchemy import ForeignKey, Integer
from sqlalchemy.orm import MappedColumn, mapped_column

from .kind import AvroReader, Kind, KindField, Unread, empty, error, same
from .varint import encode_ids

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from sqlalchemy.types import TypeEngine

    from .byte_columns import ByteColumn, Mask
    from .varint import Piece

MAX_ID: Final = 2_147_483_647  # of a signed integer of 32 bits, as SQL's INTEGER and Avro's int
_PLAIN_DIGITS: Final = 9  # a number of at most nine digits is below MAX_ID
_ZERO: Final = ord("0")
# In CSV: digits, or an exact whole number that passed through a float column, such as 8.0
_CSV: Final = re.compile(r"(-?)([0-9]+)(?:\.0+)?")


class WholeField(KindField, fields.Integer):
    """A JSON integer from 1 to 2147483647; neither true nor "7" nor 7.0."""

    def __init__(self, *, required: bool, **metadata: Any) -> None:
        super().__init__(required=required, metadata={"minimum": 1, "maximum": MAX_ID, **metadata})

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, Unread):
            raise error("invalid_format", "must be a whole number in digits") if value else empty()
        if type(value) is not int:
            raise error("invalid_type", "must be an integer")
        if not 0 < value <= MAX_ID:
            raise error("out_of_range", f"must be from 1 to {MAX_ID}")
        return value


@dataclass(frozen=True)
class Whole(Kind):
    """A whole number from 1 to 2147483647."""

    def sql_type(self) -> TypeEngine[Any]:
        return Integer()

    def field(self, *, required: bool) -> fields.Field[Any]:
        return WholeField(required=required, description=self.description(), examples=[self.sample()])

    def description(self) -> str:
        """Say what the number is, for the OpenAPI document."""
        return "A whole number"

    def sample(self) -> Any:
        return 1

    def check(self, value: Any) -> Any:
        return value if type(value) is int and 0 < value <= MAX_ID else None

    def from_csv(self, text: str) -> Any:
        # Most are plain digits; isdigit() alone is also true for digits of other scripts
        if len(text) <= _PLAIN_DIGITS and text.isdigit() and text.isascii():
            return int(text)
        match = _CSV.fullmatch(text)
        if match is None:
            return Unread(text)
        # int() refuses thousands of digits; twenty already tell that the number is out of range
        return int(match[1] + (match[2].lstrip("0")[:20] or "0"))

    def check_bytes(self, column: ByteColumn) -> Mask:
        return self.numbers(column) > 0

    def numbers(self, column: ByteColumn) -> NDArray[np.int64]:
        """Return the numbers of CSV fields of digits; 0 for other fields, and for more than nine digits."""
        found = np.zeros(len(column.starts), np.int64)
        good = (column.lengths > 0) & (column.lengths <= _PLAIN_DIGITS)
        digits = int(column.lengths[good].max(initial=0))
        for place in range(digits):
            within = good & (column.lengths > place)
            digit = column.data[column.ends - 1 - place] - np.uint8(_ZERO)  # what is below "0" wraps around
            good &= (digit <= 9) | ~within  # noqa: PLR2004
            found += np.where(within, digit, 0).astype(np.int64) * 10**place
        good &= column.data[np.where(good, column.starts, 0)] != _ZERO
        return np.where(good, found, 0)

    def from_line(self, texts: Sequence[str]) -> Sequence[Any]:
        return list(map(int, texts))

    def avro_type(self) -> Any:
        return "int"

    def avro_reader(self, primitive: str, logical: str | None) -> AvroReader | None:
        fits = primitive in {"int", "long"} and logical is None
        return AvroReader(_all_right, self.check, same) if fits else None

    def avro_pieces(self, texts: Sequence[bytes]) -> list[Piece]:
        return encode_ids(texts, MAX_ID)


@dataclass(frozen=True)
class Id(Whole):
    """The primary key; the database assigns it where a JSON row leaves it out."""

    def column(self, *synonyms: str) -> MappedColumn[Any]:
        """The primary key column."""
        info = {"kind": self, "synonyms": synonyms}
        return mapped_column(self.sql_type(), primary_key=True, autoincrement=True, info=info)

    def description(self) -> str:
        return "The row's id; a new row without one gets it from the database"


@dataclass(frozen=True)
class Reference(Whole):
    """The id of a row of `table`, which must exist when the row is committed."""

    table: str
    example: int = 1

    def description(self) -> str:
        return f"The id of a row of {self.table}"

    def sample(self) -> Any:
        return self.example

    def column(self, *synonyms: str, index: bool = True) -> MappedColumn[Any]:
        """The column with its foreign key and index. Nothing cascades: a parent in use cannot go.

        Without `index` the table must have another one that begins with the column.
        """
        target = ForeignKey(f"{self.table}.id", ondelete="RESTRICT", onupdate="RESTRICT")
        info = {"kind": self, "synonyms": synonyms}
        return mapped_column(self.sql_type(), target, nullable=False, index=index, info=info)


def _all_right(values: list[Any]) -> list[Any] | None:
    """The values of an Avro field where all are right."""
    fit = set(map(type, values)) == {int} and min(values) > 0 and max(values) <= MAX_ID
    return values if fit else None
