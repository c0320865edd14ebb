"""Work that may hang, such as a look at a disk or a network that does not answer."""

from __future__ import annotations

from concurrent.futures import Future
from threading import Lock, Thread
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class SharedWork(Generic[T]):
    """Work in a thread of its own, at most one at a time, however many wait for what comes of it.

    So those who wait can give up, and work that hangs costs one thread. The thread keeps no process from
    ending.
    """

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._lock = Lock()
        self._under_way: Future[T] | None = None

    def begin(self) -> Future[T]:
        """The outcome of the work that is under way, or else of work that begins now."""
        with self._lock:
            if self._under_way is None or self._under_way.done():
                self._under_way = Future()
                Thread(target=self._run, args=(self._under_way,), daemon=True).start()
            return self._under_way

    def _run(self, outcome: Future[T]) -> None:
        try:
            outcome.set_result(self._work())
        except BaseException as error:  # noqa: BLE001  # it is raised where the outcome is asked for
            outcome.set_exception(error)
