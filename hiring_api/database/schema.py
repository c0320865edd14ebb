"""The schema's state: which revision the database has, and bringing it up to date."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import inspect, text
from sqlalchemy.schema import CreateTable

from hiring_api.errors import Busy, DatabaseUnavailable

from .bookkeeping import identity, leases
from .driver_errors import translated
from .lease import leased

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

REVISIONS: Final = Path(__file__).parent / "migrations"
_LOCK_SECONDS = 60
# What became one revision, 0001, when the program was first released; its first one had that number as well
_FIRST, _BEFORE_RELEASE = "0001", {"0002", "0003", "0004", "0005"}
_TOO_OLD: Final = (
    "a version of this program from before its first release has made the database's schema ({}), which "
    "cannot be brought up to date: back it up with that version (python -m hiring_api backup), and "
    "restore the backup into a new, empty database with this one (python -m hiring_api restore)"
)


def newest() -> str:
    """The revision that this program needs."""
    return max(_known())


def _known() -> set[str]:
    """The revisions that lead to it: their files begin with their numbers."""
    return {path.name.split("_")[0] for path in (REVISIONS / "versions").glob("*_*.py")}


def revision(connection: Connection) -> str | None:
    """The revision that the database has; None for an empty one.

    Raises:
        DatabaseUnavailable: a version from before the first release has made its schema.
    """
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(
        text("SELECT version_num FROM alembic_version")
    ).scalar_one_or_none()
    if found in _BEFORE_RELEASE or (found == _FIRST and not inspect(connection).has_table(identity.name)):
        raise DatabaseUnavailable(_TOO_OLD.format(found))
    return found


def is_current(connection: Connection) -> bool:
    """True if the database has the schema that this program needs.

    Raises:
        DatabaseUnavailable: as `revision` does.
    """
    return revision(connection) == newest()


def upgrade(engine: Engine) -> None:
    """Bring the schema up to date. A second program that does so waits, and then has nothing to do.

    Raises:
        Busy: another program is still changing the schema after a minute.
        DatabaseUnavailable: a newer version of this program has made the schema, or one from before the first
            release; or it cannot be reached.
    """
    with translated(engine), engine.connect() as connection:
        found = revision(connection)
    if found == newest():
        return
    if found is not None and found not in _known():
        raise DatabaseUnavailable(
            f"the database's schema has the revision {found[:32]}, which this program does not know: "
            "use the version of the program that made it, or a newer one"
        )
    from . import revisions  # mostly not needed, and Alembic takes a fifth of the job's start

    with translated(engine), engine.begin() as connection:  # before all others: the upgrade needs it
        connection.execute(CreateTable(leases, if_not_exists=True))
    with leased(engine, "schema", _LOCK_SECONDS) as lease:
        if lease is None:
            raise Busy("another program is changing the schema: try again when it has finished")
        with translated(engine), engine.connect() as connection:
            revisions.upgrade(connection)
            lease.confirm(connection)
            connection.commit()


def make(engine: Engine) -> None:
    """Create the schema in an empty database; leave any other as it is.

    Raises:
        Busy, DatabaseUnavailable: as `upgrade` does.
    """
    with translated(engine), engine.connect() as connection:
        empty = revision(connection) is None
    if empty:
        upgrade(engine)
