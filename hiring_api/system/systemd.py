"""Tell the service manager how far the program is, by the protocol of systemd's sd_notify.

A datagram to the Unix socket that NOTIFY_SOCKET names: https://www.freedesktop.org/software/systemd/man/sd_notify.html
"""

from __future__ import annotations

import logging
import os
import socket

log = logging.getLogger(__name__)

READY, STOPPING = "READY=1", "STOPPING=1"


def notify(state: str) -> None:
    """Send `state`, such as READY; without a service manager that wants to know, do nothing."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):  # a name that is no file, which Linux has
        address = f"\0{address[1:]}"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.sendto(state.encode(), address)
    except OSError as error:
        log.debug("the service manager at NOTIFY_SOCKET was not told %s: %s", state, error.strerror)
