"""The schema's revisions, run by Alembic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config

from .schema import REVISIONS

if TYPE_CHECKING:
    from sqlalchemy import Connection


def config(connection: Connection) -> Config:
    """Return Alembic's configuration: the folder of the revisions, and the connection they run on."""
    made = Config()
    made.set_main_option("script_location", str(REVISIONS))
    made.attributes["connection"] = connection
    return made


def upgrade(connection: Connection) -> None:
    """Run the revisions that the database lacks; the caller commits."""
    command.upgrade(config(connection), "head")
