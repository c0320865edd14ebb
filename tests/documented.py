"""Compares answers with the OpenAPI document: status, media type, and the body with its schema.

Whatever the tests' clients are answered goes through `check`, so that the document is held against what the
API really does.
"""

from __future__ import annotations

import json
import re
from functools import cache

import jsonschema_rs
from flask.testing import FlaskClient
from werkzeug.http import parse_options_header

from hiring_api.settings import read_settings
from hiring_api.web.app import create_app

_NO_BODY = {204, 304}
_PROBLEM = "application/problem+json"
# Of requests that fit no operation: a wrong address, a wrong method, or no valid HTTP
_OF_NO_OPERATION = {400, 401, 403, 404, 405, 408, 414, 417, 429, 431, 501}


@cache
def document():
    """The document, which is the same for every application."""
    app = create_app(
        read_settings({"DATABASE_URL": "mysql://u:p@127.0.0.1:1/none", "API_USER": "u", "API_PASS": "p"})
    )
    return FlaskClient(app, app.response_class).get("/openapi.json").json


class CheckedClient(FlaskClient):
    """Flask's test client; every answer is compared with the document."""

    def open(self, *args, **kwargs):
        """The answer, all of it: so it is closed, and with it the file that it came from."""
        answer = super().open(*args, **{**kwargs, "buffered": True})
        sent = answer.request
        check(sent.method, sent.path, answer.status_code, answer.headers, answer.data)
        return answer


def check(method, path, status, headers, body):
    """Fails where an answer is none of those that the document has for the operation.

    Args:
        method: of the request.
        path: of the request, without its query.
        status: of the answer.
        headers: of the answer, a mapping.
        body: of the answer, bytes.
    """
    where = f"{method} {path} {status}"
    media_type, _ = parse_options_header(headers.get("Content-Type", ""))
    assert "X-Request-ID" in headers, where
    pattern = operation(method, path)
    if status >= 400:
        assert media_type == _PROBLEM or (pattern and media_type == "application/json"), where
    if pattern is None:
        assert status < 400 or status in _OF_NO_OPERATION or path.startswith(("/docs", "/openapi.json")), (
            where
        )
        if media_type == _PROBLEM and method != "HEAD":
            _matches({"$ref": "#/components/schemas/Problem"}, body, where)
        return
    responses = document()["paths"][pattern][_documented(method)]["responses"]
    if method == "OPTIONS" and status == 200:
        return
    assert str(status) in responses, f"{where}: the document has no such status"
    response = responses[str(status)]
    _check_headers(response.get("headers", {}), headers, where)
    content = response.get("content", {})
    if status in _NO_BODY:
        assert (body, content) == (b"", {}), where
        return
    assert media_type in content, f"{where}: the document has {list(content)}, not {media_type}"
    if method != "HEAD" and media_type in {"application/json", _PROBLEM}:
        _matches(content[media_type]["schema"], body, where)


def _documented(method):
    return "get" if method == "HEAD" else method.lower()


def operation(method, path):
    """The path in the document of the operation that such a request asks for, if there is one."""
    for pattern, expression in _patterns():
        if expression.fullmatch(path) and _documented(method) in document()["paths"][pattern]:
            return pattern
    return None


@cache
def _patterns():
    """The paths in the document; those without parameters come first."""
    paths = sorted(document()["paths"], key=lambda path: path.count("{"))
    return [(path, re.compile(re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(path)))) for path in paths]


def _check_headers(described, headers, where):
    for name, header in described.items():
        if name in headers:
            value = headers[name]
            integer = header["schema"]["type"] == "integer"
            _validator(json.dumps(header["schema"])).validate(int(value) if integer else value)


def _matches(schema, body, where):
    try:
        _validator(json.dumps(schema)).validate(json.loads(body))
    except jsonschema_rs.ValidationError as error:
        raise AssertionError(f"{where}: {error}") from None


@cache
def _validator(schema):
    return jsonschema_rs.Draft202012Validator(
        {"components": document()["components"], **json.loads(schema)}, validate_formats=True
    )
