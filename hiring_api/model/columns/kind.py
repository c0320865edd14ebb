"""The rules that each kind of column defines: its SQL type, its Marshmallow field, its CSV and Avro forms.

The Marshmallow field decides: it alone refuses, and says why. The `check` methods are there for speed:
they take only what the field takes, to the same value, and leave everything else to it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from marshmallow import ValidationError, fields
from sqlalchemy.orm import MappedColumn, mapped_column

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy.types import TypeEngine

    from .byte_columns import ByteColumn, Mask
    from .varint import Piece


@dataclass(frozen=True)
class Kind(ABC):
    """The rules of one kind of column."""

    @abstractmethod
    def sql_type(self) -> TypeEngine[Any]:
        """The type in SQL."""

    def column(self, *synonyms: str) -> MappedColumn[Any]:
        """A column of this kind, for the class that declares a table; a CSV header may name it otherwise."""
        return mapped_column(self.sql_type(), nullable=False, info={"kind": self, "synonyms": synonyms})

    @abstractmethod
    def field(self, *, required: bool) -> fields.Field[Any]:
        """The Marshmallow field that validates a JSON value and describes it in OpenAPI."""

    @abstractmethod
    def sample(self) -> Any:
        """Return a JSON value for the examples of the documentation."""

    @abstractmethod
    def check(self, value: Any) -> Any:
        """Return the column's value of a plainly valid JSON value, else None: then the schema decides."""

    def to_json(self, value: Any) -> Any:
        """Return the JSON (and CSV) form of a column's value."""
        return value

    @abstractmethod
    def from_csv(self, text: str) -> Any:
        """Return the JSON value of a CSV field; other text comes back for the schema to refuse."""

    @abstractmethod
    def check_bytes(self, column: ByteColumn) -> Mask:
        """Return a mask of the CSV fields that are plainly valid, apart from what `normalize` changes."""

    def normalize(self, column: ByteColumn, which: Mask) -> None:  # noqa: B027  # most have it already
        """Change plain CSV fields in place to the form that `str()` gives their values."""

    @abstractmethod
    def from_line(self, texts: Sequence[str]) -> Sequence[Any]:
        """Return the values whose `str()` forms these texts are."""

    @abstractmethod
    def avro_type(self) -> Any:
        """Return the type in the schema of our Avro files."""

    @abstractmethod
    def avro_reader(self, primitive: str, logical: str | None) -> AvroReader | None:
        """Return a reader of Avro fields with this primitive and logical type; None if they do not fit.

        Avro 1.12, "Primitive Types" and "Logical Types".
        """

    @abstractmethod
    def avro_pieces(self, texts: Sequence[bytes]) -> list[Piece]:
        """Return the Avro encoding (Avro 1.12, "Binary Encoding") of values, from their texts in SQL.

        The text of an instant is its microseconds since 1970.

        Raises:
            ValueError: one of them is no value of this kind.
        """


@dataclass(frozen=True, slots=True)
class AvroReader:
    """Functions that read the values of an Avro field as those of a column.

    `check_all` returns the column's values if all are plainly valid, else None; `check` does so for one
    value; `json` returns the JSON value that the Marshmallow field validates otherwise.
    """

    check_all: Callable[[list[Any]], list[Any] | None]
    check: Callable[[Any], Any]
    json: Callable[[Any], Any]


def same(value: Any) -> Any:
    """Return a value that is a JSON value already."""
    return value


class Unread(str):
    """The text of a CSV field that should be a number or an instant, and is none."""

    __slots__ = ()


class KindField(fields.Field[Any]):
    """The base of the Marshmallow fields: a missing key and null give the same error, `required`."""

    default_error_messages: ClassVar[dict[str, Any]] = {  # type: ignore[misc]  # a list keeps the code
        "required": [{"code": "required", "message": "is required"}],
        "null": [{"code": "required", "message": "is required: null is no value"}],
    }


def error(code: str, message: str) -> ValidationError:
    """A Marshmallow error that carries a stable code; `message` continues the column's name."""
    return ValidationError([{"code": code, "message": message}])


def empty() -> ValidationError:
    """The error of a text with nothing in it."""
    return error("required", "is required: it is empty")
