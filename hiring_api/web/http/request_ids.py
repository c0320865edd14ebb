"""Each request's id: in the answer's `X-Request-ID`, in problems, and, with its user, in every log line."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

from flask import g, has_request_context, redirect, request

from hiring_api.log_lines import LinesFormatter, log_json

if TYPE_CHECKING:
    from flask import Flask, Response

_TAKEN = re.compile(r"[A-Za-z0-9._-]{1,64}")
FORMAT = "%(asctime)s %(levelname)s %(name)s [%(request_id)s %(user)s] %(message)s"


def register(app: Flask) -> None:
    """Give every request of `app` an id, and every log line the id and the user of its request."""
    app.before_request(_name_request)
    app.after_request(_tell_id)
    app.after_request(_redirect_by_path)
    handler = log_json() if app.config["SETTINGS"].log_format == "json" else _text_handler()
    if not any(isinstance(filter_, _RequestId) for filter_ in handler.filters):
        handler.addFilter(_RequestId())


def _text_handler() -> logging.Handler:
    """The handler of this program's log as text, which the first application of the process makes."""
    logger = logging.getLogger("hiring_api")
    for handler in logger.handlers:
        if isinstance(handler.formatter, LinesFormatter):
            return handler
    handler = logging.StreamHandler()
    handler.setFormatter(LinesFormatter(FORMAT))
    logger.addHandler(handler)
    return handler


def request_id() -> str:
    """The id of the present request."""
    found: str = g.request_id
    return found


def _name_request() -> None:
    sent = request.headers.get("X-Request-ID", "")
    g.request_id = sent if _TAKEN.fullmatch(sent) else uuid4().hex
    request.environ["hiring.route"] = request.url_rule.rule if request.url_rule else None


def _tell_id(response: Response) -> Response:
    response.headers["X-Request-ID"] = g.get("request_id", "-")
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _redirect_by_path(response: Response) -> Response:
    """Redirect by path alone: Werkzeug adds the Host of the request, which anybody may have made up."""
    if response.location and "://" in response.location:
        parts = urlsplit(response.location)
        path = urlunsplit(("", "", f"/{parts.path.lstrip('/')}", parts.query, ""))
        response.location = path
        response.set_data(redirect(path).get_data())
    return response


class _RequestId(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        # What is logged after the answer was sent brings the id and the user of its request
        known = getattr(record, "request_id", "-")
        user = getattr(record, "user", None)
        if has_request_context():
            known = g.get("request_id", known)
            user = g.caller.name if "caller" in g else user
            record.route = request.environ.get("hiring.route")
        record.request_id, record.user = known, user or "-"
        return True
