"""The figures of the overview."""

from __future__ import annotations

import marshmallow
from marshmallow import fields

from .backup import KeptSchema

_MOMENT = {"format": "date-time"}
_SENTENCE = {"description": "A sentence for people where something is wrong"}


class DatabaseStateSchema(marshmallow.Schema):
    """Whether the database takes rows."""

    writable = fields.Boolean(required=True)
    problem = fields.String(required=True, allow_none=True, metadata=_SENTENCE)


class LastLoadSchema(marshmallow.Schema):
    """The last CSV file that was loaded into a table, by the migration job or an upload."""

    run = fields.String(required=True)
    source = fields.String(required=True)
    begun_at = fields.String(required=True, metadata=_MOMENT)
    ended_at = fields.String(required=True, metadata=_MOMENT)
    read = fields.Integer(required=True)
    inserted = fields.Integer(required=True)
    updated = fields.Integer(required=True)
    unchanged = fields.Integer(required=True)
    rejected = fields.Integer(required=True)
    repaired = fields.Integer(required=True)
    blank = fields.Integer(required=True)
    doubtful = fields.Integer(required=True)


class RejectFiguresSchema(marshmallow.Schema):
    """The rejects of a table."""

    open = fields.Integer(required=True)
    resolved = fields.Integer(required=True)
    last = fields.String(required=True, allow_none=True, metadata=_MOMENT)


class TableFiguresSchema(marshmallow.Schema):
    """The figures of a table."""

    table = fields.String(required=True, metadata={"example": "employees"})
    rows = fields.Integer(required=True)
    rejects = fields.Nested(RejectFiguresSchema, required=True)
    last_load = fields.Nested(LastLoadSchema, required=True, allow_none=True)


class NewestBackupSchema(KeptSchema):
    """The newest kept backup, and how old it is."""

    age_seconds = fields.Integer(required=True)


class BackupsStateSchema(marshmallow.Schema):
    """The kept backups."""

    newest = fields.Nested(
        NewestBackupSchema,
        required=True,
        allow_none=True,
        metadata={"description": "Of those that were asked for; not the copies that restores keep"},
    )
    problem = fields.String(required=True, allow_none=True, metadata=_SENTENCE)


class OverviewSchema(marshmallow.Schema):
    """The state of the service's data."""

    database = fields.Nested(DatabaseStateSchema, required=True)
    tables = fields.List(fields.Nested(TableFiguresSchema), required=True)
    backups = fields.Nested(BackupsStateSchema, required=True)
