"""What `/health` answers."""

from __future__ import annotations

import marshmallow
from marshmallow import fields

from .answers import many, number, text
from .parameters import Query, flag


class ReadyQuery(Query):
    """How far to look."""

    deep = flag(
        load_default=False,
        metadata={
            "description": "Also look at the backups and the CSV source; needs credentials of any role",
            "examples": [True],
        },
    )


class HealthSchema(marshmallow.Schema):
    """The state of the service."""

    status = text("Always `ok`: else the answer is a problem", "ok")


class ListedFileSchema(marshmallow.Schema):
    """A file."""

    name = text("Its name in the folder", "departments.csv")
    bytes = number("Its size", 212)


class SourceSchema(marshmallow.Schema):
    """A folder, or a place in S3, and what is in it."""

    problem = text("A sentence for people where it cannot be listed", None, null=True)
    count = number("How many files there are", 3)
    files = many(ListedFileSchema, "The first ten of them")


class ReadySchema(HealthSchema):
    """The state of the service, with `deep=true` also that of the places it uses."""

    backups = fields.Nested(SourceSchema, metadata={"description": "Kept backups, the newest first"})
    csv_source = fields.Nested(SourceSchema, metadata={"description": "What the migration job loads"})
