"""A TCP proxy in front of a server without TLS, which cuts a connection at a COMMIT that a test chooses.

with CuttingProxy(server.port) as proxy:
    proxy.cut("before", 2)      # the second COMMIT from now on never reaches the server
    proxy.cut("after")          # the next one does, and nobody hears the answer

Only a COMMIT counts that has something to commit.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

COMMIT = b"\x07\x00\x00\x00\x03COMMIT"  # length, sequence number, COM_QUERY, its text
WRITING = (b"\x03INSERT ", b"\x03UPDATE ", b"\x03DELETE ", b"\x03LOAD DATA ")
ENDING = (COMMIT, b"\x03ROLLBACK")  # SQLAlchemy commits nothing where it sets a level of isolation


class CuttingProxy:
    """Listens on `port`, a free one by default, while the block lasts."""

    def __init__(self, target, port=0):
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._when, self._wait = None, 0
        self.cuts = 0

    def __enter__(self):
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, *_exception):
        self._listener.close()

    def cut(self, when, number=1):
        """Cuts the connection of the COMMIT number `number` from now on, `when`: "before" or "after"."""
        with self._lock:
            self._when, self._wait = when, number

    def _listen(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with client, socket.create_connection(("127.0.0.1", self._target)) as server, suppress(OSError):
            muted, wrote = threading.Event(), False
            threading.Thread(target=self._answer, args=(server, client, muted), daemon=True).start()
            while data := client.recv(65536):
                wrote = wrote or any(word in data for word in WRITING)
                when = self._due(data) if wrote else None
                wrote = wrote and not any(word in data for word in ENDING)
                if when == "before":
                    break
                if when == "after":
                    muted.set()
                    server.sendall(data)
                    muted.answered.wait(10)
                    break
                server.sendall(data)
            for end in (client, server):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def _answer(self, server, client, muted):
        muted.answered = threading.Event()
        with suppress(OSError):
            while data := server.recv(65536):
                if muted.is_set():
                    muted.answered.set()
                else:
                    client.sendall(data)
            client.shutdown(socket.SHUT_RDWR)

    def _due(self, data):
        if COMMIT not in data:
            return None
        with self._lock:
            self._wait -= 1
            if self._wait != 0:
                return None
            self.cuts += 1
            return self._when
