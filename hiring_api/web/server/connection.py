"""A client's connection: its socket, the request on its way in, and what is awaited of the client."""

from __future__ import annotations

import socket
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .reception import Reception


class Phase(Enum):
    """The phases of a connection that no thread serves yet. Each has a time limit of its own."""

    IDLE = auto()  # the first byte of a further request
    HEAD = auto()  # the rest of the head; of a new connection, its first byte too
    BODY = auto()  # the rest of the body
    CLOSE = auto()  # the end of what the client sends


class ClientSocket(socket.socket):
    """A socket whose timeout limits how long the client may take nothing of an answer."""

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        """Send all of `data`; the timeout begins anew with each part that the client takes.

        Python's own limits the time for all of `data`, which would end a large download over a slow line.

        Raises:
            TimeoutError: the client took nothing for as long as the timeout is.
        """
        rest = memoryview(data)
        while rest:
            rest = rest[self.send(rest, flags) :]


class Connection:
    """A client's connection, with the attributes that gunicorn's methods expect of one.

    Attributes:
        sock: its socket; it never blocks, except while a thread answers.
        client: the client's address.
        server: the address that the client has called.
        reception: the request that is on its way in, or that a thread answers.
        phase: what is awaited of the client; None while a thread has the connection, and after the end.
    """

    def __init__(self, sock: ClientSocket, client: Any, server: Any, reception: Reception) -> None:
        self.sock, self.client, self.server = sock, client, server
        self.reception = reception
        self.phase: Phase | None = None
