"""The body of an error (RFC 9457)."""

from __future__ import annotations

from functools import cache
from typing import Any

import marshmallow
from marshmallow import fields
from werkzeug.http import HTTP_STATUS_CODES

from .answers import example_of, number, text

_TITLES = {413: "Content Too Large", 422: "Unprocessable Content"}  # as RFC 9110 has them, Werkzeug not


class ProblemSchema(marshmallow.Schema):
    """An error, as RFC 9457 has it. Some have further members, such as the first rows that are wrong."""

    class Meta:
        """Further members are allowed."""

        unknown = marshmallow.INCLUDE

    type = text("Always `about:blank`: the status says what kind of error it is", "about:blank")
    title = text("The status in words", "Unprocessable Content")
    status = number("The HTTP status", 422)
    detail = text(
        "What is wrong and what to do", "query parameter limit: must be a whole number from 1 to 1000"
    )
    request_id = text("The X-Request-ID, also in the log", "0123456789abcdef0123456789abcdef", required=False)
    errors = fields.List(fields.Dict(), metadata={"description": "Single errors, where there are several"})


def title(status: int) -> str:
    """A status in words."""
    return _TITLES.get(status, HTTP_STATUS_CODES[status])


@cache  # of 17 statuses, for hundreds of answers
def problem_example(status: int, detail: str) -> dict[str, Any]:
    """An example of a problem."""
    return example_of(ProblemSchema, title=title(status), status=status, detail=detail)
