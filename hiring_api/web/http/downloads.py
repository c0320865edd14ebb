"""What the routes of backups and of kept backups share."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from functools import partial
from io import SEEK_END
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from flask import Response, send_file

from hiring_api.backup import backup
from hiring_api.backup.catalogue import Retention, kept_before
from hiring_api.backup.file_store import open_store
from hiring_api.backup.restore import restore
from hiring_api.system.disk_full import room

from .bodies import settings
from .extensions import engine
from .prometheus import count_rows
from .representations import conditional

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Table

    from hiring_api.avro.reader import AvroRows
    from hiring_api.backup.file_store import Store
    from hiring_api.backup.restore import Keeping, Mode


def sent(media_type: str, table: Table | None, write: Callable[[BinaryIO], str]) -> Response:
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
    return download(file, media_type, backup.file_name(table, datetime.now(UTC)), content)


def download(file: BinaryIO, media_type: str, name: str, content: str) -> Response:
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


def store() -> Store:
    """Where this application keeps backups."""
    return open_store(settings().backup_dir)


def retention() -> Retention:
    """How many backups this application keeps, and how long."""
    return Retention(settings().backup_keep, settings().backup_keep_days)


def _keeping(wanted: bool | None, restored: str) -> Keeping | None:
    """What keeps the tables before a restore replaces them: as asked, else as the setting says.

    `restored` is the name of the kept backup that is restored, or empty.
    """
    if settings().backup_before_replace if wanted is None else wanted:
        return partial(kept_before, engine(), store(), retention(), restored)
    return None


def bring_back(
    files: Sequence[AvroRows], mode: Mode, *, dry_run: bool, keep: bool | None, name: str = ""
) -> dict[str, dict[str, Any]]:
    """Restores the tables of `files`; what was done to each, by its name in URLs.

    `name` is that of the kept backup that the files are of, if it is one.
    """
    reports = restore(engine(), files, mode, dry_run=dry_run, keeping=_keeping(keep, name))
    for report in reports:
        if not dry_run:
            counts = ("inserted", "updated", "unchanged", "deleted")
            count_rows(report.table, {name: getattr(report, name) for name in counts})
    return {report.table: report.to_json() for report in reports}
