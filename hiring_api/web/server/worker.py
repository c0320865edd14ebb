"""gunicorn's worker with threads, of which a client gets one only when its whole request is here.

gunicorn gives a connection to a thread as soon as it is readable, and the thread waits for the rest of the
head and body: as many slow clients as there are threads stop the service. Here the main thread's poller
collects heads and bodies without blocking (see `reception`), as a buffering reverse proxy does.

The life of a connection, and which method takes each step:

    accept          HEAD: in the poller, its first request is awaited
    _readable       bytes came: `_receive` hands them to the connection's `Reception`
    _receive        the head is whole -> BODY; the request is whole (or cut) -> out of the poller, to a thread
    _hold           its password must be checked first -> out of the poller until `_decided`
    handle          the thread answers; nobody else touches the connection meanwhile
    finish_request  back in the main thread: IDLE in the poller for the next request, or `_linger`
    _linger         CLOSE: our side is shut, what the client still sends is read away
    _drop           closed, and forgotten

A connection is either in the poller and in `_waiting`, under one phase, or it is held or with a thread and in
neither. All state but the thread's own connection belongs to the main thread: so there are no locks.
"""

from __future__ import annotations

import errno
import socket
import struct
import time
from contextlib import suppress
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
from .connection import ClientSocket, Connection, Phase
from .password_checks import PasswordChecks
from .reception import Reception, Room, Source, State
from .refusals import TooManyChecks, TooSlow, message, refusal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

