"""The roles of users. Each may do what those before it may."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

Role = Literal["reader", "writer", "operator"]

ROLES: Final[tuple[Role, ...]] = ("reader", "writer", "operator")
READER, WRITER, OPERATOR = ROLES


class Caller(NamedTuple):
    """Somebody whose password was right."""

    name: str
    role: Role


def included(role: str) -> list[Role]:
    """The roles that somebody with this role has: it, and those before it; none for an unknown one."""
    return list(ROLES[: ROLES.index(role) + 1]) if role in ROLES else []
