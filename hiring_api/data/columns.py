"""The vocabulary of column types: `Id`, `Reference`, `Text`, `Instant`.

Each word says side by side what a column is in SQL, in JSON (a Marshmallow field), in CSV and in Avro.
A value inside the program is an `int`, a `str`, or, for an instant, a naive `datetime` in UTC: drivers
lose the offset of aware ones silently.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import DateTime, ForeignKey, Integer, String
from sqlalchemy.dialects.mysql import DATETIME
from sqlalchemy.orm import MappedColumn, mapped_column

from .avro_values import AvroReader, all_ids, all_texts, instants, same
from .fields import EARLIEST, INSTANT, MAX_ID, InstantField, TextField, Unread, WholeField
from .quick_texts import quick_instants, quick_numbers
from .varint import encode_ids, encode_longs, encode_strings

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from marshmallow import fields
    from sqlalchemy.types import TypeEngine

    from .byte_fields import ByteFields, Mask

__all__ = ["MAX_ID", "Id", "Instant", "InstantField", "Kind", "Reference", "Text", "Unread"]

# Digits, or an exact whole number that passed through a float column: 8.0
_CSV_WHOLE: Final = re.compile(r"(-?)([0-9]+)(?:\.0+)?")


@dataclass(frozen=True)
class Kind(ABC):
    """One word of the vocabulary. `quick` methods take only what the Marshmallow field takes, to the same
    value, and answer None for anything else, which is then the field's to judge.
    """  # one thought

    @abstractmethod
    def sql_type(self) -> TypeEngine[Any]:
        """The type in SQL."""

    @abstractmethod
    def sample(self) -> Any:
        """A JSON value, for the examples of the documentation."""

    @abstractmethod
    def field(self, *, required: bool) -> fields.Field[Any]:
        """The Marshmallow field that judges a JSON value and describes it in OpenAPI."""

    @abstractmethod
    def quick(self, value: Any) -> Any:
        """The column's value for a JSON value that is plainly right, else None."""

    def quick_values(self, values: Sequence[Any]) -> Sequence[Any]:
        """As `quick`, for the JSON values of a whole column; written for speed."""
        if set(map(type, values)) == {str}:
            return self.quick_texts(values)
        return list(map(self.quick, values))

    @abstractmethod
    def quick_texts(self, texts: Sequence[str]) -> Sequence[Any]:
        """As `quick`, for the CSV fields of a whole column; written for speed."""

    @abstractmethod
    def are_plain(self, fields: ByteFields) -> Mask:
        """Which CSV fields of a column are plainly right as they are, but for what `respell` changes."""

    def respell(self, fields: ByteFields, which: Mask) -> None:  # noqa: B027  # most are spelled so
        """Brings plain fields into the spelling of `str()`."""

    @abstractmethod
    def from_spelled(self, texts: Sequence[str]) -> Sequence[Any]:
        """The values of which `str()` made these texts."""

    @abstractmethod
    def from_csv(self, text: str) -> Any:
        """The JSON value that a CSV field spells; text that spells none is left for the field to refuse."""

    @abstractmethod
    def avro_type(self) -> Any:
        """The type in the schema of our Avro files."""

    @abstractmethod
    def avro_reader(self, primitive: str, logical: str | None) -> AvroReader | None:
        """For a field of this primitive and logical type in any Avro file; None where they do not fit."""

    @abstractmethod
    def avro_bytes(self, texts: Sequence[bytes]) -> Iterable[bytes]:
        """The Avro encoding of each value, from what `packed` spells of it.

        Raises:
            ValueError: one of them is no value of this kind.
        """

    def packed(self, column: str, *, sqlite: bool) -> str:
        """SQL for the text from which `avro_bytes` encodes; `column` is its quoted name."""
        return column

    def to_json(self, value: Any) -> Any:
        """The JSON (and CSV) form of a column's value."""
        return value

    def column(self, *synonyms: str) -> MappedColumn[Any]:
        """A column of this kind, for the class that declares a table; a CSV header may name it otherwise."""
        return mapped_column(self.sql_type(), nullable=False, info={"kind": self, "synonyms": synonyms})


@dataclass(frozen=True)
class _Whole(Kind):
    """A whole number from 1 to 2147483647."""

    def sql_type(self) -> TypeEngine[Any]:
        return Integer()

    def sample(self) -> Any:
        return 1

    def field(self, *, required: bool) -> fields.Field[Any]:
        return WholeField(required=required)

    def quick(self, value: Any) -> Any:
        return value if type(value) is int and 0 < value <= MAX_ID else None

    def quick_values(self, values: Sequence[Any]) -> Sequence[Any]:
        return [value if type(value) is int and 0 < value <= MAX_ID else None for value in values]

    def quick_texts(self, texts: Sequence[str]) -> Sequence[Any]:
        return quick_numbers(texts)

    def are_plain(self, fields: ByteFields) -> Mask:
        return fields.wholes > 0

    def from_spelled(self, texts: Sequence[str]) -> Sequence[Any]:
        return list(map(int, texts))

    def from_csv(self, text: str) -> Any:
        match = _CSV_WHOLE.fullmatch(text)
        if match is None:
            return Unread(text)
        # int() refuses thousands of digits; twenty already tell that the number is out of range
        return int(match[1] + (match[2].lstrip("0")[:20] or "0"))

    def avro_type(self) -> Any:
        return "int"

    def avro_reader(self, primitive: str, logical: str | None) -> AvroReader | None:
        fits = primitive in {"int", "long"} and logical is None
        return AvroReader(all_ids, self.quick, same) if fits else None

    def avro_bytes(self, texts: Sequence[bytes]) -> Iterable[bytes]:
        return encode_ids(texts, MAX_ID)