_PIECE = 256 * 1024  # bytes that are read from a socket at once
_LINGER_SECONDS = 5  # as long as what a client still sends is read away, so that it gets to read the answer
_FILES_UNDER_WAY = 8  # bodies of the largest size at a time in a worker
_CLOSED = {errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN, errno.EBADF}
_NONE_TO_ACCEPT = {errno.EAGAIN, errno.ECONNABORTED}
_NO_DESCRIPTOR = {errno.EMFILE, errno.ENFILE}
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Worker(ThreadWorker):
    """A worker with threads."""

    def init_process(self) -> None:
        """Set up what the main thread keeps, then serve until the process is told to stop."""
        settings = read_settings()
        self._settings = settings
        self._room = Room(_FILES_UNDER_WAY * max(settings.max_upload, settings.max_body))
        self._answer_seconds = settings.answer_seconds
        self._seconds = {
            Phase.IDLE: self.cfg.keepalive,
            Phase.HEAD: settings.head_seconds,
            Phase.BODY: settings.body_seconds,
            Phase.CLOSE: _LINGER_SECONDS,
        }
        # Connections by phase with their deadlines (seconds of time.monotonic). All of a phase have equally
        # long and are added at the end, so each dict has its earliest deadline first, without a heap
        self._waiting: dict[Phase, dict[Connection, float]] = {phase: {} for phase in Phase}
        super().init_process()

    def load_wsgi(self) -> None:
        """Load the application, which knows who may call."""
        super().load_wsgi()
        callers = self.wsgi.extensions["callers"]
        self._admission = Admission(self._settings, callers)
        self._checks = PasswordChecks(callers, self.method_queue.defer)

    def run(self) -> None:
        """Serve until the process is told to stop."""
        super().run()
        self._checks.stop()

    # In the main thread, which must never wait for a client

    def accept(self, listener: Any) -> None:
        """Accept a connection; if there are too many now, the one that has idled longest is closed."""
        try:
            plain, client = listener.accept()
        except OSError as error:
            if error.errno in _NO_DESCRIPTOR:
                self._make_room()  # the new one stays in the listener's queue until the next turn
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
        # Those that cost their clients least come first. A body that is under way is never given up: its
        # client called with the right password (see `admission`)
        for phase in (Phase.IDLE, Phase.CLOSE, Phase.HEAD):
            for connection in self._waiting[phase]:
                self._drop(connection)
                return

    def _reception(self, client: Any) -> Reception:
        def parse(source: Source) -> Any:
            return Request(self.cfg, SocketUnreader(source), client)

        return Reception(parse, self._admission.decide, self._room)

    def _wait(self, connection: Connection, phase: Phase | None) -> None:
        """Note what is awaited of the client from now on; None for nothing.

        The deadline is set when a phase begins and not with each byte: a client that sends a byte every few
        seconds would otherwise stay in a phase for ever.
        """
        if connection.phase is not phase:
            if connection.phase:
                del self._waiting[connection.phase][connection]
            if phase:
                self._waiting[phase][connection] = time.monotonic() + self._seconds[phase]
            connection.phase = phase

    def _readable(self, connection: Connection, sock: ClientSocket) -> None:
        """Go on with a connection of which the poller says that there is something to read."""
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
            self._drop(connection)  # until then what comes after the answer is read away

    def _receive(self, connection: Connection, data: bytes) -> None:
        """Hand what came (nothing: the client has ended its side) to the request that is on its way in."""
        reception = connection.reception
        try:
            reception.receive(data)
        except Exception as error:  # noqa: BLE001  # as gunicorn's threads do; `handle_error` knows them
            self._refuse(connection, error)
            return
        self._go_on(connection)

    def _go_on(self, connection: Connection) -> None:
        """Do what the state of a connection's request asks for."""
        reception = connection.reception
        if reception.state in {State.WHOLE, State.CUT}:
            # Out of the poller before a thread has it: two threads must never have one connection
            self._wait(connection, None)
            self.poller.unregister(connection.sock)
            self.enqueue_req(connection)
        elif reception.state is State.HELD:
            self._hold(connection)
        elif reception.state is State.GONE:
            self._drop(connection)
        else:
            self._wait(connection, Phase.HEAD if reception.state is State.HEAD else Phase.BODY)
            if reception.awaits_continue:
                reception.awaits_continue = False
                self._say(connection, _CONTINUE)

    def _hold(self, connection: Connection) -> None:
        """Leave a connection alone until its request's password is checked."""
        sender = self._admission.sender(connection.reception.request)
        if self._checks.ask(sender, partial(self._decided, connection)):
            self._wait(connection, None)
            self.poller.unregister(connection.sock)
        else:
            self._refuse(connection, TooManyChecks("too many passwords are being checked: try again"))

    def _decided(self, connection: Connection, right: bool) -> None:
        """Go on with a connection whose request's password is checked; wrong ones the application answers."""
        reception = connection.reception
        reception.decided(self._admission.limit(reception.request) if right else None)
        self.poller.register(connection.sock, EVENT_READ, partial(self._readable, connection))
        self._go_on(connection)

    def _say(self, connection: Connection, text: bytes) -> None:
        """Send a few bytes as far as the socket takes them at once."""
        try:
            write_nonblock(connection.sock, text)
        except OSError as error:
            self.log.debug("not read by %s: %s", connection.client, error)

    def finish_request(self, connection: Connection, future: Future[bool]) -> None:
        """Go on, in the main thread, with a connection that a thread has done with."""
        before = connection.reception
        before.close()  # its body's room is given back before the next request may take some
        if future.cancelled() or future.exception() or not future.result():
            self._linger(connection)
            return
        connection.sock.setblocking(False)
        connection.reception = self._reception(connection.client)
        self.poller.register(connection.sock, EVENT_READ, partial(self._readable, connection))
        self._wait(connection, Phase.IDLE)
        if before.rest:  # the client sent its next request without waiting: the poller will not tell of it
            self._receive(connection, before.rest)

    def _refuse(self, connection: Connection, error: Exception) -> None:
        """Answer from the main thread a request that no thread will have, and end the connection."""
        self.handle_error(None, connection.sock, connection.client, error)
        self.poller.unregister(connection.sock)
        connection.reception.close()
        self._linger(connection)

    def _linger(self, connection: Connection) -> None:
        """End a connection in the order of RFC 9112, section 9.6: our side first, then the client's.

        Closed at once, with bytes of the client unread, the system would send a reset, at which clients throw
        away an answer that they have not read yet. gunicorn's own way blocks the main thread.
        """
        try:
            connection.sock.setblocking(False)
            connection.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._drop(connection)
            return
        self.poller.register(connection.sock, EVENT_READ, partial(self._readable, connection))
        self._wait(connection, Phase.CLOSE)

    def _drop(self, connection: Connection) -> None:
        """Close a connection and forget it."""
        self._wait(connection, None)
        with suppress(KeyError, ValueError):  # a thread had it
            self.poller.unregister(connection.sock)
        connection.sock.close()
        connection.reception.close()
        self.nr_conns -= 1

    def murder_keepalived(self, force: bool = False) -> None:
        """End the connections whose time is up, all of them with `force`.

        gunicorn's loop calls this at least once a second. Who sent part of a request is told by a 408.
        """
        for phase, connection in [*self._overdue(force)]:  # a list: ending one changes what is iterated
            if force or phase is Phase.CLOSE or not connection.reception.begun:
                self._drop(connection)
            else:
                what = f"the {phase.name.lower()} of the request was not here after {self._seconds[phase]} s"
                self._refuse(connection, TooSlow(what))

    def _overdue(self, force: bool) -> Iterator[tuple[Phase, Connection]]:
        """The connections whose time is up, with what was awaited of them; all connections with `force`."""
        now = time.monotonic()
        for phase, waiting in self._waiting.items():
            for connection, deadline in waiting.items():
                if deadline > now and not force:
                    break  # the others of this phase have longer
                yield phase, connection

    def _cap_keepalive(self, deadline: float) -> None:
        """Let connections without a whole head wait until `deadline` at the latest: the worker stops then."""
        for phase in (Phase.IDLE, Phase.HEAD):
            waiting = self._waiting[phase]
            for connection in waiting:
                waiting[connection] = min(waiting[connection], deadline)

    # In a thread

    def handle(self, connection: Connection) -> bool:
        """Answer a request; return whether the connection is good for another one.

        A thread may wait for the client: for as long as the client takes nothing of the answer, up to
        ANSWER_STALL_SECONDS.
        """
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
        """Answer a request that could not be read or handled, as far as the socket takes it at once."""
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
