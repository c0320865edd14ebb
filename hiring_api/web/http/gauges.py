"""Figures for Prometheus that are read when they are asked for: they tell of every way in, the migration
job's and the command line's included, and outlive the processes of the API.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from hiring_api.backup import catalogue
from hiring_api.database.transactions import snapshot
from hiring_api.errors import HiringError
from hiring_api.model.tables import resource
from hiring_api.rejects.listing import reject_figures

from .backup_folder import store
from .extensions import engine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

log = logging.getLogger(__name__)


class Stored(Collector):
    """What the database and the backup folder say; nothing of that which cannot be reached."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The figures."""
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
    newest: dict[str, str] = {}
    for kept in catalogue.listed(store()):
        newest.setdefault(kept.reason, kept.time)
    for reason, time in newest.items():
        last.add_metric([reason], datetime.fromisoformat(time).timestamp())
    yield last
