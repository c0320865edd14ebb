"""Texts: trimmed, not empty, of bounded length, without control characters and lone surrogates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from unicodedata import category

import numpy as np
from marshmallow import ValidationError, fields
from sqlalchemy import String

from .kind import AvroReader, Kind, KindField, empty, error, same
from .varint import encode_strings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.types import TypeEngine

    from .byte_columns import ByteColumn, Mask
    from .varint import Piece

_BLANK: Final = ord(" ")


class TextField(KindField, fields.String):
    """A string; white space around it is trimmed."""

    def __init__(self, length: int, *, required: bool, **metadata: Any) -> None:
        self.length = length
        super().__init__(required=required, metadata={"minLength": 1, "maxLength": length, **metadata})

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, str):
            raise error("invalid_type", "must be a string")
        text = value.strip()
        if not text:
            raise empty()
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


@dataclass(frozen=True)
class Text(Kind):
    """1 to `length` characters after trimming, none of them a control character or lone surrogate."""

    length: int = 255
    example: str = "text"

    def sql_type(self) -> TypeEngine[Any]:
        return String(self.length)

    def field(self, *, required: bool) -> fields.Field[Any]:
        description = (
            f"1 to {self.length} characters, none of them a control character; blanks around are trimmed"
        )
        return TextField(self.length, required=required, description=description, examples=[self.example])

    def sample(self) -> Any:
        return self.example

    def check(self, value: Any) -> Any:
        # isprintable() is false for control characters and surrogates, and for some letters' joiners,
        # which the field then takes; the blank is the only printable white space
        if type(value) is not str or not value.isprintable():
            return None
        text = value.strip(" ")
        return text if 0 < len(text) <= self.length else None

    def from_csv(self, text: str) -> Any:
        return text

    def check_bytes(self, column: ByteColumn) -> Mask:
        # A field of at most `length` bytes has at most so many characters
        good = (column.lengths > 0) & (column.lengths <= self.length)
        firsts, lasts = np.where(good, column.starts, 0), np.where(good, column.ends - 1, 0)
        good &= (column.data[firsts] != _BLANK) & (column.data[lasts] != _BLANK)
        for index in np.flatnonzero(good & column.has_odd()).tolist():
            text = column.text(index)
            good[index] = self.check(text) == text
        return good

    def from_line(self, texts: Sequence[str]) -> Sequence[Any]:
        return texts

    def avro_type(self) -> Any:
        return "string"

    def avro_reader(self, primitive: str, logical: str | None) -> AvroReader | None:
        if primitive != "string" or logical is not None:
            return None
        return AvroReader(self._all_right, self.check, same)

    def _all_right(self, values: list[Any]) -> list[Any] | None:
        """The values of an Avro field where all are printable, of right length, with no blank around."""
        if set(map(type, values)) != {str}:
            return None
        if not 0 < min(map(len, values)) <= max(map(len, values)) <= self.length:
            return None
        joined = "|".join(values)
        # A bar in a text may look like an edge: then each is validated by itself
        edge = "| " in joined or " |" in joined or joined[0] == " " or joined[-1] == " "
        return values if joined.isprintable() and not edge else None

    def avro_pieces(self, texts: Sequence[bytes]) -> list[Piece]:
        return encode_strings(texts)
