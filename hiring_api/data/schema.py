"""The schema's state: which revision the database has, and bringing it up to date."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

_LOCK = "hiring_api.schema"
_LOCK_SECONDS = 60


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def newest() -> str:
    """The revision that this program needs."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if head is None:
        raise RuntimeError("the package has no schema revisions")
    return head


def revision(connection: Connection) -> str | None:
    """The revision that the database has; None for an empty one."""
    return MigrationContext.configure(connection).get_current_revision()


def is_current(connection: Connection) -> bool:
    """Whether the database has the schema that this program needs."""
    return revision(connection) == newest()


def upgrade(engine: Engine) -> None:
    """Brings the schema up to date. Two programs at once: the second waits, then finds nothing to do."""
    with engine.connect() as connection:
        if connection.dialect.name == "mysql":
            connection.exec_driver_sql("SELECT GET_LOCK(%s, %s)", (_LOCK, _LOCK_SECONDS))
            connection.commit()
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()
        if connection.dialect.name == "mysql":
            connection.exec_driver_sql("SELECT RELEASE_LOCK(%s)", (_LOCK,))
