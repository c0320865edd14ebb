"""Wrong passwords by address, counted over all processes by the database.

An attack must not become a load. A process has at most one connection for this at a time, which fails
rather than waits; it writes a thousand times a minute at most, and no more for an address that has reached
the limit. Whatever cannot be written is counted by the process for itself.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from threading import Lock
from typing import TYPE_CHECKING
from uuid import uuid4

from sqlalchemy.exc import SQLAlchemyError

from hiring_api.database.engine import open_hasty_engine
from hiring_api.database.wrong_passwords import forget, note
from hiring_api.errors import HiringError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine import URL

WINDOW = 60  # seconds
MOST = 100  # a window and address: enough for clients that are set up wrong, too few to guess
_MOST_ADDRESSES = 10_000  # a window, in a process
_MOST_WRITES = 1000  # a window, by a process
_PAUSE = 10  # seconds without a try after one that failed

log = logging.getLogger(__name__)


class WrongPasswords:
    """Counts wrong passwords by address, in fixed windows of a minute.

    `_own` is what this process has counted in the present window, `_others` what it last heard of the others.
    """

    def __init__(self, url: URL, clock: Callable[[], float] = time.time) -> None:
        self._engine = open_hasty_engine(url)
        self._clock = clock  # seconds since 1970
        self._process = uuid4().hex
        self._counting, self._writing = Lock(), Lock()
        self._window = 0
        self._own: Counter[str] = Counter()
        self._others: dict[str, int] = {}
        self._writes = 0
        self._pause_until = 0.0

    def count(self, address: str) -> int:
        """Count a wrong password; return how many seconds `address` has to wait, 0 if it need not."""
        now = self._clock()
        window = int(now // WINDOW)
        with self._counting:
            if window != self._window:
                self._window, self._own, self._others, self._writes = window, Counter(), {}, 0
            # Neither memory nor the database may grow with the addresses of an attack
            full = address not in self._own and len(self._own) >= _MOST_ADDRESSES
            if full or self._total(address) > MOST:
                return self._wait(now)
            self._own[address] += 1
        self._share(window, address, now)
        return self._wait(now) if self._total(address) > MOST else 0

    def _wait(self, now: float) -> int:
        return WINDOW - int(now % WINDOW)

    def _total(self, address: str) -> int:
        return self._own[address] + self._others.get(address, 0)

    def _share(self, window: int, address: str, now: float) -> None:
        """Tell the other processes, and learn from them; unless a thread of this one is doing so."""
        if (
            self._writes >= _MOST_WRITES
            or now < self._pause_until
            or not self._writing.acquire(blocking=False)
        ):
            return
        try:
            self._writes += 1
            if self._writes == 1:
                forget(self._engine, window)
            found = note(self._engine, window, address, self._process, self._own[address])
            self._others[address] = found
        except (HiringError, SQLAlchemyError) as error:
            self._pause_until = now + _PAUSE
            log.warning("wrong passwords are counted by each process for itself for a while: %r", error)
        finally:
            self._writing.release()
