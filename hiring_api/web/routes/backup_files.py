"""`GET /backup/…` and `POST /restore/…`: tables out into files, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response, jsonify

from hiring_api.avro.reader import AvroRows
from hiring_api.backup import backup
from hiring_api.backup.archive import open_archive
from hiring_api.model.tables import resource, tables
from hiring_api.users.roles import OPERATOR, READER
from hiring_api.web.http.backup_folder import restore_files
from hiring_api.web.http.downloads import new_file
from hiring_api.web.http.reading import reading
from hiring_api.web.http.routing import Routes
from hiring_api.web.http.uploaded_file import sent_file
from hiring_api.web.media_types import AVRO, ZIP
from hiring_api.web.schemas.answers import example_of
from hiring_api.web.schemas.backup import (
    CodecQuery,
    RestoredSchema,
    RestoreQuery,
    all_restored,
    all_restored_example,
)
from hiring_api.web.schemas.operations import BINARY, PREFER, UNCHANGED, downloaded, file_body, problems

if TYPE_CHECKING:
    from sqlalchemy import Table

    from hiring_api.backup.restore import Mode

_AVRO_TYPES = (AVRO, "avro/binary", "application/octet-stream")
_ZIP_TYPES = (ZIP, "application/octet-stream")


def routes() -> Routes:
    """The routes that back up and restore each table and all of them."""
    blueprint = Routes("backup", __name__, description="Backups: tables out into files, and back")
    for table in tables():
        _add_backup(blueprint, table)
        _add_restore(blueprint, table)
    _add_backup_all(blueprint)
    _add_restore_all(blueprint)
    return blueprint


def _add_backup(blueprint: Routes, table: Table) -> None:
    name = resource(table)

    @blueprint.route(f"/backup/{name}", endpoint=f"backup_{name}")
    @blueprint.needs(READER)
    @blueprint.query(CodecQuery, (AVRO,))
    @blueprint.response(200, BINARY, content_type=AVRO, description="The file")
    @blueprint.alt_response(304, description=UNCHANGED)
    @problems(blueprint, 409, 507)
    @blueprint.doc(operationId=f"backup_{name}", parameters=[PREFER])
    def get(codec: str) -> Response:
        """Download all rows of a table as an Avro file.

        They are from one snapshot. The file has their number and a checksum of them, so that a damaged one is
        not restored.
        """
        return new_file(AVRO, table, lambda file: backup.backup_table(reading(), table, file, codec).checksum)

    _ = get


def _add_backup_all(blueprint: Routes) -> None:
    @blueprint.route("/backup/all", endpoint="backup_all")
    @blueprint.needs(READER)
    @blueprint.query(CodecQuery, (ZIP,))
    @blueprint.response(200, BINARY, content_type=ZIP, description="The file")
    @blueprint.alt_response(304, description=UNCHANGED)
    @problems(blueprint, 409, 507)
    @blueprint.doc(operationId="backup_all", parameters=[PREFER])
    def get(codec: str) -> Response:
        """Download all tables as a zip.

        It has an Avro file for each table and a manifest with their checksums, all from one snapshot.
        """
        return new_file(ZIP, None, lambda file: backup.backup_all(reading(), file, codec).etag())

    _ = get


def _add_restore(blueprint: Routes, table: Table) -> None:
    name = resource(table)

    @blueprint.route(f"/restore/{name}", methods=["POST"], endpoint=f"restore_{name}")
    @blueprint.needs(OPERATOR)
    @blueprint.query(RestoreQuery)
    @blueprint.response(200, RestoredSchema, example=example_of(RestoredSchema, table=name))
    @problems(blueprint, 400, 409, 413, 415, 507)
    @blueprint.doc(requestBody=file_body(_AVRO_TYPES, downloaded(name)), operationId=f"restore_{name}")
    def post(mode: Mode, dry_run: bool, ignore_extra: bool, keep: bool | None = None) -> Response:
        """Restore a table from an Avro file.

        All of its rows are brought in or none, in one transaction. Files that other programs wrote are taken
        as well; where they have no checksum, the answer says so.
        """
        with sent_file(_AVRO_TYPES) as file:
            rows = AvroRows(file, table, ignore_extra=ignore_extra)
            done = restore_files([rows], mode, dry_run=dry_run, keep=keep)
        return jsonify(done[name])

    _ = post


def _add_restore_all(blueprint: Routes) -> None:
    @blueprint.route("/restore/all", methods=["POST"], endpoint="restore_all")
    @blueprint.needs(OPERATOR)
    @blueprint.query(RestoreQuery)
    @blueprint.response(200, all_restored(), example=all_restored_example())
    @problems(blueprint, 400, 409, 413, 415, 507)
    @blueprint.doc(requestBody=file_body(_ZIP_TYPES, downloaded("all")), operationId="restore_all")
    def post(mode: Mode, dry_run: bool, ignore_extra: bool, keep: bool | None = None) -> Response:
        """Restore all tables from a zip of `/backup/all`.

        All rows are brought in or none, in one transaction.
        """
        with sent_file(_ZIP_TYPES) as file, open_archive(file, ignore_extra=ignore_extra) as files:
            return jsonify(restore_files(files, mode, dry_run=dry_run, keep=keep))

    _ = post
