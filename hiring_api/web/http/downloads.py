"""Files as answers: complete before their first byte, with their length and an ETag."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from io import SEEK_END
from typing import TYPE_CHECKING, BinaryIO, cast

from flask import Response, send_file

from hiring_api.backup import backup
from hiring_api.system.disk_full import room

from .representations import conditional

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Table


def new_file(media_type: str, table: Table | None, write: Callable[[BinaryIO], str]) -> Response:
    """The answer with the file that `write` writes; what it returns tells equal contents apart from others.

    The file is complete before the first byte of the answer. Without a name on disk it is gone with the
    answer, however that ends.
    """
    file = cast("BinaryIO", tempfile.TemporaryFile())  # noqa: SIM115  # closed with the answer
    try:
        with room():
            content = write(file)
    except BaseException:
        file.close()
        raise
    return whole_file(file, media_type, backup.file_name(table, datetime.now(UTC)), content)


def whole_file(file: BinaryIO, media_type: str, name: str, content: str) -> Response:
    """The answer with all of `file`, to be saved as `name`; the file is closed with it.

    `content` tells equal contents apart from others.
    """
    size = file.seek(0, SEEK_END)
    file.seek(0)
    etag = f"{content}-{size}"
    response = send_file(
        file, media_type, as_attachment=True, download_name=name, etag=etag, conditional=False
    )
    response.content_length = size
    response.headers["Cache-Control"] = "no-cache"
    return conditional(response)
