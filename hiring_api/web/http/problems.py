"""Every error as RFC 9457 problem+json. Here alone, errors of the rooms below become HTTP statuses."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from flask import Response, g, json
from werkzeug.exceptions import HTTPException

from hiring_api import errors
from hiring_api.system.sentences import sentence
from hiring_api.web.media_types import PROBLEM
from hiring_api.web.schemas.problem import title

if TYPE_CHECKING:
    from flask import Flask

log = logging.getLogger(__name__)

_RETRY_AFTER = 5  # seconds
_STATUSES: dict[type[errors.HiringError], int] = {
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Busy: 409,
    errors.Changed: 412,
    errors.InvalidFile: 422,
    errors.InvalidRows: 422,
    errors.DatabaseUnavailable: 503,
    errors.StorageFull: 507,
    errors.TransactionTooLarge: 413,
    errors.StorageUnavailable: 503,
    errors.Unproven: 500,
}


def problem(status: int, detail: str, headers: dict[str, str] | None = None, **members: Any) -> Response:
    """Answer with problem+json; `members` are further members of the object."""
    body = {"type": "about:blank", "title": title(status), "status": status, "detail": detail}
    body |= {"request_id": g.get("request_id"), **members}
    return Response(json.dumps(body), status, headers, mimetype=PROBLEM)


def unavailable(detail: str, **members: Any) -> Response:
    """Answer 503: something is away that will be back."""
    return problem(503, detail, {"Retry-After": str(_RETRY_AFTER)}, **members)


def register(app: Flask) -> None:
    """Let `app` answer every error as a problem."""
    app.register_error_handler(errors.HiringError, _hiring_problem)
    app.register_error_handler(HTTPException, http_problem)
    app.after_request(_unmet)


def _hiring_problem(error: errors.HiringError) -> Response:
    status = next(status for kind, status in _STATUSES.items() if isinstance(error, kind))
    if isinstance(error, errors.DatabaseUnavailable):
        # A database that is away fails every request: one line for each, with what the driver said
        cause = getattr(error.__cause__, "orig", error.__cause__)
        log.error("%s%s", error.for_operator(), "" if cause is None else f": {cause!r}")
    elif isinstance(error, (errors.StorageFull, errors.StorageUnavailable)):
        log.error("%s", sentence(error))
    elif status >= 500:  # noqa: PLR2004  # server errors
        log.error("%s", error.message, exc_info=error)
    headers = {"Retry-After": str(_RETRY_AFTER)} if isinstance(error, _LATER) else None
    return problem(status, error.message, headers, **error.details)


def _unmet(response: Response) -> Response:
    """Answer 412 as a problem: Werkzeug raises no error for it, and sends the body that was not asked for."""
    if response.status_code != 412 or response.mimetype == PROBLEM:  # noqa: PLR2004
        return response
    response.close()
    return problem(412, "the content is not, or no longer, what If-Match or If-Unmodified-Since asks for")


_SENTENCES = {
    404: "there is nothing at this address: /docs lists what there is",
    405: "the address does not take this method: the header Allow lists those it takes",
    500: errors.DEFECT,
}
_LATER = (errors.DatabaseUnavailable, errors.StorageUnavailable, errors.Busy)


def http_problem(error: HTTPException) -> Response:
    """Answer an error of Flask, Werkzeug or webargs; of a defect nothing but its request's id is told."""
    status = error.code or 500
    headers = {name: value for name, value in error.get_headers() if name != "Content-Type"}
    if "Allow" in headers:
        headers["Allow"] = ", ".join(sorted(headers["Allow"].split(", ")))
    messages = getattr(error, "data", {}).get("messages")
    if messages:
        # Marshmallow finds unknown names in the order of a set, which differs from run to run
        found = [
            {"field": name, "message": str(text)}
            for location in messages.values()
            for name, texts in sorted(location.items())
            for text in (texts if isinstance(texts, list) else [texts])
        ]
        detail = "; ".join(f"query parameter {item['field']}: {item['message']}" for item in found)
        return problem(status, detail, headers, errors=found)
    return problem(status, _SENTENCES.get(status) or error.description or error.name, headers)
