"""Leases: what only one process may do at a time, on whichever machine and through whichever server.

A lease is a row of the table `leases`. Its holder renews it while it works; one that died, or cannot reach
the database, stops doing so, and after `SECONDS` on the database's clock another may take the lease. Each
taking counts the row's `fence` up. The holder confirms its fence in the transaction that commits its work, by
an UPDATE: so a process that was frozen, and wakes up after another has taken the lease, commits nothing.
Servers of a cluster, which know nothing of each other's locks, see the two UPDATEs of one row as a conflict.

Those who take one: the migration job (`migration_job/job.py`), a restore, the deletion of old backups
(`backup/retention.py`), a scheduled backup (`backup/schedule.py`), and a change of the schema.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from threading import Event, Thread, get_native_id
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from hiring_api.errors import Busy, CommitUnsure, HiringError

from .bookkeeping import leases
from .dialects import dialect_of
from .dialects.failures import Retry
from .driver_errors import translated
from .transactions import snapshot, transaction

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sqlalchemy import Connection, Engine

log = logging.getLogger(__name__)

SECONDS: Final = 15
_RENEWED_EVERY: Final = 3  # seconds
_ASKED_EVERY: Final = 0.2  # seconds
_LOST: Final = (
    "this took a break for so long that another process has taken over: what was not committed before is "
    "undone; try again"
)


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease that this process has taken, and perhaps lost since."""

    name: str
    fence: int

    def confirm(self, connection: Connection) -> None:
        """Prove that nobody else has taken the lease, and renew it, in the transaction that does the work.

        Nobody can take it from then on until the transaction ends. So it is the last thing in it; or the
        first, where the transaction sees one state throughout: newer servers would refuse to change a row
        that was renewed since. One that has expired is as good as before, as long as nobody has taken it.

        Raises:
            Busy: another process has; the transaction must not be committed.
        """
        # `confirmed` makes it a change in any case: servers of a cluster do not tell each other of an
        # UPDATE that changes nothing
        values = {"expires_at": _expiry(connection), "confirmed": leases.c.confirmed + 1}
        mine = (leases.c.name == self.name) & (leases.c.fence == self.fence)
        if not connection.execute(update(leases).where(mine).values(values)).rowcount:
            raise Busy(_LOST)


@contextmanager
def leased(engine: Engine, name: str, wait: float | None = 0) -> Iterator[Lease | None]:
    """Hold the lease `name`, which a thread renews, until the block ends; yield None if another holds it.

    Args:
        engine: the database.
        name: at most 64 characters.
        wait: the seconds to wait for it. None: until it is known whether its holder still lives, which
            renews it then within 3 seconds, or lets it expire.

    Raises:
        DatabaseUnavailable: the database cannot be reached or written, or has no such table yet.
    """
    lease = _await(engine, name, wait)
    if lease is None:
        yield None
        return
    ended = Event()
    renewing = Thread(target=_renew, args=(engine, lease, ended), name=f"lease of {name}", daemon=True)
    renewing.start()
    try:
        yield lease
    finally:
        ended.set()
        renewing.join()
        with suppress(HiringError, SQLAlchemyError):  # it expires
            transaction(engine, partial(_give_back, lease=lease))


def _await(engine: Engine, name: str, wait: float | None) -> Lease | None:
    deadline = time.monotonic() + (SECONDS + _RENEWED_EVERY if wait is None else wait)
    found = first = _find(engine, name)
    while True:
        if found is None or not found.held:
            lease = _take(engine, name, found)
            if lease is not None:
                return lease
        elif wait is None and found.times != (first or found).times:
            return None
        if time.monotonic() >= deadline:
            return None
        time.sleep(_ASKED_EVERY)
        found = _find(engine, name)
        first = first or found


@dataclass(frozen=True, slots=True)
class _Found:
    """The row of a lease. `times` tells how often it was taken and renewed."""

    owner: str
    fence: int
    expires_at: datetime | None
    times: tuple[int, int]
    held: bool


def _find(engine: Engine, name: str) -> _Found | None:
    query = select(leases, func.now().label("now")).where(leases.c.name == name)
    with snapshot(engine) as connection:
        row = connection.execute(query).one_or_none()
    if row is None:
        return None
    held = row.expires_at is not None and row.expires_at > row.now
    return _Found(row.owner, row.fence, row.expires_at, (row.fence, row.confirmed), held)


def _take(engine: Engine, name: str, found: _Found | None) -> Lease | None:
    """Take a lease that nobody held when it was `found`; None if another was faster."""
    try:
        return transaction(engine, partial(_write, name=name, found=found))
    except IntegrityError:
        return None
    except CommitUnsure:  # the row tells; no mark can, as there may be no other table yet
        now = _find(engine, name)
        taken = now is not None and now.owner == _me() and now.fence == _next(found)
        return Lease(name, _next(found)) if taken else None
    except Retry:
        if dialect_of(engine).has_server:
            raise
        return None  # a file has one writer: the holder's own long transaction


def _me() -> str:
    """This thread of this process of this machine."""
    return f"{socket.gethostname()[:200]} {os.getpid()}-{get_native_id()}"


def _next(found: _Found | None) -> int:
    return 1 if found is None else found.fence + 1


def _write(connection: Connection, name: str, found: _Found | None) -> Lease | None:
    fence = _next(found)
    try:
        with translated(connection.engine):
            row = select(leases.c.fence).where(leases.c.name == name)
            connection.execute(row.with_for_update(nowait=True))
    except Retry:
        return None  # the holder's own long transaction, which keeps it from renewing
    values: dict[str, Any] = {
        "owner": _me(),
        "fence": fence,
        "confirmed": 0,
        "expires_at": _expiry(connection),
    }
    if found is None:
        connection.execute(insert(leases), {"name": name, **values})
        return Lease(name, fence)
    # Neither taken since, nor renewed: whoever renewed it lives
    same = (
        (leases.c.name == name)
        & (leases.c.fence == found.fence)
        & leases.c.expires_at.is_not_distinct_from(found.expires_at)
    )
    taken = connection.execute(update(leases).where(same).values(values)).rowcount
    return Lease(name, fence) if taken else None


def _expiry(connection: Connection) -> datetime:
    now: datetime = connection.execute(select(func.now())).scalar_one()
    return now + timedelta(seconds=SECONDS)


def _renew(engine: Engine, lease: Lease, ended: Event) -> None:
    while not ended.wait(_RENEWED_EVERY):
        try:
            with translated(engine), engine.begin() as connection:
                lease.confirm(connection)
        except Busy:
            return  # the work is told when it confirms
        except (HiringError, SQLAlchemyError) as error:
            log.debug("the lease %s was not renewed: %r", lease.name, error)


def _give_back(connection: Connection, lease: Lease) -> None:
    mine = (leases.c.name == lease.name) & (leases.c.fence == lease.fence)
    connection.execute(update(leases).where(mine).values(expires_at=None))
