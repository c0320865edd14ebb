"""gunicorn's worker. What is no valid HTTP never gets to Flask: it is answered here, as problem+json too."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

from gunicorn.http import errors
from gunicorn.util import write_nonblock
from gunicorn.workers.gthread import ThreadWorker

_DEFECT = "a defect of the program: nothing was committed; the log has it under this request_id"
_BAD_HEADERS = "the request has more than 100 headers, or one that is longer than 8190 bytes"
# What gunicorn refuses, most particular first: status, title, and what to tell
_REFUSALS: list[tuple[type[Exception], tuple[int, str, str]]] = [
    (errors.InvalidResponseHeader, (500, "Internal Server Error", _DEFECT)),
    (errors.LimitRequestLine, (414, "URI Too Long", "the address is longer than 4094 bytes")),
    (errors.LimitRequestHeaders, (431, "Request Header Fields Too Large", _BAD_HEADERS)),
    (errors.ExpectationFailed, (417, "Expectation Failed", "the header Expect may only say 100-continue")),
    (
        errors.UnsupportedTransferCoding,
        (501, "Not Implemented", "the header Transfer-Encoding may only say chunked"),
    ),
]


class Worker(ThreadWorker):
    """A worker with threads."""

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Answers a request that could not be read or handled, and closes its connection."""
        status, title, detail = _refusal(exc)
        request_id = uuid4().hex
        if status == 500:  # noqa: PLR2004
            self.log.error("error handling a request [%s]", request_id, exc_info=exc)
        else:
            self.log.warning("refused what %s sent: %s [%s]", (addr or ("?",))[0], exc, request_id)
        body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
        try:
            write_nonblock(client, _message(status, title, {**body, "request_id": request_id}, request_id))
        except OSError as error:
            self.log.debug("the answer was not read: %s", error)


def _refusal(exc: Exception) -> tuple[int, str, str]:
    """The status, the title, and what to tell."""
    for kind, refusal in _REFUSALS:
        if isinstance(exc, kind):
            return refusal
    if isinstance(exc, errors.ParseException):
        return 400, "Bad Request", f"this is no valid HTTP/1.1 request: {str(exc)[:200]}"
    return 500, "Internal Server Error", _DEFECT


def _message(status: int, title: str, body: dict[str, Any], request_id: str) -> bytes:
    content = json.dumps(body).encode()
    head = (
        f"HTTP/1.1 {status} {title}\r\n"
        "Connection: close\r\n"
        "Content-Type: application/problem+json\r\n"
        f"Content-Length: {len(content)}\r\n"
        f"X-Request-ID: {request_id}\r\n\r\n"
    )
    return head.encode("latin-1") + content
