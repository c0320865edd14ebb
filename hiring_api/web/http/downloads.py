"""Files as answers: complete before their first byte, with their length and an ETag."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from io import SEEK_END
from typing import IO, TYPE_CHECKING

from flask import Response, send_file

from hiring_api.backup import backup
from hiring_api.system.disk_full import room

from .representations import conditional

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Table


def new_file(media_type: str, table: Table | None, write: Callable[[IO[bytes]], str]) -> Response:
    """Answer with the file that `write` writes: of `table`, or of all tables for None.

    `write` returns a text that is equal for equal contents, which becomes the ETag. The file is complete
    before the first byte of the answer. Without a name on disk it is gone with the answer, however that ends.

    Raises:
        StorageFull: there is no room for it.
    """
    file = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the answer
    try:
        with room():
            content = write(file)
    except BaseException:
        file.close()
        raise
    return whole_file(file, media_type, backup.file_name(table, datetime.now(UTC)), content)


def whole_file(file: IO[bytes], media_type: str, name: str, content: str) -> Response:
    """Answer with all of `file`, to be saved as `name`; the file is closed with the answer.

    `content` is a text that is equal for equal contents.
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
