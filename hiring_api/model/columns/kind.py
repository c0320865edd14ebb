"""What a kind of column must say of its values: in SQL, in JSON (a Marshmallow field), in CSV and in Avro.

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
    from collections.abc import Callable, Iterable, Sequence

    from sqlalchemy.types import TypeEngine

    from .byte_columns import ByteColumn, Mask


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
        """A JSON value, for the examples of the documentation."""

    @abstractmethod
    def check(self, value: Any) -> Any:
        """The column's value for a JSON value that is plainly right, else None."""

    def to_json(self, value: Any) -> Any:
        """The JSON (and CSV) form of a column's value."""
        return value

    @abstractmethod
    def from_csv(self, text: str) -> Any:
        """The JSON value that a CSV field spells; text that spells none is left for the field to refuse."""

    @abstractmethod
    def check_bytes(self, column: ByteColumn) -> Mask:
        """Which CSV fields of a column are plainly right as they are, but for what `respell` changes."""

    def respell(self, column: ByteColumn, which: Mask) -> None:  # noqa: B027  # most have it already
        """Change plain CSV fields in place to the form that `str()` gives their values."""

    @abstractmethod
    def from_line(self, texts: Sequence[str]) -> Sequence[Any]:
        """The values of which `str()` made these texts."""

    @abstractmethod
    def avro_type(self) -> Any:
        """The type in the schema of our Avro files."""

    @abstractmethod
    def avro_reader(self, primitive: str, logical: str | None) -> AvroReader | None:
        """For a field of this primitive and logical type in any Avro file; None where they do not fit."""

    @abstractmethod
    def avro_bytes(self, texts: Sequence[bytes]) -> Iterable[bytes]:
        """The Avro encoding of each value, from its text in SQL; an instant's is its microseconds since 1970.

        Raises:
            ValueError: one of them is no value of this kind.
        """


@dataclass(frozen=True, slots=True)
class AvroReader:
    """How the values of a field in an Avro file become a column's.

    `check_all` gives the column's values where all are plainly right, else None; `check` does so for one
    value; `json` gives the JSON value that the Marshmallow field validates instead.
    """

    check_all: Callable[[list[Any]], list[Any] | None]
    check: Callable[[Any], Any]
    json: Callable[[Any], Any]


def same(value: Any) -> Any:
    """The JSON value of what is one already."""
    return value


class Unread(str):
    """The text of a CSV field that should spell a value and does not."""

    __slots__ = ()


class KindField(fields.Field[Any]):
    """What the fields of all kinds share: a missing key and null are one error, `required`."""

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
