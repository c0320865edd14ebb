"""Replicas that are read as long as they are no more than some seconds behind the server that is written.

A thread asks the writer every second how far it has come. A replica that has reached what the writer told at
some moment shows all that was committed until then; so one is used as long as it has reached what was told
within the last `staleness` seconds. No clock of a server counts, and nothing is written. Each connection is
asked for its position before it is used, so the names may also lead to a proxy.
"""

from __future__ import annotations

import logging
import time
from threading import Lock, Thread
from typing import TYPE_CHECKING, Final

from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError

from .dialects import dialect_of
from .engine import prepare

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine
    from sqlalchemy.engine import URL

log = logging.getLogger(__name__)

_ASKED_EVERY: Final = 1.0  # seconds, or a fifth of the staleness if that is less
_IDLE: Final = 60  # seconds without a read after which nobody is asked any more


def open_readers(writer: Engine, url: URL, staleness: float) -> Engine:
    """An engine for `snapshot`, which reads from the replicas of `url` and, where none can be, from `writer`.

    What it gives was committed at most `staleness` seconds before: execution option `staleness`.
    """
    return _Readers(writer, url, staleness).engine


class _Readers:
    """The replicas, and what is known of the writer.

    Attributes:
        engine: connects to a replica that has reached `_wanted()`; its execution option `readers` is this.
    """

    def __init__(self, writer: Engine, url: URL, staleness: float) -> None:
        self._writer, self._staleness = writer, staleness
        options = dialect_of(url).reading_options(url, self._wanted)
        said = {"readers": self, "staleness": staleness}
        self.engine = prepare(create_engine(url, execution_options=said, **options))
        self._told: list[tuple[float, str]] = []  # positions of the writer, and when they were asked for
        self._usable = False
        self._away_is_logged = False
        self._lock = Lock()
        self._watching: Thread | None = None
        self._last_read = 0.0

    def connect(self) -> Connection:
        """A connection to a replica that may be read, else to the writer."""
        self._watch()
        if self._usable:
            try:
                return self.engine.connect()
            except (DBAPIError, dialect_of(self.engine).driver_error) as error:
                self._note(usable=False, why=error)
        return self._writer.connect()

    def _wanted(self) -> str | None:
        """The position that a replica must have reached; None if the writer has told none lately."""
        since = time.monotonic() - self._staleness
        return next((position for asked, position in self._told if asked >= since), None)

    def _watch(self) -> None:
        """Have a thread watch the servers, in the process that reads."""
        with self._lock:
            self._last_read = time.monotonic()
            if self._watching is None:
                self._watching = Thread(target=self._keep_asking, name="replicas", daemon=True)
                self._watching.start()

    def _keep_asking(self) -> None:
        try:
            while time.monotonic() < self._last_read + _IDLE:
                self._ask_writer()
                self._try_replicas()
                time.sleep(min(_ASKED_EVERY, self._staleness / 5))
        finally:
            with self._lock:  # the next read begins anew
                self._watching, self._usable = None, False

    def _ask_writer(self) -> None:
        dialect, asked = dialect_of(self._writer), time.monotonic()
        try:
            with self._writer.connect() as connection, dialect.answered_soon(connection):
                position = dialect.position(connection)
        except (DBAPIError, dialect.driver_error) as error:
            log.debug("the writer did not tell its position: %r", error)
            return
        if position is not None:
            recent = [told for told in self._told if told[0] >= asked - self._staleness]
            self._told = [*recent, (asked, position)]

    def _try_replicas(self) -> None:
        try:
            with self.engine.connect():
                self._note(usable=True)
        except (DBAPIError, dialect_of(self.engine).driver_error) as error:
            self._note(usable=False, why=error)

    def _note(self, *, usable: bool, why: BaseException | None = None) -> None:
        """Note whether replicas can be read, and log a change once."""
        with self._lock:
            self._usable = usable
            if self._away_is_logged is not usable:
                return
            self._away_is_logged = not usable
        if usable:
            log.info("replicas are read again")
        else:
            log.warning(
                "the server that is written is read as well, as no replica can be: %s", _words_of(why)
            )


def _words_of(error: BaseException | None) -> str:
    """The driver's own words."""
    original = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    return str(original.args[-1]) if original is not None and original.args else repr(original)


def connect(engine: Engine) -> Connection:
    """A connection of an engine; of one of `open_readers`, that to a replica if one can be read."""
    readers: _Readers | None = engine.get_execution_options().get("readers")
    return engine.connect() if readers is None else readers.connect()


def staleness(connection: Connection) -> float:
    """By how many seconds, at most, what a connection shows may be behind what is committed."""
    seconds: float = connection.get_execution_options().get("staleness", 0)
    return seconds
