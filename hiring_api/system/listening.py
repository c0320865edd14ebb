"""Whether a program could listen at an address."""

from __future__ import annotations

import errno
import socket
import time
from typing import Final

_TICK: Final = 0.2  # seconds


def why_not(host: str, port: int, wait: float = 0) -> str:
    """Why nothing can listen at this address, in a few words; "" if it can.

    `wait` is how many seconds a program that ends just now is given to leave the port.
    """
    deadline = time.monotonic() + wait
    while True:
        error = _failure(host, port)
        if error is None:
            return ""
        if error.errno != errno.EADDRINUSE:
            return f"{host}:{port} cannot be listened on: {error.strerror}"
        if time.monotonic() >= deadline:
            return f"port {port} is taken by another program"
        time.sleep(_TICK)


def _failure(host: str, port: int) -> OSError | None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen()
        except OSError as error:
            return error
    return None
