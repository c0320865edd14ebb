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

from .answers import example_of, made, many, number, one_of, page_of, text, truth
from .parameters import DRY_RUN, Query, Whole, choice, flag


class CodecQuery(Query):
    """How a backup is compressed."""

    codec = choice(
        WRITTEN,
        load_default=WRITTEN[0],
        metadata={"description": "How the rows are compressed", "examples": ["zstandard"]},
    )


class RestoreQuery(Query):
    """How a file is restored."""

    mode = choice(
        MODES,
        load_default=MODES[0],
        metadata={
            "description": "`replace`: the table becomes the file; `merge`: its other rows stay",
            "examples": ["merge"],
        },
    )
    dry_run = flag(load_default=False, metadata=DRY_RUN)
    keep = flag(
        metadata={
            "description": "Keep what is replaced as a stored backup first; by default as "
            "`BACKUP_BEFORE_REPLACE` says",
            "examples": [True],
        }
    )
    ignore_extra = flag(
        load_default=False,
        metadata={"description": "Leave out fields that the table does not have", "examples": [True]},
    )


class RestoredSchema(marshmallow.Schema):
    """What a restore did to a table."""

    table = text("The table's name in URLs", "departments")
    mode = one_of(MODES, "The mode that was asked for", MODES[0])
    dry_run = truth("True if nothing was done", example=False)
    checksum = one_of(("verified", "absent"), "`absent` in files from elsewhere", "verified")
    received = number("Rows in the file", 12)
    inserted = number("Rows that were not in the table", 0)
    updated = number("Rows that were there with other content", 0)
    unchanged = number("Rows that were there with the same content", 12)
    deleted = number("Rows that were in the table and are not in the file", 0)
    rows_before = number("Rows in the table before", 12)
    rows_after = number("Rows in the table now", 12)
    kept = text(
        "The stored backup of what was replaced: POST /backups/{kept}/restore undoes",
        "20261122T040506Z-1a2b3c4d",
        null=True,
    )


@cache
def all_restored() -> marshmallow.Schema:
    """The schema of what a restore did to several tables."""
    members: dict[str, Any] = {resource(table): fields.Nested(RestoredSchema) for table in tables()}
    return made("AllRestored", "What a restore did to each table.", members, marshmallow.Schema)()


def all_restored_example() -> dict[str, Any]:
    """What a restore of all tables answers."""
    return {name: example_of(RestoredSchema, table=name) for name in map(resource, tables())}


class VerifiedSchema(marshmallow.Schema):
    """The last verification of a kept backup."""

    level = one_of(LEVELS, "How deep it was verified", "decode")
    time = text("When, in UTC", "2026-11-22T04:05:06Z")
    ok = truth("False if it is damaged", example=True)


class DatabaseSchema(marshmallow.Schema):
    """The database that a backup is of."""

    kind = text("The database's kind", "mysql")
    host = text("Its server; null for a file", "database", null=True)
    name = text("Its name", "hiring")
    id = text("Made once, with the database's schema", "0123456789abcdef0123456789abcdef", null=True)


class KeptSchema(marshmallow.Schema):
    """A kept backup."""

    name = text("Its name in URLs", "20261122T040506Z-1a2b3c4d")
    time = text("When it was made, in UTC", "2026-11-22T04:05:06Z")
    reason = one_of(catalogue.REASONS, "Whether it was asked for, or made by a restore", catalogue.REQUESTED)
    bytes = number("The size of its zip", 34600)
    sha256 = text("The SHA-256 of its zip", "0123456789abcdef" * 4)
    rows = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        required=True,
        metadata={
            "description": "How many rows of each table are in it",
            "examples": [dict.fromkeys(map(resource, tables()), 12)],
        },
    )
    codec = one_of(WRITTEN, "How its rows are compressed", WRITTEN[0])
    revision = text("The version of the schema that the rows are from", "0008", null=True)
    database = fields.Nested(DatabaseSchema, required=True, allow_none=True)
    verified = fields.Nested(VerifiedSchema, required=True, allow_none=True)
    format = number("The version of the zip's form", 1)


class ComparisonSchema(marshmallow.Schema):
    """A table in the database beside the same in a backup, in numbers of rows."""

    table = text("The table's name in URLs", "departments")
    same = truth("Nothing differs", example=True)
    rows_in_backup = number("Rows in the backup", 12)
    rows_stored = number("Rows in the database", 12)
    equal = number("Rows that are the same in both", 12)
    different = number("The same id, other content", 0)
    missing = number("In the backup, not in the database", 0)
    added = number("In the database, not in the backup", 0)


class ComparedSchema(marshmallow.Schema):
    """A kept backup beside the database."""

    name = text("The backup's name", "20261122T040506Z-1a2b3c4d")
    time = text("When it was made, in UTC", "2026-11-22T04:05:06Z")
    same = truth("Nothing differs in any table", example=True)
    tables = many(ComparisonSchema, "Each table that is in the backup")


KeptListSchema = made(
    "KeptList",
    "A page of kept backups.",
    page_of(KeptSchema, "The newest first"),
    marshmallow.Schema,
)


class KeptListQuery(Query):
    """Which kept backups are listed."""

    limit = Whole(
        1,
        1000,
        load_default=100,
        metadata={"description": "Backups a page, 100 by default", "examples": [10]},
    )
    after = fields.String(
        metadata={
            "description": "Go on after the backup of this name",
            "examples": ["20261122T040506Z-1a2b3c4d"],
        }
    )


class VerifyQuery(Query):
    """How deep a kept backup is verified."""

    level = choice(
        LEVELS,
        load_default="decode",
        metadata={
            "description": "`checksum`: bytes; `decode`: every row; `restore`: loaded into scratch tables",
            "examples": ["restore"],
        },
    )


class KeptRestoreQuery(RestoreQuery):
    """How a kept backup is restored."""

    other_database = flag(
        load_default=False,
        metadata={"description": "Take a backup of another database than this one", "examples": [True]},
    )

    class Meta(RestoreQuery.Meta):
        """A kept backup has no extra fields."""

        exclude = ("ignore_extra",)
