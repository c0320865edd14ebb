"""What the OpenAPI document says of every operation beyond what its view says: its errors, its headers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .problems import ProblemSchema

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flask_smorest import Blueprint

PROBLEMS = {
    400: "The body is not what its Content-Type says, such as malformed JSON",
    401: "No or wrong credentials",
    403: "A browser sent this from another site",
    404: "There is no such thing",
    409: "What is in the database forbids it, or another such request is under way",
    413: "The body is larger than the limit",
    415: "The Content-Type or Content-Encoding is not one of those taken",
    422: "The request is well formed but wrong; the detail says what to send",
    500: "A defect of the program; nothing was committed",
    503: "The database cannot be reached; nothing was committed unless the detail says that it may have been",
    507: "A disk is full; nothing was kept",
}
_OF_ALL = {422, 500, 503}
_OF_CHANGES = {403, 409}
_OF_BODIES = {400, 413, 415, 507}
TEXT = {"type": "string"}
BINARY = {"type": "string", "format": "binary"}
ETAG_PARAMETER = {"in": "header", "name": "If-None-Match", "schema": TEXT}
ETAG_HEADER = {"ETag": {"schema": TEXT, "description": "For `If-None-Match`"}}
UNCHANGED = "What the client has under `If-None-Match` is what would be answered"
_HEADERS = {
    401: {"WWW-Authenticate": {"schema": TEXT, "description": "How to send credentials (RFC 9110)"}},
    409: {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds, where waiting helps"}},
    503: {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds"}},
}


def file_body(types: Iterable[str], content: dict[str, Any] = BINARY) -> dict[str, Any]:
    """The body of a route that takes a file: raw, as one of `types`, or as the part `file` of a form."""
    form = {"type": "object", "required": ["file"], "properties": {"file": BINARY}}
    schemas = {**dict.fromkeys(types, content), "multipart/form-data": form}
    return {"required": True, "content": {name: {"schema": schema} for name, schema in schemas.items()}}


def problems(blueprint: Blueprint, *statuses: int) -> Any:
    """The decorator that documents problems which not every route has."""

    def decorate(view: Any) -> Any:
        for status in statuses:
            view = blueprint.alt_response(
                status,
                schema=ProblemSchema,
                content_type="application/problem+json",
                description=PROBLEMS[status],
            )(view)
        return view

    return decorate


def complete(doc: dict[str, Any], info: dict[str, Any], *, method: str, **_: Any) -> dict[str, Any]:
    """An operation's documentation with the problems that it can answer and the headers that it takes.

    A callback of flask-smorest: `info` has what the decorators of the view noted.
    """
    manual = info.get("manual_doc", {})
    # The view's own parameters would take the place of those of its query
    doc["parameters"] = [*doc.get("parameters", []), *manual.pop("parameters", [])]
    doc["operationId"] = info["name"]  # what the view says itself takes its place
    responses = doc.setdefault("responses", {})
    for status in _statuses(method, manual):
        responses[status] = _with_problem(status, responses.get(status))
    return doc


def _statuses(method: str, manual: dict[str, Any]) -> list[int]:
    statuses = set(_OF_ALL)
    if manual.get("security") != []:
        statuses.add(401)
    if method in {"post", "delete"}:
        statuses |= _OF_CHANGES
    if "requestBody" in manual:
        statuses |= _OF_BODIES
    return sorted(statuses)


def _with_problem(status: int, response: Any) -> dict[str, Any]:
    """A documented response, or a new one, that may also be a problem."""
    described: dict[str, Any] = response if isinstance(response, dict) else {"description": PROBLEMS[status]}
    problem = {"application/problem+json": {"schema": ProblemSchema}}
    completed = {**described, "content": described.get("content", {}) | problem}
    if status in _HEADERS:
        completed["headers"] = described.get("headers", {}) | _HEADERS[status]
    return completed
