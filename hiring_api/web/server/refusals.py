"""Answers to what is no valid HTTP or is not there in time, and so never gets to Flask: problem+json too."""

from __future__ import annotations

import json
from http import HTTPStatus

from gunicorn.http import errors

from hiring_api.errors import DEFECT

_BAD_HEADERS = (
    "the request has more than 100 headers, one that is longer than 8190 bytes, or 32 KiB of them in all"
)
# What gunicorn refuses, most particular first: status, title, and what to tell
_REFUSALS: list[tuple[type[Exception], tuple[int, str, str]]] = [
    (errors.InvalidResponseHeader, (500, "Internal Server Error", DEFECT)),
    (errors.LimitRequestLine, (414, "URI Too Long", "the address is longer than 4094 bytes")),
    (errors.LimitRequestHeaders, (431, "Request Header Fields Too Large", _BAD_HEADERS)),
    (errors.ExpectationFailed, (417, "Expectation Failed", "the header Expect may only say 100-continue")),
    (
        errors.UnsupportedTransferCoding,
        (501, "Not Implemented", "the header Transfer-Encoding may only say chunked"),
    ),
]


class TooSlow(Exception):
    """The head or the body of a request was not there in time; the message says which."""


class TooManyChecks(Exception):
    """Too many passwords wait to be checked; the message says so."""


def refusal(exc: Exception) -> tuple[int, str, str]:
    """The status, the title, and what to tell."""
    for kind, known in _REFUSALS:
        if isinstance(exc, kind):
            return known
    if isinstance(exc, TooSlow):
        return 408, "Request Timeout", str(exc)
    if isinstance(exc, TooManyChecks):
        return 503, "Service Unavailable", str(exc)
    if isinstance(exc, errors.ParseException):
        return 400, "Bad Request", f"this is no valid HTTP/1.1 request: {str(exc)[:200]}"
    return 500, "Internal Server Error", DEFECT


def message(status: int, title: str, detail: str, request_id: str) -> bytes:
    """The answer, head and body, after which the connection is closed."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    body["request_id"] = request_id
    content = json.dumps(body).encode()
    later = "Retry-After: 1\r\n" if status == HTTPStatus.SERVICE_UNAVAILABLE else ""
    head = (
        f"HTTP/1.1 {status} {title}\r\n"
        "Connection: close\r\n"
        "Content-Type: application/problem+json\r\n"
        f"Content-Length: {len(content)}\r\n"
        f"{later}"
        f"X-Request-ID: {request_id}\r\n\r\n"
    )
    return head.encode("latin-1") + content
