"""Run steps in parallel threads that commit one after the other.

While one step waits for its commit, the next one writes its rows.
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
    """This step must release its locks: the one before begins anew, or takes too long."""


class Turn(Generic[I, T]):
    """One step among the others: it knows the step before.

    Two steps could wait for each other for ever: this one for the commit of the one before, and that one for
    rows that this one has locked, perhaps through another client. The database cannot see such a deadlock,
    because half of it is in this program. So a step takes locks only when the one before has all of its own
    (`enter`), and steps back (`StepBack`) if that one has to begin anew. A step whose last locks hardly
    anybody wants may call `hold` before it has them, if the next one waits for a limited time only.
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
        """Return the last known result: that of the step before if it is done, else of an earlier one."""
        if self.before is None or not self.before.done.done():
            return self._latest
        return self.before.done.result()

    def begin(self) -> None:
        """Call this when the step begins, and each time it begins anew."""
        if self._begun:
            self.news.set()
        self._begun = True

    def enter(self) -> None:
        """Call this before the step takes locks: it waits until the step before has all of its own."""
        if self.before is not None:
            self.before.holding.wait()

    def hold(self) -> None:
        """Call this when the step needs no more locks that the next step could have."""
        self.holding.set()

    def previous(self, patience: float | None = None) -> T:
        """Wait for the result of the step before, and return it; raise its error if it failed.

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
        """Wait as `previous` does, for a step that holds no locks."""
        return self._latest if self.before is None else self.before.done.result()

    def run(self, step: Callable[[Turn[I, T]], T]) -> None:
        """Run the step in this thread, and tell the next step its result."""
        try:
            self.done.set_result(step(self))
        except BaseException as error:  # noqa: BLE001  # handed over to the thread that waits for it
            self.done.set_exception(error)
        self.holding.set()
        self.news.set()
        self.before = None  # or every chunk would be kept by the one after it

    def result(self) -> T:
        """Wait for the result of the step, and return it."""
        return self.done.result()


def in_order(items: Iterable[I], first: T, step: Callable[[Turn[I, T]], T], most: int) -> Iterator[T]:
    """Run a step for each item, at most `most` at a time, and yield the results in the items' order.

    `first` is the result before the first step. The error of a step is raised in place of its result; the
    steps after it fail as well.
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
