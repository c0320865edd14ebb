"""`GET /backup/…` and `POST /restore/…`: tables out into files, and back."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import marshmallow
from flask import Response, jsonify, send_file
from marshmallow import fields

from hiring_api.data import backup
from hiring_api.data.archive import open_archive
from hiring_api.data.avro_rows import AvroRows
from hiring_api.data.codecs import WRITTEN
from hiring_api.data.restore import MODES, restore
from hiring_api.data.tables import resource, tables

from .extensions import PROBLEMS, Routes, engine
from .files import sent_file
from .parameters import Query, choice, flag
from .problems import ProblemSchema

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Table

    from hiring_api.data.restore import Mode

AVRO_TYPES = ("application/avro", "avro/binary", "application/octet-stream")
ZIP_TYPES = ("application/zip", "application/octet-stream")
_AVRO, _ZIP = AVRO_TYPES[0], ZIP_TYPES[0]


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


def _all_schema() -> marshmallow.Schema:
    members: dict[str, Any] = {resource(table): fields.Nested(RestoredSchema) for table in tables()}
    return marshmallow.Schema.from_dict(members, name="AllRestoredSchema")()


def routes() -> Routes:
    """The routes that back up and restore each table and all of them."""
    blueprint = Routes("backup", __name__, description="Backups: tables out into files, and back")
    for table in tables():
        _add_backup(blueprint, table)
        _add_restore(blueprint, table)
    _add_backup_all(blueprint)
    _add_restore_all(blueprint)
    return blueprint


def _file_content(types: tuple[str, ...]) -> dict[str, Any]:
    binary = {"type": "string", "format": "binary"}
    form = {"type": "object", "required": ["file"], "properties": {"file": binary}}
    return {**{name: {"schema": binary} for name in types}, "multipart/form-data": {"schema": form}}


def _download(media_type: str) -> Any:
    content = {media_type: {"schema": {"type": "string", "format": "binary"}}}
    return {"responses": {200: {"description": "The file", "content": content}}}


def _problem(blueprint: Routes, *statuses: int) -> Any:
    """The decorator that documents problems which not every route has."""

    def decorate(view: Any) -> Any:
        for status in statuses:
            view = blueprint.alt_response(
                status,
                schema=ProblemSchema,
                content_type="application/problem+json",
                description=PROBLEMS.get(status, "The disk is full"),
            )(view)
        return view

    return decorate


def _add_backup(blueprint: Routes, table: Table) -> None:
    name = resource(table)

    @blueprint.route(f"/backup/{name}", endpoint=f"backup_{name}")
    @blueprint.query(CodecQuery)
    @_problem(blueprint, 409, 507)
    @blueprint.doc(**_download(_AVRO), operationId=f"backup_{name}")
    def get(codec: str) -> Response:
        """All rows of the table as an Avro file, from one snapshot."""
        return _sent(_AVRO, table, lambda file: backup.backup_table(engine(), table, file, codec).checksum)

    _ = get


def _add_backup_all(blueprint: Routes) -> None:
    @blueprint.route("/backup/all", endpoint="backup_all")
    @blueprint.query(CodecQuery)
    @_problem(blueprint, 409, 507)
    @blueprint.doc(**_download(_ZIP), operationId="backup_all")
    def get(codec: str) -> Response:
        """A zip of an Avro file for each table and a manifest, all from one snapshot."""
        return _sent(_ZIP, None, lambda file: backup.backup_all(engine(), file, codec).etag())

    _ = get


def _sent(media_type: str, table: Table | None, write: Callable[[BinaryIO], str]) -> Response:
    """The answer with the file that `write` writes; what it returns tells equal contents apart from others.

    The file is complete before the first byte of the answer. Without a name on disk it is gone with the
    answer, however that ends.
    """
    file = cast("BinaryIO", tempfile.TemporaryFile())  # noqa: SIM115  # closed with the answer
    try:
        content, size = write(file), file.tell()
    except BaseException:
        file.close()
        raise
    file.seek(0)
    name = backup.file_name(table, datetime.now(UTC))
    response = send_file(file, media_type, as_attachment=True, download_name=name, etag=f"{content}-{size}")
    response.content_length = size
    response.headers["Cache-Control"] = "no-cache"
    return response


def _add_restore(blueprint: Routes, table: Table) -> None:
    name = resource(table)

    @blueprint.route(f"/restore/{name}", methods=["POST"], endpoint=f"restore_{name}")
    @blueprint.query(RestoreQuery)
    @blueprint.response(200, RestoredSchema)
    @_problem(blueprint, 400, 409, 413, 415, 507)
    @blueprint.doc(
        requestBody={"required": True, "content": _file_content(AVRO_TYPES)}, operationId=f"restore_{name}"
    )
    def post(mode: Mode, dry_run: bool, ignore_extra: bool) -> Response:
        """Brings the rows of an Avro file into the table, all of them or none."""
        with sent_file(AVRO_TYPES) as file:
            rows = AvroRows(file, table, ignore_extra=ignore_extra)
            [report] = restore(engine(), [rows], mode, dry_run=dry_run)
        return jsonify(report.to_json())

    _ = post


def _add_restore_all(blueprint: Routes) -> None:
    @blueprint.route("/restore/all", methods=["POST"], endpoint="restore_all")
    @blueprint.query(RestoreQuery)
    @blueprint.response(200, _all_schema())
    @_problem(blueprint, 400, 409, 413, 415, 507)
    @blueprint.doc(
        requestBody={"required": True, "content": _file_content(ZIP_TYPES)}, operationId="restore_all"
    )
    def post(mode: Mode, dry_run: bool, ignore_extra: bool) -> Response:
        """Brings the rows of a zip from `/backup/all` into all tables, all of them or none."""
        with sent_file(ZIP_TYPES) as file, open_archive(file, ignore_extra=ignore_extra) as files:
            reports = restore(engine(), files, mode, dry_run=dry_run)
        return jsonify({report.table: report.to_json() for report in reports})

    _ = post
