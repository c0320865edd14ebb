"""Steps that run side by side in threads, and take effect one after the other.

While one step waits for the database to commit, the next one has its rows loaded already.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future
from threading import Event, Thread
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

I = TypeVar("I")  # noqa: E741  # item
T = TypeVar("T")

_PATIENCE: Final = 10.0  # seconds for steps to end after an error or Ctrl-C


class StepBack(Exception):
    """What this step holds may be in the way of the one before, which begins anew or takes too long."""


class Turn(Generic[I, T]):
    """A step's place in the order: between the one before it and the one after.

    A step that keeps rows locked must not wait for the one before while that waits for these rows, perhaps
    behind another client who waits for them: the database cannot see such a circle. So a step takes locks
    when the one before has all of its own, and steps back when that has to begin anew. A step whose last
    locks hardly anybody wants may `hold` before it has these, if the next one waits with patience only.
    """

    def __init__(self, item: I, latest: T, before: Turn[I, T] | None = None) -> None:
        self.item = item
        self.before = before
        self._latest = latest
        self._begun = False
        self.holding = Event()  # it has all its locks
        self.news = Event()  # it is done, failed or begins anew
        self.done: Future[T] = Future()

    def latest(self) -> T:
        """The last result known: that of the step before, if that is done, else that of the one before it."""
        if self.before is None or not self.before.done.done():
            return self._latest
        return self.before.done.result()

    def begin(self) -> None:
        """To be called when the step begins, and when it begins anew."""
        if self._begun:
            self.news.set()
        self._begun = True

    def enter(self) -> None:
        """To be called before the step takes locks: waits until the one before has its own."""
        if self.before is not None:
            self.before.holding.wait()

    def hold(self) -> None:
        """To be called when the step needs no more locks that the next one, or who waits for it, may have."""
        self.holding.set()

    def previous(self, patience: float | None = None) -> T:
        """The result of the step before, once it is done; its error, if it failed.

        Raises:
            StepBack: it begins anew, or is not done after `patience` seconds; undo what was done, `wait`, and
                begin anew.
        """
        if self.before is None:
            return self._latest
        self.before.news.wait(patience)
        if not self.before.done.done():
            raise StepBack
        return self.before.done.result()

    def wait(self) -> T:
        """As `previous`, for a step that holds nothing."""
        return self._latest if self.before is None else self.before.done.result()

    def run(self, step: Callable[[Turn[I, T]], T]) -> None:
        """Takes the step."""
        try:
            self.done.set_result(step(self))
        except BaseException as error:  # noqa: BLE001  # handed over to the thread that waits for it
            self.done.set_exception(error)
        self.holding.set()
        self.news.set()
        self.before = None  # or every chunk would be kept by the one after it

    def result(self) -> T:
        """What came of the step, once it is done."""
        return self.done.result()


def in_order(items: Iterable[I], first: T, step: Callable[[Turn[I, T]], T], most: int) -> Iterator[T]:
    """Takes a step for each item, at most `most` at a time, and yields the results in the items' order.

    `first` counts as the result before the first step. The error of a step is raised where its result would
    come; the steps after it fail as well.
    """
    turn: Turn[I, T] | None = None
    latest = first
    running: deque[tuple[Turn[I, T], Thread]] = deque()
    try:
        for item in items:
            turn = Turn(item, latest, turn)
            thread = Thread(target=turn.run, args=(step,), daemon=True)
            thread.start()
            running.append((turn, thread))
            if len(running) == most:
                latest = running[0][0].result()
                running.popleft()
                yield latest
        while running:
            yield running[0][0].result()
            running.popleft()
    finally:
        for _, thread in running:
            thread.join(_PATIENCE)
