"""The figures of the overview."""

from __future__ import annotations

import marshmallow
from marshmallow import fields

from .answers import many, moment, number, text, truth
from .backup import KeptSchema

_SENTENCE = "A sentence for people where something is wrong"


class DatabaseStateSchema(marshmallow.Schema):
    """Whether the database takes rows."""

    writable = truth("False where it can only be read", example=True)
    problem = text(_SENTENCE, None, null=True)


class LastLoadSchema(marshmallow.Schema):
    """The last CSV file that was loaded into a table, by the migration job or an upload."""

    run = text(
        "The run of the job, or the X-Request-ID of the upload", "migration-0123456789abcdef0123456789abcdef"
    )
    source = text("The path of the file, or the route", "csv/departments.csv")
    begun_at = moment("When it began")
    ended_at = moment("When it was done")
    read = number("Rows in the file", 12)
    inserted = number("New rows", 12)
    updated = number("Rows that were there with other content", 0)
    unchanged = number("Rows that were there with the same content", 0)
    rejected = number("Refused rows", 0)
    repaired = number("As wrong as before, but what repaired them is stored", 0)
    blank = number("Lines of nothing but separators", 0)
    doubtful = number("Texts that look like a missing value or stand in quotes, taken as they are", 0)


class RejectFiguresSchema(marshmallow.Schema):
    """The rejects of a table."""

    open = number("Those that were not taken later", 0)
    resolved = number("Those that were", 0)
    last = text("When the last row was refused; null if none was", None, null=True, format="date-time")


class TableFiguresSchema(marshmallow.Schema):
    """The figures of a table."""

    table = text("The table's name in URLs", "departments")
    rows = number("How many it has", 12)
    rejects = fields.Nested(RejectFiguresSchema, required=True)
    last_load = fields.Nested(LastLoadSchema, required=True, allow_none=True)


class NewestBackupSchema(KeptSchema):
    """The newest kept backup of those that were asked for, and how old it is."""

    age_seconds = number("How old it is, in seconds", 86400)


class BackupsStateSchema(marshmallow.Schema):
    """The kept backups."""

    newest = fields.Nested(NewestBackupSchema, required=True, allow_none=True)
    problem = text(_SENTENCE, None, null=True)


class OverviewSchema(marshmallow.Schema):
    """The state of the service's data."""

    database = fields.Nested(DatabaseStateSchema, required=True)
    tables = many(TableFiguresSchema, "Each table, parents first")
    backups = fields.Nested(BackupsStateSchema, required=True)
