"""Files that are sent to the API: a raw body or the part `file` of a form, streamed to disk."""

from __future__ import annotations

import errno
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, cast

from flask import request
from werkzeug.exceptions import BadRequest, UnprocessableEntity, UnsupportedMediaType
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

from hiring_api.data.errors import StorageFull

from .bodies import pieces, settings

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_FORM = "multipart/form-data"
_PART = "file"
_PARTS = 4
_HEAD_BYTES = 64 * 1024


@contextmanager
def sent_file(types: Collection[str]) -> Iterator[BinaryIO]:
    """The file in the body, at its beginning. It has no name on disk, so it is gone whatever happens.

    Raises:
        UnsupportedMediaType: the body is neither a form nor of one of `types`.
        RequestEntityTooLarge: the body is larger than `Settings.max_upload` bytes.
        BadRequest: the body ended early, or the form is malformed.
        UnprocessableEntity: it is empty, or the form has no part `file` or two of them.
        StorageFull: there is no room for it.
    """
    if request.mimetype not in {_FORM, *types}:
        raise UnsupportedMediaType(f"send the file as {', '.join(types)}, or as the part {_PART!r} of a form")
    body = pieces(settings().max_upload)
    with tempfile.TemporaryFile() as file:
        try:
            for piece in _parts(body) if request.mimetype == _FORM else body:
                file.write(piece)
            file.flush()
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
                raise StorageFull("there is no room left for the file: nothing was kept") from error
            raise
        if not file.tell():
            raise UnprocessableEntity("the file is empty")
        file.seek(0)
        yield cast("BinaryIO", file)


def _parts(body: Iterator[bytes]) -> Iterator[bytes]:
    """The bytes of the form's part `file`; there may be no other part."""
    boundary = request.mimetype_params.get("boundary", "").encode("latin-1", "replace")
    if not boundary:
        raise BadRequest("the form has no boundary")
    decoder = MultipartDecoder(boundary, max_form_memory_size=_HEAD_BYTES, max_parts=_PARTS)
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
        decoder.receive_data(piece)
        while not isinstance(event := decoder.next_event(), NeedData):
            yield event
    decoder.receive_data(None)
    while not isinstance(event := decoder.next_event(), Epilogue):
        yield event
