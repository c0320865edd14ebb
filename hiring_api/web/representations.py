"""One answer in several forms: JSON, CSV, NDJSON, as the client's `Accept` asks; ETags; links to pages."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from flask import Response, jsonify, request

from .extensions import CSV

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_BUFFERED = 64 * 1024


def wanted(*offered: str) -> str:
    """The media type that the client likes best of `offered`; the first where it says nothing we have."""
    return request.accept_mimetypes.best_match(offered, default=offered[0])


def link(path: str, parameters: dict[str, Any]) -> str:
    """A path of this service with its query."""
    return f"{path}?{urlencode(parameters)}" if parameters else path


def listing(items: list[dict[str, Any]], following: str | None = None) -> Response:
    """A list as JSON, with the path of the next page in the body and in `Link` (RFC 8288)."""
    response = jsonify(items=items, next=following)
    if following is not None:
        response.headers["Link"] = f'<{following}>; rel="next"'
    return conditional(response)


def conditional(response: Response) -> Response:
    """`response` with an ETag and `Vary: Accept`, or 304 where the client has it already."""
    response.vary.add("Accept")
    response.add_etag()
    response.make_conditional(request)
    return response


def table(names: list[str], rows: Iterable[dict[str, Any]], form: str) -> Response:
    """Rows streamed as CSV (RFC 4180, with a header line) or NDJSON."""
    lines = _csv_lines(names, rows) if form == CSV else (json.dumps(row) + "\n" for row in rows)
    pieces = _joined(lines)
    first = next(pieces)  # before the status is sent: a database that is away is a 503
    response = Response(_resumed(first, pieces), mimetype=form)
    response.vary.add("Accept")
    return response


def _resumed(first: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """An error within breaks the connection off: without its last chunk an answer is no whole one."""
    yield first
    yield from pieces


def _csv_lines(names: list[str], rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    line = io.StringIO()
    writer = csv.DictWriter(line, names)
    writer.writeheader()
    for row in rows:
        yield line.getvalue()
        line.seek(0)
        line.truncate()
        writer.writerow(row)
    yield line.getvalue()


def _joined(lines: Iterable[str]) -> Iterator[bytes]:
    """Lines in pieces of some size: a piece a line would cost a system call each."""
    held: list[str] = []
    size = 0
    for line in lines:
        held.append(line)
        size += len(line)
        if size >= _BUFFERED:
            yield "".join(held).encode()
            held, size = [], 0
    yield "".join(held).encode()
