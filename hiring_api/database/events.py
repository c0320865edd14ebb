"""What happens with a server that operators want to have counted; whoever counts registers here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

Event = Literal["retry", "failover"]
"""`retry`: a transaction is run again. `failover`: a connection is left, as its server can only be read."""

listeners: Final[list[Callable[[Event], None]]] = []


def tell(event: Event) -> None:
    """Tell all who count."""
    for listener in listeners:
        listener(event)
