"""The bytes of one request, collected as they come and without waiting for them; no socket is touched.

gunicorn's parser reads a request from a socket and waits there for each next byte. Here a `Reception` is
given what came, in pieces of any size, and says when the request is whole; the parser then reads it out of
a `Source`. So a client that sends slowly, or never goes on, keeps nobody waiting.

    HEAD   collected in memory; whole at the first empty line, then parsed
    HELD   whether the body is waited for is being found out; until `decided` says so nothing is received
    BODY   written to the source, in memory or on disk, until its framing says that it has ended
    WHOLE  all is there: a thread may answer
    CUT    a thread answers without the rest of the body: it was not admitted, is too long or malformed,
           there is no room for it, or the client hung up. The application finds this out by reading, as from
           a socket, so that each of these errors has one place; then the connection is closed
    GONE   there is nothing to answer
"""

from __future__ import annotations

import errno
import tempfile
from enum import Enum, auto
from typing import IO, TYPE_CHECKING, Any, Final

from gunicorn.http.body import ChunkedReader
from gunicorn.http.errors import LimitRequestHeaders, NoMoreData

from hiring_api.web.http.bodies import PIECE

from .framing import Chunks, Length

if TYPE_CHECKING:
    from collections.abc import Callable

    from .framing import Framing

MOST_HEAD: Final = 32 * 1024  # bytes of the request line and all headers
_MOST_LINE: Final = 4094 + 4  # gunicorn's limit of the request line, its end, and an empty line before it
_IN_MEMORY: Final = 256 * 1024  # bytes of a body; a batch of a thousand rows mostly has fewer


class State(Enum):
    """The state of a request that is being received."""

    HEAD = auto()  # its head is not whole yet
    HELD = auto()  # its head is whole; whether its body is waited for is not decided yet
    BODY = auto()  # its body is awaited
    WHOLE = auto()  # all of it is here
    CUT = auto()  # to be answered as it is: the rest of its body is not waited for, or does not come
    GONE = auto()  # the client left before its head was whole


class Undecided(Enum):
    """The kind of `UNDECIDED`."""

    UNDECIDED = auto()


UNDECIDED: Final = Undecided.UNDECIDED
"""In place of a decision: it takes longer."""


class Room:
    """A limit of the bytes of all bodies that a process receives: many clients must not fill the disk."""

    def __init__(self, size: int) -> None:
        self._left = size

    def take(self, size: int) -> None:
        """Take `size` bytes.

        Raises:
            OSError: they are not there (ENOSPC, as where a disk is full).
        """
        if size > self._left:
            raise OSError(errno.ENOSPC, "too many bodies are under way")
        self._left -= size

    def give(self, size: int) -> None:
        """Give `size` bytes back."""
        self._left += size


class Source:
    """The source that gunicorn's parser reads a request from, instead of a socket: its head, then its body.

    Written by the main thread (`keep`, then `rewind`), then read by the thread that answers, never by both.
    `failure` is why the rest could not be kept, if so; it is raised where the reader comes to that place.
    """

    def __init__(self, head: bytes, room: Room) -> None:
        self._head, self._room = head, room
        self._body: IO[bytes] | None = None
        self._size = 0
        self.failure: OSError | None = None

    def recv(self, size: int) -> bytes:
        """Read up to `size` bytes, or the whole head; none at the end.

        Raises:
            OSError: at the end, where the rest could not be kept.
        """
        if self._head:
            head, self._head = self._head, b""
            return head
        data = self._body.read(size) if self._body else b""
        if not data and self.failure:
            raise self.failure
        return data

    def keep(self, data: bytes) -> None:
        """Add bytes of the body; to be called before any of it is read.

        Raises:
            OSError: there is no room.
        """
        if self._body is None:
            file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115  # `close` closes it
            self._body = file
        self._room.take(len(data))
        self._size += len(data)
        self._body.write(data)

    def rewind(self) -> None:
        """Go to the beginning of the body, which is complete, to read it."""
        if self._body:
            self._body.seek(0)

    def close(self) -> None:
        """Delete the body and give its room back."""
        if self._body:
            self._body.close()
        self._room.give(self._size)
        self._size = 0


