"""Figures for Prometheus that each scrape reads from the database and the backup folder.

So they include what the migration job and the command line did, and survive a restart of the API.
"""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from flask import current_app
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from hiring_api.backup import catalogue
from hiring_api.backup.file_store import open_store
from hiring_api.database.transactions import snapshot
from hiring_api.errors import HiringError, NotFound
from hiring_api.loading.progress import last_loads, newest_begun
from hiring_api.model.tables import resource, tables
from hiring_api.rejects.listing import Figures, reject_figures

from .backup_folder import store
from .bodies import settings
from .extensions import engine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_REMEMBERED = 10_000  # backups
_MANY_REJECTS = 100_000
_RECOUNTED = 30  # seconds
_OF_LOADS = ("read", "inserted", "updated", "unchanged", "rejected", "repaired")

log = logging.getLogger(__name__)


class Stored(Collector):
    """Figures of the database and of the backup folder; none of one that cannot be reached."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the figures."""
        yield from _readable(_rejects)
        yield from _readable(_loads)
        yield from _readable(_backups)


def _readable(read: Callable[[], Iterable[GaugeMetricFamily]]) -> list[GaugeMetricFamily]:
    try:
        return list(read())
    except HiringError as error:
        log.warning("no figures for /health/metrics: %s", error.message)
        return []


def _rejects() -> Iterator[GaugeMetricFamily]:
    count = GaugeMetricFamily("hiring_rejects", "Refused rows on record", labels=["table", "resolved"])
    last = GaugeMetricFamily(
        "hiring_last_reject_timestamp_seconds", "When a row was last refused", labels=["table"]
    )
    for figures in _reject_figures():
        name = resource(figures.table)
        count.add_metric([name, "false"], figures.unresolved)
        count.add_metric([name, "true"], figures.resolved)
        if figures.last is not None:
            last.add_metric([name], figures.last.replace(tzinfo=UTC).timestamp())
    yield from (count, last)


def _reject_figures() -> list[Figures]:
    """The figures of rejects; many are counted twice a minute at most, as a million take half a second."""
    known: tuple[float, list[Figures]] = current_app.extensions.get("reject_figures", (0.0, []))
    if time.monotonic() < known[0]:
        return known[1]
    with snapshot(engine()) as connection:
        found = reject_figures(connection)
    if sum(figures.unresolved + figures.resolved for figures in found) >= _MANY_REJECTS:
        current_app.extensions["reject_figures"] = (time.monotonic() + _RECOUNTED, found)
    return found


def _loads() -> Iterator[GaugeMetricFamily]:
    begun = GaugeMetricFamily(
        "hiring_last_load_timestamp_seconds", "When the migration job last began to load", labels=["table"]
    )
    complete = GaugeMetricFamily(
        "hiring_last_load_complete",
        "1 if that load has ended, 0 if not: under way or killed",
        labels=["table"],
    )
    seconds = GaugeMetricFamily(
        "hiring_last_load_seconds", "How long the last load took that ended", labels=["table"]
    )
    rows = GaugeMetricFamily(
        "hiring_last_load_rows", "Rows of the last load that ended", labels=["table", "status"]
    )
    with snapshot(engine()) as connection:
        newest, ended = newest_begun(connection), last_loads(connection)
    for table in tables():
        name = resource(table)
        if table.name in newest:
            begun_at, has_ended = newest[table.name]
            begun.add_metric([name], begun_at.replace(tzinfo=UTC).timestamp())
            complete.add_metric([name], has_ended)
        if load := ended.get(table.name):
            seconds.add_metric([name], (load.ended_at - load.begun_at).total_seconds())
            for status in _OF_LOADS:
                rows.add_metric([name, status], getattr(load.counts, status))
    yield from (begun, complete, seconds, rows)


def _backups() -> Iterator[GaugeMetricFamily]:
    last = GaugeMetricFamily(
        "hiring_last_backup_timestamp_seconds", "When a backup was last kept", labels=["reason"]
    )
    newest: dict[str, float] = {}
    names = catalogue.kept_names(store())
    for name in names:
        try:
            reason, kept_at = _reason_and_time(settings().backup_dir, name)
        except NotFound:  # deleted meanwhile, or not an entry of ours
            continue
        newest.setdefault(reason, kept_at)
        if len(newest) == len(catalogue.REASONS):  # the names come newest first: older ones change nothing
            break
    for reason, kept_at in newest.items():
        last.add_metric([reason], kept_at)
    yield last
    for name in names[:1]:
        try:
            yield from _newest(catalogue.find(store(), name))
        except NotFound:
            continue


def _newest(kept: catalogue.KeptBackup) -> Iterator[GaugeMetricFamily]:
    """The figures of the newest backup, whose entry is read each time: it notes verifications."""
    verified = kept.verified
    for name, what, value in (
        (
            "timestamp_seconds",
            "When the newest backup was kept",
            datetime.fromisoformat(kept.time).timestamp(),
        ),
        ("bytes", "Size of the newest backup", kept.bytes),
        ("verified", "1 if the newest backup was verified and is right", bool(verified and verified.ok)),
        ("damaged", "1 if the newest backup was verified and is damaged", bool(verified and not verified.ok)),
    ):
        yield GaugeMetricFamily(f"hiring_newest_backup_{name}", what, value=value)


@lru_cache(_REMEMBERED)
def _reason_and_time(backup_dir: str, name: str) -> tuple[str, float]:
    """Why and when (seconds since 1970) the backup `name` in the folder or bucket `backup_dir` was kept.

    Neither ever changes, so a process reads each entry once: in a bucket each is a request of its own, and
    Prometheus comes several times a minute.

    Raises:
        NotFound: there is no such backup; this is not remembered.
    """
    kept = catalogue.find(open_store(backup_dir), name)
    return kept.reason, datetime.fromisoformat(kept.time).timestamp()
