"""Rows from the body of a batch: JSON, NDJSON or CSV. Each is validated, and none left out."""

from __future__ import annotations

import csv
from io import StringIO
from typing import TYPE_CHECKING, Any

from flask import request
from werkzeug.exceptions import BadRequest, UnprocessableEntity, UnsupportedMediaType

from hiring_api.batches.columns import by_column, validate_rows
from hiring_api.batches.report import Batch
from hiring_api.model.tables import kinds, resource, tables
from hiring_api.model.validation import validate_fields
from hiring_api.web.media_types import CSV, JSON, NDJSON
from hiring_api.web.schemas.batch import MOST_ROWS

from .bodies import decoded
from .strict_json import parse_json

if TYPE_CHECKING:
    from sqlalchemy import Table

    from hiring_api.batches.columns import BatchRows

_NDJSON = {NDJSON, "application/ndjson", "application/jsonl"}


def batch_of(table: Table, body: bytes) -> Batch:
    """Read and validate the rows of `table` in `body`, which is of the request's Content-Type.

    Raises:
        UnsupportedMediaType: the Content-Type is none of those taken.
        BadRequest: the body is not what the Content-Type says.
        UnprocessableEntity: it holds no row, more than 1000, or something that is no row.
    """
    if request.mimetype == CSV:
        return Batch(table, _csv_rows(table, decoded(body)))
    if request.mimetype in _NDJSON:
        raws = _lines(decoded(body))
    elif request.mimetype == JSON:
        raws = _rows(parse_json(decoded(body)))
    else:
        raise UnsupportedMediaType(f"send the rows as {JSON}, {NDJSON} or {CSV}")
    _check_count(len(raws))
    return Batch(table, validate_rows(table, raws))


def batches_of(body: bytes) -> list[Batch]:
    """Read and validate the rows of several tables in a JSON object with a list of rows for each.

    The batches come parents first, however the object has them.

    Raises:
        UnsupportedMediaType, BadRequest: as for one table; only JSON is taken.
        UnprocessableEntity: it is no such object, or has no row or more than 1000 in all.
    """
    if request.mimetype != JSON:
        raise UnsupportedMediaType(f"send the rows as {JSON}")
    value = parse_json(decoded(body))
    by_name = {resource(table): table for table in tables()}
    if not isinstance(value, dict) or not value.keys() <= by_name.keys():
        raise UnprocessableEntity(f"send an object with lists of rows under {', '.join(by_name)}")
    raws = {name: _rows(value[name]) for name in by_name if name in value}
    _check_count(sum(map(len, raws.values())))
    return [Batch(by_name[name], validate_rows(by_name[name], rows)) for name, rows in raws.items()]


def _lines(text: str) -> list[Any]:
    """Parse NDJSON: a value in each line that is not blank."""
    lines = [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    _check_count(len(lines))  # before millions of them are read
    return [parse_json(line, f"line {number}") for number, line in lines]


def _rows(value: Any) -> list[Any]:
    """Return the raw rows in a JSON value: a list, or a single object."""
    if isinstance(value, dict):
        return [value]
    if not isinstance(value, list):
        raise UnprocessableEntity(f"send a JSON array of 1 to {MOST_ROWS} rows, or one row as an object")
    return value


def _check_count(count: int) -> None:
    if not 1 <= count <= MOST_ROWS:
        raise UnprocessableEntity(f"send 1 to {MOST_ROWS} rows in one request, not {count}")


def _csv_rows(table: Table, text: str) -> BatchRows:
    """Validate CSV rows under a header that names every column of the table, in any order and case."""
    try:
        records = [fields for fields in csv.reader(StringIO(text, newline=""), strict=True) if fields]
    except csv.Error as error:
        raise BadRequest(f"the body is not CSV: {error}") from None
    header = [name.strip().lower() for name in records[0]] if records else []
    if sorted(header) != sorted(kinds(table)):
        raise UnprocessableEntity(f"the first line of the CSV must name the columns {','.join(kinds(table))}")
    _check_count(len(records) - 1)
    return by_column(table, [validate_fields(table, header, fields) for fields in records[1:]])
