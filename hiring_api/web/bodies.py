"""Reading request bodies within their limits, whether or not the client said how long they are."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, NoReturn

from flask import current_app, request
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, UnsupportedMediaType

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hiring_api.settings import Settings

_PIECE = 64 * 1024


def settings() -> Settings:
    """The settings of the application that answers the present request."""
    found: Settings = current_app.config["SETTINGS"]
    return found


def pieces(limit: int) -> Iterator[bytes]:
    """The body in pieces of at most 64 KiB.

    Werkzeug's own limit hands over the first bytes of a longer chunked body as if they were all of it;
    so the bytes are counted here.

    Raises:
        RequestEntityTooLarge: the body is longer than `limit` bytes.
        BadRequest: the client hung up before the end of the body.
    """
    request.max_content_length = None
    length = request.content_length
    if length is not None and length > limit:
        raise _too_large(limit)
    received = 0
    while piece := request.stream.read(_PIECE):
        received += len(piece)
        if received > limit:
            raise _too_large(limit)
        yield piece
    if length is not None and received < length:
        raise BadRequest(f"the body ended after {received} of {length} bytes")


def _too_large(limit: int) -> RequestEntityTooLarge:
    return RequestEntityTooLarge(f"the body is larger than {limit} bytes: send it in parts")


def read_json() -> Any:
    """The JSON value that the body holds.

    Raises:
        UnsupportedMediaType: it is not said to be JSON.
        BadRequest: it is not JSON (RFC 8259), or a key stands twice in an object.
        RequestEntityTooLarge: it is larger than `Settings.max_body` bytes.
    """
    if request.mimetype != "application/json":
        raise UnsupportedMediaType("send the rows as Content-Type: application/json")
    body = b"".join(pieces(settings().max_body))
    try:
        return json.loads(
            body.decode("utf-8"), object_pairs_hook=_object, parse_float=_float, parse_constant=_constant
        )
    except RecursionError:
        raise BadRequest("the body is not usable JSON: it is nested too deeply") from None
    except UnicodeDecodeError as error:
        raise BadRequest(f"the body is not UTF-8: byte {error.start} is wrong") from None
    except ValueError as error:
        raise BadRequest(f"the body is not JSON: {error}") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose every key stands once: of two values, either could be the one that is meant."""
    members = dict(pairs)
    if len(members) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for place, key in enumerate(keys) if key in keys[:place])
        raise ValueError(f"the key {twice[:64]!r} stands twice in an object")
    return members


def _float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"the number {text[:20]} is too large")
    return number


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")
