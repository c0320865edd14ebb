"""The body of an error (RFC 9457)."""

from __future__ import annotations

import marshmallow
from marshmallow import fields


class ProblemSchema(marshmallow.Schema):
    """RFC 9457, section 3.1; some problems have further members, such as the first rows that are wrong."""

    class Meta:
        """Further members are allowed."""

        unknown = marshmallow.INCLUDE

    type = fields.String(required=True, metadata={"example": "about:blank"})
    title = fields.String(required=True, metadata={"example": "Unprocessable Content"})
    status = fields.Integer(required=True, metadata={"example": 422})
    detail = fields.String(required=True, metadata={"description": "What is wrong and what to do"})
    request_id = fields.String(metadata={"description": "The X-Request-ID, also in the log"})
    errors = fields.List(fields.Dict(), metadata={"description": "Single errors, where there are several"})
