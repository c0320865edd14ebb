"""`/backups`: backups that the service keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Response, jsonify

from hiring_api.backup import catalogue
from hiring_api.backup.compare import compare
from hiring_api.backup.retention import keep as keep_backup
from hiring_api.backup.retention import prune_old
from hiring_api.backup.verify import verify_kept
from hiring_api.database import identity
from hiring_api.users.roles import OPERATOR, READER
from hiring_api.web.http.backup_folder import described, restore_files, retention, store
from hiring_api.web.http.downloads import whole_file
from hiring_api.web.http.extensions import engine
from hiring_api.web.http.representations import conditional, link, listing
from hiring_api.web.http.routing import Routes, form
from hiring_api.web.media_types import JSON, ZIP
from hiring_api.web.schemas.backup import (
    CodecQuery,
    ComparedSchema,
    KeptListQuery,
    KeptListSchema,
    KeptRestoreQuery,
    KeptSchema,
    VerifyQuery,
    all_restored,
    all_restored_example,
)
from hiring_api.web.schemas.operations import BINARY, TEXT, UNCHANGED, path_parameter, problems

if TYPE_CHECKING:
    from hiring_api.backup.restore import Mode
    from hiring_api.backup.verify import Level

routes = Routes("backups", __name__, url_prefix="/backups", description="Backups that the service keeps")

_SAVED = {"Content-Disposition": {"schema": TEXT, "description": "The zip's name: `{name}.zip`"}}
_NAME = path_parameter("name", "The backup's name", "20261122T040506Z-1a2b3c4d")
_MADE = {"Location": {"schema": TEXT, "description": "Where the backup is"}}


@routes.route("", methods=["POST"])
@routes.needs(OPERATOR)
@routes.query(CodecQuery)
@routes.response(201, KeptSchema, description="The backup is kept", headers=_MADE)
@problems(routes, 409, 507)
def keep(codec: str) -> Response:
    """Keep a backup of all tables.

    Then backups that are too many (`BACKUP_KEEP`) or too old (`BACKUP_KEEP_DAYS`) are deleted. The newest
    one, the newest that was asked for and the newest verified one always stay.
    """
    kept = keep_backup(engine(), store(), codec=codec)
    prune_old(engine(), store(), retention())
    response = jsonify(described(kept))
    response.status_code = 201
    response.headers["Location"] = f"/backups/{kept.name}"
    return response


@routes.route("", methods=["GET"])
@routes.needs(READER)
@routes.query(KeptListQuery)
@routes.response(200, KeptListSchema)
@routes.alt_response(304, description=UNCHANGED)
def kept_backups(limit: int, after: str | None = None) -> Response:
    """List the kept backups, newest first.

    Those that a restore kept of what it replaced are among them. `next` is the path of the following page, or
    null.
    """
    found = catalogue.listed(store(), after, limit + 1)
    page = found[:limit]
    following = link("/backups", {"limit": limit, "after": page[-1].name}) if len(found) > limit else None
    return listing([described(kept) for kept in page], following)


@routes.route("/<name>", parameters=[_NAME], methods=["GET"])
@routes.needs(OPERATOR)
@routes.query(forms=(ZIP, JSON))
@routes.response(200, BINARY, content_type=ZIP, description="The backup, or what is in it", headers=_SAVED)
@routes.alt_response(200, schema=KeptSchema, content_type=JSON)
@routes.alt_response(304, description=UNCHANGED)
@problems(routes, 404, 507)
def kept_backup(name: str) -> Response:
    """Download a kept backup as a zip; with `Accept: application/json`, describe it.

    The zip is compared with its checksum before the first byte is sent: a damaged one is a 422.
    """
    kept = catalogue.find(store(), name)
    if form() == JSON:
        return conditional(jsonify(described(kept)))
    return whole_file(catalogue.open_zip(store(), kept), ZIP, f"{kept.name}.zip", kept.sha256)


@routes.route("/<name>/verify", methods=["POST"], parameters=[_NAME])
@routes.needs(OPERATOR)
@routes.query(VerifyQuery)
@routes.response(200, KeptSchema)
@problems(routes, 404, 409)
def verify_backup(name: str, level: Level) -> Response:
    """Find out whether a kept backup would restore.

    The bytes are compared with their checksum; by default every row is decoded as well, and
    `level=restore` also loads them into scratch tables. What was found is noted with the backup. Of a damaged
    one, the 422 says what is wrong.
    """
    kept = catalogue.find(store(), name)
    return jsonify(described(verify_kept(engine(), store(), kept, level)))


@routes.route("/<name>/compare", methods=["POST"], parameters=[_NAME])
@routes.needs(OPERATOR)
@routes.query()
@routes.response(200, ComparedSchema)
@problems(routes, 404, 409, 507)
def compare_backup(name: str) -> Response:
    """Find out whether a kept backup and the database hold the same rows.

    Each table is compared row by row, in one snapshot; nothing is changed. `same` is true where nothing
    differs. Else each table says how many rows are missing in the database, added or different.
    """
    kept = catalogue.find(store(), name)
    with catalogue.opened(store(), kept) as files:
        found = compare(engine(), files)
    same = all(one.same for one in found)
    return jsonify(name=kept.name, time=kept.time, same=same, tables=[one.to_json() for one in found])


@routes.route("/<name>/restore", methods=["POST"], parameters=[_NAME])
@routes.needs(OPERATOR)
@routes.query(KeptRestoreQuery)
@routes.response(200, all_restored(), example=all_restored_example())
@problems(routes, 404, 409, 413, 507)
def restore_backup(
    name: str, mode: Mode, dry_run: bool, other_database: bool, keep: bool | None = None
) -> Response:
    """Restore the tables that are in a kept backup.

    All of them are restored or none, in one transaction. A backup of another database is a 409, unless
    `other_database=true` says that it is meant.
    """
    kept = catalogue.find(store(), name)
    if not other_database:
        identity.require_own(identity.database_of(engine()), kept.database, "other_database=true")
    with catalogue.opened(store(), kept) as files:
        return jsonify(restore_files(files, mode, dry_run=dry_run, keep=keep, name=name))


@routes.route("/<name>", parameters=[_NAME], methods=["DELETE"])
@routes.needs(OPERATOR)
@routes.query()
@routes.response(204, description="It is gone")
@problems(routes, 404)
def delete_backup(name: str) -> Any:
    """Delete a kept backup.

    It cannot be brought back.
    """
    catalogue.remove(store(), name)
    return Response(status=204)
