"""One answer in several forms: JSON, CSV, NDJSON, as the client's `Accept` asks; ETags; links to pages."""

from __future__ import annotations

import csv
import io
import json
import re
from itertools import chain
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from flask import Response, jsonify, request
from werkzeug.http import parse_etags

from hiring_api.web.media_types import CSV

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from wsgiref.types import WSGIEnvironment

_BUFFERED = 64 * 1024
_TAG = re.compile(r'(?:^|(?<=,))[ \t]*((?:W/)?"[^"]*")[ \t]*(?=,|$)')


def link(path: str, parameters: dict[str, Any]) -> str:
    """Build a path of this service with its query."""
    return f"{path}?{urlencode(parameters)}" if parameters else path


def listing(
    items: list[dict[str, Any]],
    following: str | None = None,
    total: int | None = None,
    totals: dict[str, Any] | None = None,
    previous: str | None = None,
) -> Response:
    """Answer with a list as JSON, with the path of the next page in the body and in `Link` (RFC 8288).

    `total` is how many there are on all pages, where that was asked for; `totals` are sums of a metric.
    `previous`, the path of the page before, is in `Link` alone.
    """
    more = {"total": total, "totals": totals}
    given = {name: value for name, value in more.items() if value is not None}
    response = jsonify(items=items, next=following, **given)
    links = {"next": following, "prev": previous}
    header = ", ".join(f'<{path}>; rel="{name}"' for name, path in links.items() if path is not None)
    if header:
        response.headers["Link"] = header
    return conditional(response)


def conditional(response: Response) -> Response:
    """Add an ETag and `Vary: Accept` to `response`, and heed the request's preconditions.

    It becomes a 304 if the client has the content already, and a 412 if it asks for another one.
    """
    response.vary.add("Accept")
    response.add_etag()
    response.make_conditional(_preconditions())
    return response


def is_expected(value: dict[str, Any]) -> bool:
    """False if `If-Match` asks for another content than that of `jsonify(value)`, by its ETag."""
    sent = _preconditions().get("HTTP_IF_MATCH")
    response = jsonify(value)
    response.add_etag()
    return sent is None or parse_etags(sent).contains(response.get_etag()[0] or "")


def _preconditions() -> WSGIEnvironment:
    """The request as RFC 9110, section 13.1, reads its preconditions.

    Werkzeug takes tags without quotes for tags, and for `If-Match: *` nothing that there is.
    """
    environ = dict(request.environ)
    if environ.get("HTTP_IF_MATCH", "").strip() == "*":
        del environ["HTTP_IF_MATCH"]
    for name in ("HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH"):
        if name in environ and environ[name].strip() != "*":
            environ[name] = ", ".join(_TAG.findall(environ[name])) or '""'  # which is no content's tag
    return environ


def table(names: list[str], rows: Iterable[dict[str, Any]], form: str) -> Response:
    """Stream rows as CSV (RFC 4180, with a header line) or, as `form` says, NDJSON."""
    if form == CSV:
        return csv_file(names, ([row[name] for name in names] for row in rows))
    return _streamed((json.dumps(row) + "\n" for row in rows), form)


def csv_file(header: Sequence[str], lines: Iterable[Sequence[Any]], *, bom: bool = False) -> Response:
    """Stream lines as CSV; with a byte order mark first (`bom`), where some spreadsheet wants one."""
    texts = _csv_lines(header, lines)
    return _streamed(chain(["\ufeff"], texts) if bom else texts, CSV)


def _streamed(texts: Iterable[str], form: str) -> Response:
    pieces = _joined(texts)
    first = next(pieces)  # before the status is sent: a database that is away is a 503
    response = Response(_resumed(first, pieces), mimetype=form)
    response.vary.add("Accept")
    return response


def _resumed(first: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The first piece and the others. An error among them breaks the connection off.

    A chunked answer without its last chunk is no whole one, so the client can tell.
    """
    yield first
    yield from pieces


def _csv_lines(header: Sequence[str], lines: Iterable[Sequence[Any]]) -> Iterator[str]:
    line = io.StringIO()
    writer = csv.writer(line)
    for fields in chain([header], lines):
        writer.writerow(fields)
        yield line.getvalue()
        line.seek(0)
        line.truncate()


def _joined(lines: Iterable[str]) -> Iterator[bytes]:
    """Lines in pieces of about 64 KiB: each piece is sent by a system call of its own."""
    waiting: list[str] = []
    size = 0
    for line in lines:
        waiting.append(line)
        size += len(line)
        if size >= _BUFFERED:
            yield _encoded(waiting)
            waiting, size = [], 0
    yield _encoded(waiting)


def _encoded(texts: list[str]) -> bytes:
    # A refused row may hold half a surrogate pair, which UTF-8 cannot
    return "".join(texts).encode(errors="backslashreplace")
