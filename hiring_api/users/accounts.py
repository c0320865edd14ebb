"""The table of users: finding one, listing, adding, changing and removing them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from hiring_api.database.bookkeeping import users
from hiring_api.database.transactions import snapshot, transaction
from hiring_api.errors import Conflict, NotFound

from .roles import ROLES, Role

if TYPE_CHECKING:
    from typing import Any

    from sqlalchemy import Engine, Row

# Names stand in logs and in HTTP Basic, which ends them at a colon; ASCII has no two that look alike
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")
NAMES: Final = "1 to 64 ASCII letters, digits and . _ @ + -, with a letter or digit first"


class Account(NamedTuple):
    """A user in the database. `password` is a hash; `changed_at` is when it was set. Instants are UTC."""

    name: str
    role: Role
    password: str
    made_at: datetime
    changed_at: datetime


def may_be_name(name: str) -> bool:
    """True if a user can have this name, as `NAMES` says."""
    return _NAME.fullmatch(name) is not None


def find(engine: Engine, name: str) -> Account | None:
    """The user of this name.

    Raises:
        DatabaseUnavailable: the database cannot be asked.
    """
    with snapshot(engine) as connection:
        row = connection.execute(select(users).where(users.c.name == name)).one_or_none()
    # A role that this program does not know comes from a newer one, or from somebody's SQL
    return _account(row) if row is not None and row.role in ROLES else None


def every(engine: Engine) -> list[Account]:
    """All users, by name. Raises as `find`."""
    with snapshot(engine) as connection:
        return [_account(row) for row in connection.execute(select(users).order_by(users.c.name))]


def add(engine: Engine, name: str, role: Role, password: str) -> None:
    """Add a user; `password` is a hash.

    Raises:
        Conflict: there is a user of this name.
        DatabaseUnavailable: nothing was changed.
    """
    now = _now()
    row = {"name": name, "role": role, "password": password, "made_at": now, "changed_at": now}
    try:
        transaction(engine, lambda connection: connection.execute(insert(users), row))
    except IntegrityError:
        raise taken(name) from None


def taken(name: str) -> Conflict:
    """The error to raise if there is a user of this name."""
    return Conflict(f"there is a user {name} already: nothing was changed")


def set_role(engine: Engine, name: str, role: Role) -> None:
    """Give a user another role. Raises as `_change`."""
    _change(engine, name, {"role": role})


def set_password(engine: Engine, name: str, password: str) -> None:
    """Give a user another password, of which this is the hash. Raises as `_change`."""
    _change(engine, name, {"password": password, "changed_at": _now()})


def remove(engine: Engine, name: str) -> None:
    """Remove a user. Raises as `_change`."""
    _change(engine, name, None)


def _change(engine: Engine, name: str, values: dict[str, Any] | None) -> None:
    """Write columns of a user; None removes him.

    Raises:
        NotFound: there is no user of this name.
        DatabaseUnavailable: nothing was changed.
    """
    change = delete(users) if values is None else update(users).values(values)
    statement = change.where(users.c.name == name)
    if not transaction(engine, lambda connection: connection.execute(statement).rowcount):
        raise NotFound(f"there is no user {name}: nothing was changed")


def _account(row: Row[Any]) -> Account:
    return Account(row.name, cast("Role", row.role), row.password, row.made_at, row.changed_at)


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
