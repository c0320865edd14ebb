"""Files that are uploaded: a raw body or the part `file` of a form, streamed to disk."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from flask import request
from werkzeug.exceptions import (
    BadRequest,
    RequestEntityTooLarge,
    UnprocessableEntity,
    UnsupportedMediaType,
)
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

from hiring_api.system.disk_full import room

from .bodies import PIECE, pieces, settings, too_large

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_FORM = "multipart/form-data"
_PART = "file"
_PARTS = 4
AROUND = 64 * 1024  # bytes of a form that are not the file's


@contextmanager
def sent_file(types: Collection[str]) -> Iterator[IO[bytes]]:
    """Receive the file in the body, and open it at its beginning.

    It has no name on disk, so it is gone at the end whatever happens.

    Raises:
        UnsupportedMediaType: the body is neither a form nor of one of `types`.
        RequestEntityTooLarge: the file is larger than `Settings.max_upload` bytes.
        BadRequest: the body ended early, or the form is malformed.
        UnprocessableEntity: it is empty, or the form has no part `file` or two of them.
        StorageFull: there is no room for it.
    """
    if request.mimetype not in {_FORM, *types}:
        raise UnsupportedMediaType(f"send the file as {', '.join(types)}, or as the part {_PART!r} of a form")
    limit, form = settings().max_upload, request.mimetype == _FORM
    body = pieces(limit + AROUND if form else limit)
    with tempfile.TemporaryFile() as file:
        with room():
            for piece in _parts(body) if form else body:
                file.write(piece)
                if file.tell() > limit:
                    raise too_large(limit)
            file.flush()
        if not file.tell():
            raise UnprocessableEntity("the file is empty")
        file.seek(0)
        yield file


def _parts(body: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the bytes of the form's part `file`; refuse any other part (RFC 7578)."""
    boundary = request.mimetype_params.get("boundary", "").encode("latin-1", "replace")
    if not boundary:
        raise BadRequest("the form has no boundary")
    # Counted is what waits for the end of a part's head, and the piece that is added to it
    decoder = MultipartDecoder(boundary, max_form_memory_size=AROUND + PIECE, max_parts=_PARTS)
    found = 0
    try:
        for event in _events(decoder, body):
            if isinstance(event, Field) and event.name == _PART:
                raise UnprocessableEntity(f"the part {_PART!r} is text without a filename: send it as a file")
            if isinstance(event, Field) or (isinstance(event, File) and event.name != _PART):
                raise UnprocessableEntity(
                    f"the form has the part {str(event.name)[:64]!r}: send {_PART!r} alone"
                )
            found += isinstance(event, File)
            if found > 1:
                raise UnprocessableEntity(f"the form has more than one part {_PART!r}")
            if isinstance(event, Data):
                yield event.data
    except ValueError:
        raise BadRequest("the form is malformed or cut short") from None
    if not found:
        raise UnprocessableEntity(f"the form has no part {_PART!r} with a file")


def _events(decoder: MultipartDecoder, body: Iterator[bytes]) -> Iterator[object]:
    for piece in body:
        try:
            decoder.receive_data(piece)
        except RequestEntityTooLarge:
            raise BadRequest(f"the form has more than {AROUND} bytes around its file") from None
        while not isinstance(event := decoder.next_event(), NeedData):
            yield event
    decoder.receive_data(None)
    while not isinstance(event := decoder.next_event(), Epilogue):
        yield event
