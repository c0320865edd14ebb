"""The identity of a database. Backups carry it, so that those of another database are recognised."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import inspect, select

from hiring_api.database.bookkeeping import identity
from hiring_api.errors import Conflict

from .dialects import dialect_of
from .transactions import snapshot

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection, Engine


@dataclass(frozen=True, slots=True)
class Database:
    """A database by its kind, host (None without a server), name, and the id made with its schema."""

    kind: str
    host: str | None
    name: str
    id: str | None

    def to_json(self) -> dict[str, Any]:
        """Return the identity as a manifest has it."""
        return asdict(self)


def identify(connection: Connection) -> Database:
    """The database of a connection; its id is None where it has no schema yet."""
    present = inspect(connection).has_table(identity.name)
    found = connection.execute(select(identity.c.id)).scalars().first() if present else None
    return Database(*dialect_of(connection).address(connection), found)


def database_of(engine: Engine) -> Database:
    """The database of an engine.

    Raises:
        DatabaseUnavailable: it cannot be reached.
    """
    with snapshot(engine) as connection:
        return identify(connection)


def is_other(here: Database | None, there: Mapping[str, Any] | None) -> bool:
    """True if a backup is known to be of another database; False if both ids are equal, or one is unknown."""
    said = there.get("id") if there else None
    return here is not None and None not in (here.id, said) and here.id != said


def described(database: Mapping[str, Any]) -> str:
    """A database as people call it, such as "hiring on db.example (mysql)"."""
    where = f" on {database['host']}" if database.get("host") else ""
    return f"{database.get('name')}{where} ({database.get('kind')})"


def require_own(here: Database, there: Mapping[str, Any] | None, how: str) -> None:
    """Refuse a backup of another database; `how` says how to restore it nevertheless.

    Raises:
        Conflict: it is one.
    """
    if there and is_other(here, there):
        raise Conflict(
            f"this is a backup of another database, {described(there)}, not of "
            f"{described(here.to_json())}: to restore it into this one, say {how}"
        )
