"""Passwords of users in the database, checked one after the other, beside the threads that answer requests.

A check takes a tenth of a second of a processor, and somebody may send many wrong ones. So a worker spends
one thread on checks, and a limited number of them wait; requests of callers who are known pass them by.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from hiring_api.users.roles import Caller
    from hiring_api.web.http.callers import Callers

    from .admission import Sender

_MOST: Final = 64  # checks under way or waiting
_MOST_OF_ONE: Final = 8  # of them, for one client: others wait a second or two for all of its checks


class PasswordChecks:
    """The checks of one worker. The methods belong to the main thread."""

    def __init__(self, callers: Callers, defer: Callable[..., None]) -> None:
        """Start without a check.

        Args:
            callers: whom they are about.
            defer: calls a function with arguments, in the main thread.
        """
        self._callers, self._defer = callers, defer
        self._thread = ThreadPoolExecutor(1, "passwords")
        self._waiting: dict[bytes, list[Callable[[bool], None]]] = {}
        self._of_clients: Counter[str] = Counter()

    def ask(self, sender: Sender, then: Callable[[bool], None]) -> bool:
        """Find out whether a password is right, and call `then` with that; False if too many checks wait."""
        digest = self._callers.digest(sender.user, sender.password)
        if waiting := self._waiting.get(digest):
            waiting.append(then)
            return True
        if len(self._waiting) >= _MOST or self._of_clients[sender.address] >= _MOST_OF_ONE:
            return False
        self._waiting[digest] = [then]
        self._of_clients[sender.address] += 1
        check = self._thread.submit(self._callers.find, sender.user, sender.password)
        check.add_done_callback(lambda done: self._defer(self._tell, digest, sender.address, done))
        return True

    def stop(self) -> None:
        """Drop the checks that wait."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _tell(self, digest: bytes, address: str, check: Future[Caller | None]) -> None:
        """Tell all who wait for a check; where it failed, the application will find out why."""
        self._of_clients[address] -= 1
        if not self._of_clients[address]:
            del self._of_clients[address]
        right = not check.cancelled() and check.exception() is None and check.result() is not None
        for then in self._waiting.pop(digest):
            then(right)
