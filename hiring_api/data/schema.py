"""The schema's state: which revision the database has, and bringing it up to date."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from .errors import Busy
from .locks import named_lock

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

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
    """Brings the schema up to date. Two programs at once: the second waits, then finds nothing to do.

    Raises:
        Busy: another program is still changing the schema after a minute.
    """
    with named_lock(engine, "schema", _LOCK_SECONDS) as held:
        if not held:
            raise Busy("another program is changing the schema: try again when it has finished")
        with engine.connect() as connection:
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
