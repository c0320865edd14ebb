"""What is wrong with a row, as users see it, and its JSON."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any, Final, NamedTuple

_REMEMBERED: Final = 2000  # lists of errors, and pairs of field and code
_ENCODER: Final = json.JSONEncoder()


class RowError(NamedTuple):
    """One reason why a row was refused.

    `field` is the column, or the unknown member, that is wrong; None if the row as a whole is. `code` is one
    of the stable codes of the README, `message` a sentence for people.
    """

    field: str | None
    code: str
    message: str

    def to_json(self) -> dict[str, Any]:
        """The error as users see it."""
        return {"field": self.field, "code": self.code, "message": self.message}


@lru_cache(_REMEMBERED)
def errors_json(errors: tuple[RowError, ...]) -> str:
    """A JSON array of the errors, as text. Remembered: in a batch of a thousand wrong rows few differ."""
    return f"[{','.join([_error_json(error) for error in errors])}]"


def _error_json(error: RowError) -> str:
    return f"{_head_json(error.field, error.code)}{_ENCODER.encode(error.message)}}}"


@lru_cache(_REMEMBERED)
def _head_json(field: str | None, code: str) -> str:
    return f'{{"field":{_ENCODER.encode(field)},"code":{_ENCODER.encode(code)},"message":'
