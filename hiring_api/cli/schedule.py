"""`python -m hiring_api schedule`: keeps backups on a schedule until SIGTERM or Ctrl-C ends it."""

from __future__ import annotations

import logging
import signal
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy.exc import SQLAlchemyError

from hiring_api.backup.file_store import open_store
from hiring_api.backup.retention import Retention
from hiring_api.backup.schedule import Plan, Schedule, next_due, run_round
from hiring_api.errors import Busy, HiringError
from hiring_api.log_lines import log_to_stderr
from hiring_api.settings import SettingsError, read_settings
from hiring_api.system.output import show
from hiring_api.system.sentences import sentence
from hiring_api.system.systemd import READY, STOPPING, notify

from .commands import line, opened_engine, retention_of

if TYPE_CHECKING:
    import argparse

    from hiring_api.backup.file_store import Store
    from hiring_api.settings import Settings

log = logging.getLogger(__name__)

_EVERY: Final = timedelta(hours=24)
_FIRST_PAUSE, _LONGEST_PAUSE = 5, 300  # seconds before another try; each failure doubles them
_BUSY_PAUSE: Final = 10  # seconds until the other schedule's work is looked at again
# Backups may be deleted and clocks be set, so that the next one is due earlier
_LOOKED_EVERY: Final = 3600  # seconds
_TICK: Final = 0.5  # seconds until a signal is noticed


def schedule(options: argparse.Namespace) -> None:
    """Keep backups until a signal ends it, or one with `--once`.

    What cannot be reached is tried again, for ever. Wrong settings and addresses end it at once.
    """
    settings = read_settings()
    plan = _plan(options, settings)
    store = open_store(options.to or settings.backup_dir)
    if options.once:
        with opened_engine() as engine:
            kept = run_round(engine, store, plan, always=True, stopped=lambda: False)
        if kept:
            show([line(kept)], [kept.to_json()], as_json=options.json)
        return
    log_to_stderr(settings.log_level)
    stop = _Stop()
    notify(READY)
    _keep_to(plan, store, stop)
    notify(STOPPING)
    log.info("stopped")


def _plan(options: argparse.Namespace, settings: Settings) -> Plan:
    """What the options ask for, or else the settings."""
    every, at = options.every, options.at
    if every is None and at is None:
        every, at = settings.backup_every, settings.backup_at
    most, days = retention_of(settings)
    keep = Retention(options.keep or most, options.keep_days or days)
    return Plan(Schedule(every or _EVERY, at), options.level, keep)


class _Stop:
    """Notes SIGTERM and Ctrl-C, instead of ending what is under way. A second Ctrl-C ends it."""

    def __init__(self) -> None:
        self.asked = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._note)

    def _note(self, _number: int, _frame: Any) -> None:
        self.asked = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def wait(self, until: datetime) -> None:
        """Wait until then by the clock, at most `_LOOKED_EVERY` seconds, or until a signal comes."""
        begun = time.monotonic()
        while not self.asked and datetime.now(UTC) < until and time.monotonic() < begun + _LOOKED_EVERY:
            time.sleep(_TICK)


def _keep_to(plan: Plan, store: Store, stop: _Stop) -> None:
    """Work by the plan until `stop` is asked for."""
    pause, told = _FIRST_PAUSE, None
    while not stop.asked:
        try:
            due = _up_to_date(plan, store, stop)
        except Busy as error:
            log.info("%s", error.message)
            stop.wait(_in(_BUSY_PAUSE))
        except (HiringError, SettingsError, OSError, SQLAlchemyError) as error:
            what = str(error) if isinstance(error, SettingsError) else sentence(error)
            log.error("%s; looking again in %d s", what, pause)  # noqa: TRY400
            stop.wait(_in(pause))
            pause = min(2 * pause, _LONGEST_PAUSE)
        else:
            pause = _FIRST_PAUSE
            if due != told and not stop.asked:
                log.info("the next backup is due at %s", f"{due:%Y-%m-%dT%H:%M:%SZ}")
                notify(f"STATUS=The next backup is due at {due:%Y-%m-%dT%H:%M:%SZ}")
            told = due
            stop.wait(due)


def _up_to_date(plan: Plan, store: Store, stop: _Stop) -> datetime:
    """Do what is due; return when there is more to do.

    The settings are read anew each time, because the password of the database may be in a file that changes.
    """
    with opened_engine() as engine:
        while True:
            due = next_due(engine, store, plan.schedule)
            if due is not None and due > datetime.now(UTC):
                return due
            run_round(engine, store, plan, always=False, stopped=lambda: stop.asked)
            if stop.asked:
                return datetime.now(UTC)


def _in(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)