class Reception:
    """One request on its way in.

    Attributes:
        state: how far it is.
        request: gunicorn's, once the head is whole; it reads its body from what was received.
        rest: what came behind its end, which is the next request's.
        awaits_continue: the client waits for `100 Continue` before it sends the body.
    """

    def __init__(
        self, parse: Callable[[Source], Any], decide: Callable[[Any], int | Undecided | None], room: Room
    ) -> None:
        """Wait for the first byte.

        Args:
            parse: reads the head from a source, as gunicorn's request.
            decide: of a request whose head has come, how many bytes its body may have; None if it is not
                waited for.
            room: for bodies.
        """
        self._parse, self._decide, self._room = parse, decide, room
        self.state = State.HEAD
        self.request: Any = None
        self.rest = b""
        self.awaits_continue = False
        self._head = bytearray()
        self._source: Source | None = None
        self._framing: Framing = Length(0)
        self._most: int = 0
        self._tail = b""
        self._expects = False

    @property
    def begun(self) -> bool:
        """True when a byte came."""
        return bool(self._head) or self.request is not None

    def receive(self, data: bytes) -> None:
        """Go on with what came; `data` is empty when the client will send no more.

        Raises:
            ParseException: the head is none of a valid request.
        """
        if not data:
            self._end(State.GONE if self.state is State.HEAD else State.CUT)
        elif self.state is State.HEAD:
            self._receive_head(data)
        else:
            self._receive_body(data)

    def close(self) -> None:
        """Drop what was received."""
        if self._source:
            self._source.close()

    def _receive_head(self, data: bytes) -> None:
        # The empty line may have begun at the end of the piece before; the rest was searched already
        begin = max(0, len(self._head) - 3)
        self._head += data
        end = self._head.find(b"\r\n\r\n", begin)
        if 0 <= end <= MOST_HEAD:
            head, tail = bytes(self._head[: end + 4]), bytes(self._head[end + 4 :])
            self._head.clear()
            self._begin_body(head, tail)
        elif self._is_hopeless(data):
            # gunicorn's parser knows what is wrong with it, and says so by its own errors
            try:
                self._parse(Source(bytes(self._head[:MOST_HEAD]), self._room))
            except NoMoreData:
                raise LimitRequestHeaders("the head is too long") from None

    def _is_hopeless(self, data: bytes) -> bool:
        """True if the head, whose end has not come, can be refused already.

        It is so where it has a bare line feed, which gunicorn takes for no line end, is too long, or begins
        with a line that is too long.
        """
        head = self._head
        bare = b"\n" in data and head.count(b"\n") != head.count(b"\r\n")
        return (
            bare
            or len(head) > MOST_HEAD + len(b"\r\n\r")
            or (len(head) > _MOST_LINE and head.find(b"\r\n", 2) < 0)
        )

    def _begin_body(self, head: bytes, tail: bytes) -> None:
        """Parse the whole head, decide whether its body is waited for, and take what came of it, `tail`."""
        self._source = Source(head, self._room)
        self.request = self._parse(self._source)
        reader = self.request.body.reader
        self._framing = Chunks() if isinstance(reader, ChunkedReader) else Length(reader.length)
        # `100 Continue` is for the main thread to say, before a thread has the request
        self._expects, self.request._expected_100_continue = self.request._expected_100_continue, False  # noqa: SLF001  # gunicorn would answer too late
        self._tail = tail
        self.state = State.HELD
        most = self._decide(self.request)
        if most is not UNDECIDED:
            self.decided(most)

    def decided(self, most: int | None) -> None:
        """Go on with a request that was held: its body may have `most` bytes, or is not waited for."""
        self.state = State.BODY
        self._most = 0 if most is None else most
        # First what came with the head: if that is the whole body, nothing is left to decide.
        # What is unwanted is then cut off before any more of it is read
        tail, self._tail = self._tail, b""
        self._receive_body(tail)
        too_long = isinstance(self._framing, Length) and self._framing.length > self._most
        if self.state is State.BODY and (most is None or too_long):
            self._end(State.CUT)
        self.awaits_continue = self._expects and not tail and self.state is State.BODY

    def _receive_body(self, data: bytes) -> None:
        if self._source is None:
            return
        taken = self._framing.take(data)
        self.rest = data[taken:]
        try:
            if taken:
                self._source.keep(data[:taken])
        except OSError as error:
            self._source.failure = error
            self._end(State.CUT)
            return
        if self._framing.ended:
            self._end(State.WHOLE)
        elif self._framing.broken or self._framing.size > self._most + 2 * PIECE:
            # More than the limit is kept: the application, which reads in pieces, then finds it too long
            # (413) before it finds it cut short (400)
            self._end(State.CUT)

    def _end(self, state: State) -> None:
        """Receive no more, and make ready what a thread will read."""
        self.state = state
        if self._source:
            self._source.rewind()
        if state is State.CUT:  # where the next request begins, nobody can tell
            self.request.force_close()
