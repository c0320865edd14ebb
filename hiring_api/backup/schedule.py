"""Backups on a schedule: when one is due, and the round that keeps, verifies and prunes.

When the next one is due follows from the backups that are there. So nothing else is remembered: a backup that
was missed while no schedule ran is made up for, and one that somebody else kept meanwhile counts.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from hiring_api.database.identity import database_of, is_other
from hiring_api.database.lease import leased
from hiring_api.errors import Busy, NotFound
from hiring_api.model.tables import tables

from . import catalogue, retention
from .verify import verify_kept

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Engine

    from hiring_api.database.identity import Database

    from .catalogue import KeptBackup
    from .file_store import Store
    from .retention import Retention
    from .verify import Level

log = logging.getLogger(__name__)

_ANOTHER: Final = "another process is keeping a backup by its schedule: try again when it has finished"
_DAY: Final = timedelta(days=1)


class Schedule(NamedTuple):
    """When backups are kept: each `every` after the one before, or daily `at` a time of day in UTC."""

    every: timedelta
    at: time | None = None

    def after(self, last: datetime) -> datetime:
        """When the backup after the one of `last` is due."""
        if self.at is None:
            return last + self.every
        same_day = datetime.combine(last.date(), self.at, UTC)
        return same_day if same_day > last else same_day + _DAY


class Plan(NamedTuple):
    """What a round does: the level of its verification, and how many backups it leaves."""

    schedule: Schedule
    level: Level
    retention: Retention


def next_due(engine: Engine, store: Store, schedule: Schedule) -> datetime | None:
    """When the next backup is due; None for now, as there is none yet, or the newest is not yet verified.

    Raises:
        DatabaseUnavailable: the database cannot be reached.
        StorageUnavailable: the store cannot be reached.
    """
    newest = _newest(store, database_of(engine))
    if newest is None or newest.verified is None:
        return None
    return schedule.after(_time(newest))


def _newest(store: Store, here: Database) -> KeptBackup | None:
    """The newest backup of all tables that was asked for, by a schedule or by somebody.

    One from the future tells of a clock that was wrong, and would keep all others from being made.
    """
    now = f"{datetime.now(UTC) + timedelta(minutes=1):%Y-%m-%dT%H:%M:%SZ}"
    every_table = {table.name for table in tables()}
    for name in catalogue.kept_names(store):
        try:
            kept = catalogue.find(store, name)
        except NotFound:  # deleted meanwhile, or not an entry of ours
            continue
        if (
            kept.reason == catalogue.REQUESTED
            and kept.rows.keys() == every_table
            and kept.time <= now
            and not is_other(here, kept.database)
        ):
            return kept
    return None


def run_round(
    engine: Engine, store: Store, plan: Plan, *, always: bool, stopped: Callable[[], bool]
) -> KeptBackup | None:
    """Keep a backup if one is due, verify the newest, prune older ones; one process at a time does so.

    A backup that turns out to be damaged is marked as such, and nothing is pruned.

    Args:
        engine: the database.
        store: where backups are kept.
        plan: what to do.
        always: keep one even if none is due.
        stopped: is asked between the steps; if it says True, the rest is left to the next round.

    Returns:
        The backup that was kept or verified; None if there was nothing to do.

    Raises:
        Busy: another process does it right now.
        InvalidFile, InvalidRows, Conflict: the backup is damaged.
        HiringError: as `retention.keep`, `verify` and `retention.prune_old` raise.
    """
    with leased(engine, "scheduled backup") as lease:
        if lease is None:
            raise Busy(_ANOTHER)
        newest = _newest(store, database_of(engine))
        due = always or newest is None or plan.schedule.after(_time(newest)) <= datetime.now(UTC)
        if due or newest is None:
            newest = retention.keep(engine, store)
            log.info("kept the backup %s: %d rows", newest.name, sum(newest.rows.values()))
        elif newest.verified:
            return None
        if stopped():
            return newest
        newest = _verified(engine, store, newest, plan.level)
        if not stopped():
            retention.prune_old(engine, store, plan.retention)
    return newest


def _time(kept: KeptBackup) -> datetime:
    return datetime.fromisoformat(kept.time)


def _verified(engine: Engine, store: Store, kept: KeptBackup, level: Level) -> KeptBackup:
    """As `verify_kept`; an error names the backup."""
    try:
        noted = verify_kept(engine, store, kept, level)
    except catalogue.DAMAGED as error:
        raise type(error)(f"{kept.name}: {error.message}", **error.details) from error
    log.info("verified the backup %s by %s: it is right", kept.name, level)
    return noted
