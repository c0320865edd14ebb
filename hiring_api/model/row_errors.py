"""The errors of a row, as users see them."""

from __future__ import annotations

from typing import Any, NamedTuple


class RowError(NamedTuple):
    """One reason why a row was refused.

    `field` is the column, or the unknown member, that is wrong; None if the row as a whole is. `code` is one
    of the stable codes of docs/rows.md, `message` a sentence for people.
    """

    field: str | None
    code: str
    message: str

    def to_json(self) -> dict[str, Any]:
        """The error as users see it."""
        return {"field": self.field, "code": self.code, "message": self.message}
