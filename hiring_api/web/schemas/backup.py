"""The parameters and answers of backups, kept backups and restores."""

from __future__ import annotations

from functools import cache
from typing import Any

import marshmallow
from marshmallow import fields

from hiring_api.avro.codecs import WRITTEN
from hiring_api.backup import catalogue
from hiring_api.backup.restore import MODES
from hiring_api.backup.verify import LEVELS
from hiring_api.model.tables import resource, tables

from .parameters import Query, Whole, choice, flag


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


class VerifiedSchema(marshmallow.Schema):
    """The last verification of a kept backup."""

    level = fields.String(required=True, metadata={"enum": list(LEVELS)})
    time = fields.String(required=True, metadata={"example": "2026-01-31T04:05:06Z"})
    ok = fields.Boolean(required=True)


class DatabaseSchema(marshmallow.Schema):
    """The database that a backup is of."""

    kind = fields.String(required=True, metadata={"example": "mysql"})
    host = fields.String(required=True, allow_none=True, metadata={"example": "database"})
    name = fields.String(required=True, metadata={"example": "hiring"})
    id = fields.String(
        required=True, allow_none=True, metadata={"description": "Made once, with the database's schema"}
    )


class KeptSchema(marshmallow.Schema):
    """A kept backup."""

    name = fields.String(required=True, metadata={"example": "20260131T040506Z-1a2b3c4d"})
    time = fields.String(required=True, metadata={"example": "2026-01-31T04:05:06Z"})
    reason = fields.String(required=True, metadata={"enum": list(catalogue.REASONS)})
    bytes = fields.Integer(required=True)
    sha256 = fields.String(required=True)
    rows = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)
    codec = fields.String(required=True)
    revision = fields.String(required=True, allow_none=True)
    database = fields.Nested(DatabaseSchema, required=True, allow_none=True)
    verified = fields.Nested(VerifiedSchema, required=True, allow_none=True)
    format = fields.Integer(required=True)


class ComparisonSchema(marshmallow.Schema):
    """A table in the database beside the same in a backup, in numbers of rows."""

    table = fields.String(required=True, metadata={"example": "employees"})
    same = fields.Boolean(required=True)
    rows_in_backup = fields.Integer(required=True)
    rows_stored = fields.Integer(required=True)
    equal = fields.Integer(required=True)
    different = fields.Integer(required=True, metadata={"description": "The same id, other content"})
    missing = fields.Integer(required=True, metadata={"description": "In the backup, not in the database"})
    added = fields.Integer(required=True, metadata={"description": "In the database, not in the backup"})


class ComparedSchema(marshmallow.Schema):
    """A kept backup beside the database."""

    name = fields.String(required=True)
    time = fields.String(required=True, metadata={"example": "2026-01-31T04:05:06Z"})
    same = fields.Boolean(required=True, metadata={"description": "Nothing differs in any table"})
    tables = fields.List(fields.Nested(ComparisonSchema), required=True)


class KeptListSchema(marshmallow.Schema):
    """A page of kept backups, newest first."""

    items = fields.List(fields.Nested(KeptSchema), required=True)
    next = fields.String(required=True, allow_none=True)


class KeptListQuery(Query):
    """Which kept backups are listed."""

    limit = Whole(1, 1000, load_default=100)
    after = fields.String(metadata={"description": "Go on after the backup of this name"})


class VerifyQuery(Query):
    """How deep a kept backup is verified."""

    level = choice(
        LEVELS,
        load_default="decode",
        metadata={
            "description": "`checksum`: bytes; `decode`: every row; `restore`: loaded into scratch tables"
        },
    )


class KeptRestoreQuery(RestoreQuery):
    """How a kept backup is restored."""

    other_database = flag(
        load_default=False, metadata={"description": "Take a backup of another database than this one"}
    )

    class Meta(RestoreQuery.Meta):
        """A kept backup has no extra fields."""

        exclude = ("ignore_extra",)
