"""gunicorn's worker with threads, of which a client gets one only when its whole request is here.

gunicorn gives a connection to a thread as soon as it is readable, and the thread waits for the rest of the
head and body: as many slow clients as there are threads stop the service. Here the main thread's poller
collects heads and bodies without blocking (see `reception`), as a buffering reverse proxy does.
"""

from __future__ import annotations

import errno
import socket
import struct
import time
from contextlib import suppress
from enum import Enum, auto
from functools import partial
from selectors import EVENT_READ
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from gunicorn.http.message import Request
from gunicorn.http.unreader import SocketUnreader
from gunicorn.util import write_nonblock
from gunicorn.workers.gthread import ThreadWorker

from hiring_api.settings import read_settings

from .admission import Admission
from .reception import Reception, Room, Source, State
from .refusals import TooSlow, message, refusal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

_PIECE = 256 * 1024  # bytes
_LINGER_SECONDS = 5  # as long as what a client still sends is read away, so that it gets to read the answer
_FILES_UNDER_WAY = 8  # bodies of the largest size at a time in a worker
_CLOSED = {errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN, errno.EBADF}
_NONE_TO_ACCEPT = {errno.EAGAIN, errno.ECONNABORTED}
_NO_DESCRIPTOR = {errno.EMFILE, errno.ENFILE}
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Phase(Enum):
    """What a connection that no thread has is waiting for."""

    IDLE = auto()  # the first byte of a further request
    HEAD = auto()
    BODY = auto()
    CLOSE = auto()  # the end of what the client sends


class ClientSocket(socket.socket):
    """A socket whose timeout ends an answer of which the client takes nothing for so long."""

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        """As of `socket`, which would hold the timeout against all of `data`."""
        rest = memoryview(data)
        while rest:
            rest = rest[self.send(rest, flags) :]


class Connection:
    """A client's connection, under the names that gunicorn gives its own."""

    def __init__(self, sock: ClientSocket, client: Any, server: Any, reception: Reception) -> None:
        self.sock, self.client, self.server = sock, client, server
        self.reception = reception
        self.phase: Phase | None = None


