"""`GET /rejects`: the refused rows of batches, uploads and migrations, newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import marshmallow
from flask import Response, request
from marshmallow import fields, validate

from hiring_api.data.database import snapshot
from hiring_api.data.reject_lists import CSV_COLUMNS, Chosen, rejects_page, rejects_stream
from hiring_api.data.tables import resource, tables

from .batch_schemas import RowErrorSchema
from .extensions import Routes, engine, form
from .media_types import CSV, JSON
from .operations import TEXT, UNCHANGED
from .parameters import Query, Whole, choice, flag
from .representations import link, listing
from .representations import table as as_table

if TYPE_CHECKING:
    from collections.abc import Iterator

_DEFAULT_LIMIT = 100
_MOST = 2**53 - 1  # more than that, JSON readers do not tell apart

routes = Routes("rejects", __name__, description="What was refused, and why")


def _text(longest: int, what: str) -> fields.String:
    return fields.String(validate=validate.Length(1, longest), metadata={"description": what})


_TABLES = {resource(table): table for table in tables()}


class RejectsQuery(Query):
    """Which rejects, and how many a page."""

    table = choice(tuple(_TABLES))
    source = _text(512, "A route such as `POST /employees`, or the path of a file")
    run = _text(64, "The X-Request-ID of a request, or the run of a migration")
    resolved = flag(metadata={"description": "Whether the row was taken later"})
    limit = Whole(1, 1000, metadata={"description": "Rejects a page, 100 by default"})
    before = Whole(1, _MOST, metadata={"description": "Rejects with a lower id"})


class RejectSchema(marshmallow.Schema):
    """A refused row."""

    id = fields.Integer(required=True)
    table = fields.String(required=True, metadata={"example": "employees"})
    source = fields.String(required=True)
    run = fields.String(required=True)
    line = fields.Integer(
        required=True, allow_none=True, metadata={"description": "Of a file; null for a batch"}
    )
    record = fields.Integer(required=True, allow_none=True)
    row = fields.Raw(required=True, allow_none=True, metadata={"description": "As it came"})
    errors = fields.List(fields.Nested(RowErrorSchema), required=True)
    refused_at = fields.String(required=True, metadata={"format": "date-time"})
    resolved_at = fields.String(required=True, allow_none=True, metadata={"format": "date-time"})


class RejectsSchema(marshmallow.Schema):
    """A page of rejects."""

    items = fields.List(fields.Nested(RejectSchema), required=True)
    next = fields.String(required=True, allow_none=True)


@routes.route("/rejects", methods=["GET"])
@routes.query(RejectsQuery, (JSON, CSV))
@routes.response(200, RejectsSchema)
@routes.alt_response(200, schema=TEXT, content_type=CSV)
@routes.alt_response(304, description=UNCHANGED)
@routes.doc(summary="List refused rows", operationId="list_rejects")
def get(**parameters: Any) -> Response:
    """Refused rows, newest first, a page at a time; with `Accept: text/csv` all of them as a stream."""
    parameters["table"] = _TABLES.get(parameters.get("table", ""))
    if form() == CSV:
        return as_table(list(CSV_COLUMNS), _stream(Chosen(**parameters)), CSV)
    return _page(parameters)


def _page(parameters: dict[str, Any]) -> Response:
    limit = parameters.pop("limit", None) or _DEFAULT_LIMIT
    with snapshot(engine()) as connection:
        found = rejects_page(connection, Chosen(**parameters, limit=limit + 1))
    if len(found) <= limit:
        return listing(found)
    following = {**request.args, "limit": limit, "before": found[limit - 1]["id"]}
    return listing(found[:limit], link(request.path, following))


def _stream(chosen: Chosen) -> Iterator[dict[str, Any]]:
    database = engine()

    def rows() -> Iterator[dict[str, Any]]:
        with snapshot(database) as connection:
            yield from rejects_stream(connection, chosen)

    return rows()
