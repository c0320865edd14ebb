"""Request bodies, read within their limits whether or not the client said how long they are."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

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


def settings() -> Settings:
    """The settings of the application that answers the present request."""
    found: Settings = current_app.config["SETTINGS"]
    return found


def pieces(limit: int) -> Iterator[bytes]:
    """Read the body in pieces, inflated where it was sent with `Content-Encoding: gzip`.

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
    """Read the next bytes that came, none at the end.

    gunicorn raises errors of its own where a chunked body is cut short or its chunks are malformed.
    """
    try:
        with room("there is no room left for the body: nothing was kept"):
            return request.stream.read(PIECE)
    except (OSError, ParseException):
        raise BadRequest("the body ended before its end, or its chunks are malformed") from None


def _inflated(limit: int) -> Iterator[bytes]:
    """Inflate a gzip body (RFC 1952) of one or more members, no further than the limit."""
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
    """Read the whole body, inflated: at most `Settings.max_body` bytes.

    Raises:
        RequestEntityTooLarge, BadRequest, UnsupportedMediaType, StorageFull: see `pieces`.
    """
    return b"".join(pieces(settings().max_body))


def decoded(body: bytes) -> str:
    """Decode a UTF-8 body, without the byte order mark that some programs begin it with.

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
