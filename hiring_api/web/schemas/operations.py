"""Complete every operation in the OpenAPI document: its errors and headers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from marshmallow import Schema

from hiring_api.users.roles import READER
from hiring_api.web.media_types import JSON

from .answers import example_of
from .problem import ProblemSchema, problem_example

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flask_smorest import Blueprint

PROBLEMS = {
    400: "The body is not what its Content-Type says, such as malformed JSON; or the Host is none of ours",
    401: "No or wrong credentials",
    403: "A browser sent this from another site",
    404: "There is no such thing",
    406: "The answer comes in none of the media types that `Accept` asks for",
    408: "The request did not arrive in time",
    409: "What is in the database forbids it, or another such request is under way",
    412: "The content is not what `If-Match` asks for",
    413: "The body is larger than the limit, or a database cluster does not take as much at once",
    414: "The address is longer than 4094 bytes",
    415: "The Content-Type or Content-Encoding is not one of those taken",
    422: "The request is well formed but wrong; the detail says what to send",
    429: "Too many wrong passwords came from the client's address; the right one always passes",
    431: "The headers are too many or too long",
    500: "A defect of the program; look whether a change was made before you send it again",
    503: "The database cannot be reached; nothing was committed unless the detail says that it may have been",
    507: "A disk is full; nothing was kept",
}
_OF_ALL = {400, 406, 408, 414, 422, 431, 500, 503}
_OF_USERS = {401, 429}
_OF_CHANGES = {403, 409, 507}
_OF_BODIES = {413, 415}
_UNCHANGED, _UNMET = 304, 412
TEXT = {"type": "string"}
BINARY = {"type": "string", "format": "binary"}
UNCHANGED = "What the client has under `If-None-Match` is what would be answered"
ETAG = {"ETag": {"schema": TEXT, "description": "For `If-None-Match` and `If-Match`"}}
IF_MATCH = {
    "in": "header",
    "name": "If-Match",
    "schema": {**TEXT, "examples": ["*"]},
    "description": "An ETag: 412 where it is no longer so",
}
PREFER = {
    "in": "header",
    "name": "Prefer",
    "schema": {**TEXT, "examples": ["read=latest"]},
    "description": "`read=latest`: do not ask a replica, which may be some seconds behind (RFC 7240)",
}
_APPLIED = {"Preference-Applied": {"schema": TEXT, "description": "`read=latest`, where that was asked for"}}
_PRECONDITIONS = [
    {
        "in": "header",
        "name": "If-None-Match",
        "schema": {**TEXT, "examples": ['"0123456789abcdef0123456789abcdef"']},
        "description": "An ETag: 304 where it is still so",
    },
    IF_MATCH,
]
_SECONDS = {"type": "integer", "minimum": 0}
_HEADERS = {
    401: {"WWW-Authenticate": {"schema": TEXT, "description": "How to send credentials (RFC 9110)"}},
    409: {"Retry-After": {"schema": _SECONDS, "description": "Seconds, where waiting helps"}},
    429: {"Retry-After": {"schema": _SECONDS, "description": "Seconds"}},
    503: {"Retry-After": {"schema": _SECONDS, "description": "Seconds"}},
}


def file_body(types: Iterable[str], described: dict[str, Any]) -> dict[str, Any]:
    """Describe the body of a route that takes a file: of one of `types`, or a form with the part `file`.

    `described` is the schema of the file with its examples.
    """
    file = {**BINARY, "description": "The file"}
    form = {"schema": {"type": "object", "required": ["file"], "properties": {"file": file}}}
    return {"required": True, "content": {**dict.fromkeys(types, described), "multipart/form-data": form}}


def downloaded(name: str) -> dict[str, Any]:
    """Describe a file to restore, which cannot be shown in the document: where one can be had.

    A member of our own says so to programs: bundlers of documents try to read an `externalValue`.
    """
    example = f"/backup/{name}"
    description = f"The file, such as `GET {example}` answers"
    return {"schema": {**BINARY, "description": description}, "x-example-from": example}


def path_parameter(name: str, description: str, example: Any) -> dict[str, Any]:
    """Describe a part of a path; what it may be is known from the route."""
    return {"in": "path", "name": name, "description": description, "example": example}


def problems(blueprint: Blueprint, *statuses: int) -> Any:
    """Decorate a view with problems which not every route has."""

    def decorate(view: Any) -> Any:
        for status in statuses:
            view = blueprint.alt_response(
                status,
                schema=ProblemSchema,
                content_type="application/problem+json",
                description=PROBLEMS[status],
                example=problem_example(status, PROBLEMS[status]),
            )(view)
        return view

    return decorate


def complete(doc: dict[str, Any], info: dict[str, Any], *, method: str, **_: Any) -> dict[str, Any]:
    """Complete an operation's documentation with the problems that it can answer and the headers it takes.

    A callback of flask-smorest: `info` has what the decorators of the view noted.
    """
    manual, role = info.get("manual_doc", {}), info.get("role")
    # The view's own parameters would take the place of those of its query
    doc["parameters"] = [*doc.get("parameters", []), *manual.pop("parameters", [])]
    doc["operationId"] = info["name"]  # what the view says itself takes its place
    responses = doc.setdefault("responses", {})
    statuses = _statuses(method, manual)
    if role:
        doc["x-role"] = role
        said = manual if "description" in manual else info["docstring"]
        said["description"] = f"{said['description'].rstrip()}\n\nNeeds the role `{role}`."
        if role != READER:
            statuses.add(403)
            responses[403] = {
                "description": f"The caller is no {role}; or a browser sent this from another site"
            }
    if _UNCHANGED in responses:
        statuses.add(_UNMET)
        doc["parameters"] += _PRECONDITIONS
        responses[200]["headers"] = responses[200].get("headers", {}) | ETAG
        responses[_UNCHANGED]["headers"] = ETAG
    if PREFER in doc["parameters"]:
        responses[200]["headers"] = responses[200].get("headers", {}) | _APPLIED
    for response in responses.values():
        _give_example(response)
    for status in sorted(statuses):
        responses[status] = _with_problem(status, responses.get(status))
    return doc


def _statuses(method: str, manual: dict[str, Any]) -> set[int]:
    statuses = set(_OF_ALL)
    if manual.get("security") != []:
        statuses |= _OF_USERS
    if method in {"post", "patch", "delete"}:
        statuses |= _OF_CHANGES
    if "requestBody" in manual:
        statuses |= _OF_BODIES
    return statuses


def _give_example(response: Any) -> None:
    """Make an example of the fields of an answer in JSON, where its view gives none."""
    answer = response.get("content", {}).get(JSON) if isinstance(response, dict) else None
    if answer and isinstance(answer["schema"], Schema) and not answer.keys() & {"example", "examples"}:
        answer["example"] = example_of(answer["schema"])


def _with_problem(status: int, response: Any) -> dict[str, Any]:
    """A documented response, or a new one, that may also be a problem."""
    described: dict[str, Any] = response if isinstance(response, dict) else {"description": PROBLEMS[status]}
    example = problem_example(status, PROBLEMS[status])
    problem = {"application/problem+json": {"schema": ProblemSchema, "example": example}}
    completed = {**described, "content": described.get("content", {}) | problem}
    if status in _HEADERS:
        completed["headers"] = described.get("headers", {}) | _HEADERS[status]
    return completed
