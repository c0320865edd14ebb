"""The schema's state: which revision the database has, and bringing it up to date."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import inspect, text

from .errors import Busy
from .locks import named_lock

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

REVISIONS: Final = Path(__file__).parent / "migrations"
_LOCK_SECONDS = 60


def newest() -> str:
    """The revision that this program needs: the files of revisions begin with their numbers."""
    return max(path.name.split("_")[0] for path in (REVISIONS / "versions").glob("*_*.py"))


def revision(connection: Connection) -> str | None:
    """The revision that the database has; None for an empty one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(
        text("SELECT version_num FROM alembic_version")
    ).scalar_one_or_none()
    return found


def is_current(connection: Connection) -> bool:
    """Whether the database has the schema that this program needs."""
    return revision(connection) == newest()


def upgrade(engine: Engine) -> None:
    """Brings the schema up to date. Two programs at once: the second waits, then finds nothing to do.

    Raises:
        Busy: another program is still changing the schema after a minute.
    """
    with engine.connect() as connection:
        if is_current(connection):
            return
    from . import revisions  # mostly not needed, and Alembic takes a fifth of the job's start

    with named_lock(engine, "schema", _LOCK_SECONDS) as held:
        if not held:
            raise Busy("another program is changing the schema: try again when it has finished")
        with engine.connect() as connection:
            revisions.upgrade(connection)
            connection.commit()
