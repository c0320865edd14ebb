"""Whether a program could listen at an address."""

from __future__ import annotations

import errno
import socket
import time
from typing import Final

_TICK: Final = 0.2  # seconds


def failure(host: str, port: int, wait: float = 0) -> OSError | None:
    """What keeps a program from listening at this address, or None; EADDRINUSE if another one does.

    `wait` is how many seconds a program that ends just now is given to leave the port.
    """
    deadline = time.monotonic() + wait
    while True:
        error = _failure(host, port)
        if error is None or not is_taken(error) or time.monotonic() >= deadline:
            return error
        time.sleep(_TICK)


def is_taken(error: OSError) -> bool:
    """True if another program listens at the address already."""
    return error.errno == errno.EADDRINUSE


def in_words(host: str, port: int, error: OSError) -> str:
    """The failure in a few words."""
    if is_taken(error):
        return f"port {port} is taken by another program"
    return f"{host}:{port} cannot be listened on: {error.strerror}"


def _failure(host: str, port: int) -> OSError | None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen()
        except OSError as error:
            return error
    return None
