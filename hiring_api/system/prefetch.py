"""Prepare the next items in a thread while the present one is in use."""

from __future__ import annotations

from contextlib import contextmanager
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

T = TypeVar("T")

_POLL: Final = 0.1  # seconds


class _End:
    """The last thing in a queue: the error that ended the items, if one did."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


@contextmanager
def ahead(items: Iterable[T], most: int) -> Iterator[Iterator[T]]:
    """Prefetch items: a thread makes up to `most` of them ahead.

    An error in making an item is raised where that item would come. The thread has ended when the block is
    left.
    """
    queue: Queue[T | _End] = Queue(most)
    stop = Event()
    thread = Thread(target=_fill, args=(queue, iter(items), stop), daemon=True)
    thread.start()
    try:
        yield _take(queue)
    finally:
        stop.set()
        thread.join()


def _fill(queue: Queue[T | _End], items: Iterator[T], stop: Event) -> None:
    try:
        for item in items:
            _put(queue, item, stop)
            if stop.is_set():
                return
    except BaseException as error:  # noqa: BLE001  # handed over to the thread that waits for it
        _put(queue, _End(error), stop)
    else:
        _put(queue, _End(), stop)


def _put(queue: Queue[T | _End], item: T | _End, stop: Event) -> None:
    while not stop.is_set():
        try:
            queue.put(item, timeout=_POLL)
        except Full:
            continue
        return


def _take(queue: Queue[T | _End]) -> Iterator[T]:
    while True:
        try:
            item = queue.get(timeout=_POLL)  # with a timeout, so that Ctrl-C is heard
        except Empty:
            continue
        if isinstance(item, _End):
            if item.error is not None:
                raise item.error
            return
        yield item