@dataclass(frozen=True)
class Id(_Whole):
    """The primary key; the database assigns it where a JSON row leaves it out."""

    def column(self, *synonyms: str) -> MappedColumn[Any]:
        """The primary key column."""
        info = {"kind": self, "synonyms": synonyms}
        return mapped_column(self.sql_type(), primary_key=True, autoincrement=True, info=info)


@dataclass(frozen=True)
class Reference(_Whole):
    """The id of a row of `table`, which must exist when the row is committed."""

    table: str

    def column(self, *synonyms: str) -> MappedColumn[Any]:
        """The column with its foreign key and index. Nothing cascades: a parent in use cannot go."""
        target = ForeignKey(f"{self.table}.id", ondelete="RESTRICT", onupdate="RESTRICT")
        info = {"kind": self, "synonyms": synonyms}
        return mapped_column(self.sql_type(), target, nullable=False, index=True, info=info)


@dataclass(frozen=True)
class Text(Kind):
    """1 to `length` characters after trimming, none of them a control character or lone surrogate."""

    length: int = 255
    example: str = "text"

    def sql_type(self) -> TypeEngine[Any]:
        return String(self.length)

    def sample(self) -> Any:
        return self.example

    def field(self, *, required: bool) -> fields.Field[Any]:
        return TextField(self.length, required=required)

    def quick(self, value: Any) -> Any:
        # isprintable() is false for control characters and surrogates, and for some letters' joiners,
        # which the field then takes; the blank is the only printable white space
        if type(value) is not str or not value.isprintable():
            return None
        text = value.strip(" ")
        return text if 0 < len(text) <= self.length else None

    def quick_texts(self, texts: Sequence[str]) -> list[Any]:
        length = self.length
        return [
            text.strip(" ") or None if text.isprintable() and len(text) <= length else None for text in texts
        ]

    def are_plain(self, fields: ByteFields) -> Mask:
        return fields.are_texts(self.length, lambda text: self.quick(text) == text)

    def from_spelled(self, texts: Sequence[str]) -> Sequence[Any]:
        return texts

    def from_csv(self, text: str) -> Any:
        return text

    def avro_type(self) -> Any:
        return "string"

    def avro_reader(self, primitive: str, logical: str | None) -> AvroReader | None:
        if primitive != "string" or logical is not None:
            return None
        return AvroReader(lambda values: all_texts(values, self.length), self.quick, same)

    def avro_bytes(self, texts: Sequence[bytes]) -> Iterable[bytes]:
        return encode_strings(texts)


@dataclass(frozen=True)
class Instant(Kind):
    """A date and time, kept in UTC to the microsecond. Lists filter it by `word_from` and `word_until`."""

    word: str

    def sql_type(self) -> TypeEngine[Any]:
        # Without (6) MySQL rounds the fraction away
        return DateTime().with_variant(DATETIME(fsp=6), "mysql", "mariadb")

    def sample(self) -> Any:
        return "2021-07-27T16:02:08Z"

    def field(self, *, required: bool) -> fields.Field[Any]:
        return InstantField(required=required)

    def quick(self, value: Any) -> Any:
        if type(value) is not str or len(value) != 20 or value[-1] != "Z" or not INSTANT.fullmatch(value):  # noqa: PLR2004
            return None
        try:
            instant = datetime.fromisoformat(value[:19])
        except ValueError:
            return None
        return instant if instant >= EARLIEST else None

    def quick_texts(self, texts: Sequence[str]) -> list[Any]:
        return quick_instants(texts) or list(map(self.quick, texts))

    def are_plain(self, fields: ByteFields) -> Mask:
        return fields.are_instants

    def respell(self, fields: ByteFields, which: Mask) -> None:
        fields.respell_instants(which)

    def from_spelled(self, texts: Sequence[str]) -> Sequence[Any]:
        return list(map(datetime.fromisoformat, texts))

    def from_csv(self, text: str) -> Any:
        return text

    def to_json(self, value: Any) -> Any:
        return f"{value.isoformat()}Z"

    def avro_type(self) -> Any:
        return {"type": "long", "logicalType": "timestamp-micros"}

    def avro_reader(self, primitive: str, logical: str | None) -> AvroReader | None:
        if primitive == "string" and logical is None:
            return AvroReader(lambda _values: None, self.quick, same)
        return instants(primitive, logical)

    def avro_bytes(self, texts: Sequence[bytes]) -> Iterable[bytes]:
        return encode_longs(texts)

    def packed(self, column: str, *, sqlite: bool) -> str:
        if sqlite:  # stored as text: 2021-07-27 16:02:08.000000
            fraction = f"CAST(substr({column} || '000000', 21, 6) AS INTEGER)"
            # strftime rounds a fraction to milliseconds, and so to the next second
            second = f"CAST(strftime('%s', substr({column}, 1, 19)) AS INTEGER)"
            return f"({second} * 1000000 + {fraction})"
        return f"TIMESTAMPDIFF(MICROSECOND, '1970-01-01', {column})"
