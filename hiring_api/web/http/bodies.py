"""Reading request bodies within their limits, whether or not the client said how long they are."""

from __future__ import annotations

import json
import math
import zlib
from collections import Counter
from typing import TYPE_CHECKING, Any, NoReturn

from flask import current_app, request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, UnsupportedMediaType

from hiring_api.system.disk_full import room

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hiring_api.settings import Settings

PIECE = 64 * 1024  # the most bytes of a body that are handed on at once
_GZIP = 31  # zlib's number for gzip framing
_CHARSETS = {"utf-8", "utf8", "us-ascii"}
_CONTAINERS = {dict, list}
_DEPTH = 100
_TOO_DEEP = "it is nested too deeply"
_BLANKS = " \t\r\n"
_DOUBTFUL = object()


class _Unusable(ValueError):
    """JSON by its grammar, but with no one meaning or none that this program can hold."""


def settings() -> Settings:
    """The settings of the application that answers the present request."""
    found: Settings = current_app.config["SETTINGS"]
    return found


def pieces(limit: int) -> Iterator[bytes]:
    """The body in pieces, inflated where it was sent with `Content-Encoding: gzip`.

    None has more than `PIECE` bytes. Werkzeug's own limit hands over the first bytes of a longer chunked body
    as if they were all of it; so the bytes are counted here, those that came and those that they inflate to.

    Raises:
        RequestEntityTooLarge: the body is longer than `limit` bytes.
        BadRequest: the client hung up before the end of the body, its chunks are malformed, or it is not the
            gzip that it says.
        UnsupportedMediaType: the encoding is none of gzip and identity.
        StorageFull: there was no room to receive it.
    """
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding == "identity":
        return _counted(limit)
    if encoding in {"gzip", "x-gzip"}:
        return _inflated(limit)
    raise UnsupportedMediaType("the Content-Encoding must be gzip, or none")


def _counted(limit: int) -> Iterator[bytes]:
    request.max_content_length = None
    length = request.content_length
    if length is not None and length > limit:
        raise too_large(limit)
    received = 0
    while piece := _read():
        received += len(piece)
        if received > limit:
            raise too_large(limit)
        yield piece
    if length is not None and received < length:
        raise BadRequest(f"the body ended after {received} of {length} bytes")


def _read() -> bytes:
    """The next bytes that came, none at the end.

    gunicorn raises errors of its own where a chunked body is cut short or its chunks are malformed.
    """
    try:
        with room("there is no room left for the body: nothing was kept"):
            return request.stream.read(PIECE)
    except (OSError, ParseException):
        raise BadRequest("the body ended before its end, or its chunks are malformed") from None


def _inflated(limit: int) -> Iterator[bytes]:
    """A gzip body (RFC 1952) of one or more members; a bomb stops at the limit."""
    member = zlib.decompressobj(wbits=_GZIP)
    inflated = 0
    for piece in _counted(limit):
        waiting = piece
        while waiting:
            if member.eof:
                member = zlib.decompressobj(wbits=_GZIP)
            try:
                out = member.decompress(waiting, PIECE)
            except zlib.error:
                raise BadRequest("the body is not the gzip that its Content-Encoding says") from None
            inflated += len(out)
            if inflated > limit:
                raise too_large(limit)
            yield out
            waiting = member.unused_data or member.unconsumed_tail
    if not member.eof:
        raise BadRequest("the gzip body ended before its end")


def too_large(limit: int) -> RequestEntityTooLarge:
    """The error to raise for a body of more than `limit` bytes."""
    return RequestEntityTooLarge(f"the body is larger than {limit} bytes: send it in parts")


def read_body() -> bytes:
    """The whole body, at most `Settings.max_body` bytes, inflated.

    Raises:
        RequestEntityTooLarge, BadRequest, UnsupportedMediaType, StorageFull: see `pieces`.
    """
    return b"".join(pieces(settings().max_body))


def parse_json(text: str, what: str = "the body") -> Any:
    """The JSON value (RFC 8259) that `text` holds; `what` names the text in errors.

    Raises:
        BadRequest: it holds none, or one that is ambiguous or beyond the limits of this program.
    """
    value = _quickly_parsed(text)
    if value is not _DOUBTFUL:
        return value
    if not text.strip():
        raise BadRequest(f"{what} is empty")
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_float=_float, parse_constant=_constant)
        _count_keys(value, text)
    except RecursionError:
        raise BadRequest(f"{what} is not usable JSON: {_TOO_DEEP}") from None
    except _Unusable as error:
        raise BadRequest(f"{what} is not usable JSON: {error}") from None
    except json.JSONDecodeError as error:
        raise BadRequest(f"{what} is not JSON: {error}") from None
    except ValueError:  # int() refuses thousands of digits
        raise BadRequest(f"{what} is not usable JSON: a number in it has too many digits") from None
    return value


def _quickly_parsed(text: str) -> Any:
    """The JSON value that `text` plainly holds, else _DOUBTFUL: `parse_json` then looks closely.

    Python's own parser keeps the last value of a key that stands twice. A key ends with `":` where no white
    space comes before a colon; so where all objects together have as many keys as there are such ends, each
    stands once. Within strings such ends only add to the number.
    """
    if any(blank in text and f"{blank}:" in text for blank in _BLANKS):
        return _DOUBTFUL
    try:
        value = json.loads(text, parse_float=_float, parse_constant=_constant)
        return value if _count_keys(value, text) == text.count('":') else _DOUBTFUL
    except (RecursionError, ValueError):
        return _DOUBTFUL


def decoded(body: bytes) -> str:
    """The text of a UTF-8 body, without the byte order mark that some programs begin it with.

    Raises:
        UnsupportedMediaType: the Content-Type names another charset.
        BadRequest: it is not UTF-8.
    """
    if request.mimetype_params.get("charset", "utf-8").lower() not in _CHARSETS:
        raise UnsupportedMediaType("the charset must be utf-8")
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadRequest(f"the body is not UTF-8: byte {error.start} is wrong") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose every key stands once: of two values, either could be the one that is meant."""
    members = dict(pairs)
    if len(members) < len(pairs):
        [(twice, _)] = Counter(key for key, _ in pairs).most_common(1)
        raise _Unusable(f"the key {twice[:64]!r} stands twice in an object")
    return members


def _count_keys(value: Any, text: str) -> int:
    """How many keys the objects in a value have; `text` is what it was read from.

    Raises:
        _Unusable: what can be read at the limit of recursion could not be written into the record of refused
            rows.
    """
    keys, level = 0, [value]
    unseen = text.count("{") + text.count("[")  # no fewer than there are objects and arrays
    for depth in range(_DEPTH):
        containers = [one for one in level if type(one) in _CONTAINERS]
        keys += sum([len(one) for one in containers if type(one) is dict])
        unseen -= len(containers)
        if not unseen and depth < _DEPTH - 1:
            return keys
        level = [
            inner for outer in containers for inner in (outer.values() if type(outer) is dict else outer)
        ]
        if not level:
            return keys
    raise _Unusable(_TOO_DEEP)


def _float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise _Unusable(f"the number {text[:20]} is too large")
    return number


def _constant(name: str) -> NoReturn:
    raise _Unusable(f"{name} is no JSON value")