class Worker(ThreadWorker):
    """A worker with threads."""

    def init_process(self) -> None:
        settings = read_settings()
        self._admission = Admission(settings)
        self._room = Room(_FILES_UNDER_WAY * max(settings.max_upload, settings.max_body))
        self._answer_seconds = settings.answer_seconds
        self._seconds = {
            Phase.IDLE: self.cfg.keepalive,
            Phase.HEAD: settings.head_seconds,
            Phase.BODY: settings.body_seconds,
            Phase.CLOSE: _LINGER_SECONDS,
        }
        # Connections by phase with their deadlines, the earliest first: all of a phase have equally long
        self._waiting: dict[Phase, dict[Connection, float]] = {phase: {} for phase in Phase}
        super().init_process()

    # In the main thread, which must never wait for a client

    def accept(self, listener: Any) -> None:
        """Takes a connection; where there are too many, the one that has idled longest goes."""
        try:
            plain, client = listener.accept()
        except OSError as error:
            if error.errno in _NO_DESCRIPTOR:
                self._make_room()
            elif error.errno not in _NONE_TO_ACCEPT:
                raise
            return
        sock = ClientSocket(plain.family, plain.type, plain.proto, plain.detach())
        sock.setblocking(False)
        self.nr_conns += 1
        connection = Connection(sock, client, listener.getsockname(), self._reception(client))
        self.poller.register(sock, EVENT_READ, partial(self._readable, connection))
        self._wait(connection, Phase.HEAD)
        if self.nr_conns >= self.worker_connections:
            self._make_room()

    def _make_room(self) -> None:
        for phase in (Phase.IDLE, Phase.CLOSE, Phase.HEAD):
            for connection in self._waiting[phase]:
                self._drop(connection)
                return

    def _reception(self, client: Any) -> Reception:
        def parse(source: Source) -> Any:
            return Request(self.cfg, SocketUnreader(source), client)

        return Reception(parse, self._admission.most_body, self._room)

    def _wait(self, connection: Connection, phase: Phase | None) -> None:
        if connection.phase is not phase:
            if connection.phase:
                del self._waiting[connection.phase][connection]
            if phase:
                self._waiting[phase][connection] = time.monotonic() + self._seconds[phase]
            connection.phase = phase

    def _readable(self, connection: Connection, sock: ClientSocket) -> None:
        try:
            data = sock.recv(_PIECE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._drop(connection)
            return
        if connection.phase is not Phase.CLOSE:
            self._receive(connection, data)
        elif not data:
            self._drop(connection)

    def _receive(self, connection: Connection, data: bytes) -> None:
        reception = connection.reception
        try:
            reception.receive(data)
        except Exception as error:  # noqa: BLE001  # as gunicorn's threads do; `handle_error` knows them
            self._refuse(connection, error)
            return
        if reception.state in {State.WHOLE, State.CUT}:
            self._wait(connection, None)
            self.poller.unregister(connection.sock)
            self.enqueue_req(connection)
        elif reception.state is State.GONE:
            self._drop(connection)
        else:
            self._wait(connection, Phase.HEAD if reception.state is State.HEAD else Phase.BODY)
            if reception.awaits_continue:
                reception.awaits_continue = False
                self._say(connection, _CONTINUE)

    def _say(self, connection: Connection, text: bytes) -> None:
        try:
            write_nonblock(connection.sock, text)
        except OSError as error:
            self.log.debug("not read by %s: %s", connection.client, error)

    def finish_request(self, connection: Connection, future: Future[bool]) -> None:
        """Goes on with a connection that a thread has done with."""
        before = connection.reception
        before.close()
        if future.cancelled() or future.exception() or not future.result():
            self._linger(connection)
            return
        connection.sock.setblocking(False)
        connection.reception = self._reception(connection.client)
        self.poller.register(connection.sock, EVENT_READ, partial(self._readable, connection))
        self._wait(connection, Phase.IDLE)
        if before.rest:
            self._receive(connection, before.rest)

    def _refuse(self, connection: Connection, error: Exception) -> None:
        self.handle_error(None, connection.sock, connection.client, error)
        self.poller.unregister(connection.sock)
        connection.reception.close()
        self._linger(connection)

    def _linger(self, connection: Connection) -> None:
        """Ends a connection as RFC 9112, section 9.6 says; gunicorn's own way would block."""
        try:
            connection.sock.setblocking(False)
            connection.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._drop(connection)
            return
        self.poller.register(connection.sock, EVENT_READ, partial(self._readable, connection))
        self._wait(connection, Phase.CLOSE)

    def _drop(self, connection: Connection) -> None:
        self._wait(connection, None)
        with suppress(KeyError, ValueError):  # a thread had it
            self.poller.unregister(connection.sock)
        connection.sock.close()
        connection.reception.close()
        self.nr_conns -= 1

    def murder_keepalived(self, force: bool = False) -> None:
        """Ends the connections whose time is up; gunicorn's loop calls this at least once a second."""
        for phase, connection in [*self._overdue(force)]:
            if force or phase is Phase.CLOSE or not connection.reception.begun:
                self._drop(connection)
            else:
                what = f"the {phase.name.lower()} of the request was not here after {self._seconds[phase]} s"
                self._refuse(connection, TooSlow(what))

    def _overdue(self, force: bool) -> Iterator[tuple[Phase, Connection]]:
        now = time.monotonic()
        for phase, waiting in self._waiting.items():
            for connection, deadline in waiting.items():
                if deadline > now and not force:
                    break
                yield phase, connection

    def _cap_keepalive(self, deadline: float) -> None:
        """Before a stop, connections without a whole head have until `deadline` at the latest."""
        for phase in (Phase.IDLE, Phase.HEAD):
            waiting = self._waiting[phase]
            for connection in waiting:
                waiting[connection] = min(waiting[connection], deadline)

    # In a thread

    def handle(self, connection: Connection) -> bool:
        """Answers a request; whether the connection is good for another one."""
        request = connection.reception.request
        try:
            connection.sock.settimeout(self._answer_seconds)
            return bool(self.handle_request(request, connection)) and not request.body.failed
        except TimeoutError:
            self.log.warning(
                "%s took nothing of its answer for %g s", connection.client, self._answer_seconds
            )
            # What is in the system's buffers would be kept for a client that may never read it
            connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.sock.close()
        except StopIteration:
            pass  # an answer that broke off: gunicorn has logged it
        except OSError as error:
            if error.errno in _CLOSED:
                self.log.debug("the client left: %s", error)
            else:
                self.log.exception("answering a request")
        except Exception as error:  # noqa: BLE001  # as in gunicorn's own; `handle_error` knows them
            self.handle_error(request, connection.sock, connection.client, error)
        return False

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Answers a request that could not be read or handled."""
        status, title, detail = refusal(exc)
        request_id = uuid4().hex
        if status == 500:  # noqa: PLR2004
            self.log.error("error handling a request [%s]", request_id, exc_info=exc)
        else:
            self.log.warning("refused what %s sent: %s [%s]", (addr or ("?",))[0], exc, request_id)
        try:
            write_nonblock(client, message(status, title, detail, request_id))
        except OSError as error:
            self.log.debug("the answer was not read: %s", error)
