"""Figures for Prometheus that each scrape reads from the database and the backup folder.

So they include what the migration job and the command line did, and survive a restart of the API.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from hiring_api.backup import catalogue
from hiring_api.backup.file_store import open_store
from hiring_api.database.transactions import snapshot
from hiring_api.errors import HiringError, NotFound
from hiring_api.model.tables import resource
from hiring_api.rejects.listing import reject_figures

from .backup_folder import store
from .bodies import settings
from .extensions import engine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_REMEMBERED = 10_000  # backups

log = logging.getLogger(__name__)


class Stored(Collector):
    """Figures of the database and of the backup folder; none of one that cannot be reached."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the figures."""
        yield from _readable(_rejects)
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
    with snapshot(engine()) as connection:
        found = reject_figures(connection)
    for figures in found:
        name = resource(figures.table)
        count.add_metric([name, "false"], figures.unresolved)
        count.add_metric([name, "true"], figures.resolved)
        if figures.last is not None:
            last.add_metric([name], figures.last.replace(tzinfo=UTC).timestamp())
    yield from (count, last)


def _backups() -> Iterator[GaugeMetricFamily]:
    last = GaugeMetricFamily(
        "hiring_last_backup_timestamp_seconds", "When a backup was last kept", labels=["reason"]
    )
    newest: dict[str, float] = {}
    for name in catalogue.kept_names(store()):
        try:
            reason, time = _reason_and_time(settings().backup_dir, name)
        except NotFound:  # deleted meanwhile, or not an entry of ours
            continue
        newest.setdefault(reason, time)
        if len(newest) == len(catalogue.REASONS):  # the names come newest first: older ones change nothing
            break
    for reason, time in newest.items():
        last.add_metric([reason], time)
    yield last


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
