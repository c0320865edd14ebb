"""What the routes of backups and of kept backups share: their parameters, their answers."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from functools import cache, partial
from io import SEEK_END
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import marshmallow
from flask import Response, send_file
from marshmallow import fields

from hiring_api.avro.codecs import WRITTEN
from hiring_api.backup import backup
from hiring_api.backup.catalogue import Retention, kept_before
from hiring_api.backup.file_store import open_store
from hiring_api.backup.restore import MODES, restore
from hiring_api.model.tables import resource, tables
from hiring_api.system.disk_full import room
from hiring_api.web.schemas.parameters import Query, choice, flag

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


class CodecQuery(Query):
    """How a backup is compressed."""

    codec = choice(WRITTEN, load_default=WRITTEN[0], metadata={"description": "How the rows are compressed"})


class RestoreQuery(Query):
    """How a file is restored."""

    mode = choice(
        MODES,
        load_default=MODES[0],
        metadata={"description": "`replace`: the table becomes the file; `merge`: its other rows stay"},
    )
    dry_run = flag(load_default=False, metadata={"description": "Report what would be done, and do nothing"})
    keep = flag(
        metadata={
            "description": "Keep what is replaced as a stored backup first; by default as "
            "`BACKUP_BEFORE_REPLACE` says"
        }
    )
    ignore_extra = flag(
        load_default=False, metadata={"description": "Leave out fields that the table does not have"}
    )


class RestoredSchema(marshmallow.Schema):
    """What a restore did to a table."""

    table = fields.String(required=True)
    mode = fields.String(required=True, metadata={"enum": list(MODES)})
    dry_run = fields.Boolean(required=True)
    checksum = fields.String(
        required=True,
        metadata={"enum": ["verified", "absent"], "description": "`absent` in files from elsewhere"},
    )
    received = fields.Integer(required=True, metadata={"description": "Rows in the file"})
    inserted = fields.Integer(required=True)
    updated = fields.Integer(required=True)
    unchanged = fields.Integer(required=True)
    deleted = fields.Integer(required=True)
    rows_before = fields.Integer(required=True)
    rows_after = fields.Integer(required=True)
    kept = fields.String(
        required=True,
        allow_none=True,
        metadata={
            "description": "The stored backup of what was replaced: POST /backups/{kept}/restore undoes"
        },
    )


@cache
def all_restored() -> marshmallow.Schema:
    """The schema of what a restore did to several tables."""
    members: dict[str, Any] = {resource(table): fields.Nested(RestoredSchema) for table in tables()}
    return marshmallow.Schema.from_dict(members, name="AllRestoredSchema")()


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
