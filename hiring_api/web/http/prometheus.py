"""Counters for Prometheus at `/health/metrics`: requests, their times, and rows by outcome.

gunicorn's workers count in files of one folder (PROMETHEUS_MULTIPROC_DIR, which `gunicorn_config` sets);
without that folder the process counts for itself.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from flask import Response, g, request
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector
from sqlalchemy import event

from hiring_api.database import events

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Flask
    from prometheus_client.registry import Collector
    from sqlalchemy import Engine

_REQUESTS = Counter("hiring_http_requests", "Requests answered", ["method", "route", "status"])
_SECONDS = Histogram("hiring_http_request_seconds", "Time to the answer's first byte", ["route"])
_ROWS = Counter("hiring_rows", "Rows that came over HTTP, by what came of them", ["table", "status"])
_IN_USE = Gauge(
    "hiring_database_connections_in_use", "Connections that the API is using", multiprocess_mode="livesum"
)
_EVENTS = {
    "retry": Counter("hiring_transaction_retries", "Transactions run again, after a deadlock for example"),
    "failover": Counter(
        "hiring_database_failovers", "Connections left because their server cannot write any more"
    ),
}
_METHODS = {"GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS"}


def register(app: Flask, engine: Engine) -> None:
    """Count the requests of `app`, and its connections to the database."""
    count_connections(engine)
    app.before_request(_start)
    app.after_request(_count)


def count_connections(engine: Engine) -> None:
    """Count the connections of `engine` that are in use."""
    event.listen(engine, "checkout", _connection_taken)
    event.listen(engine, "checkin", _connection_given_back)


def count_rows(table: str, counts: Mapping[str, int]) -> None:
    """Count the rows of a batch, an upload, a restore or a single change, also for the log; no dry run.

    Args:
        table: its name in URLs.
        counts: how many rows have each status: inserted, updated, unchanged, skipped, failed, rolled_back,
            deleted.
    """
    request.environ["hiring.rows"] = request.environ.get("hiring.rows", 0) + sum(counts.values())
    for status, rows in counts.items():
        if rows:
            _ROWS.labels(table, status).inc(rows)


def _connection_taken(*_connection: object) -> None:
    _IN_USE.inc()


def _connection_given_back(*_connection: object) -> None:
    _IN_USE.dec()


def _count_event(what: events.Event) -> None:
    _EVENTS[what].inc()


events.listeners.append(_count_event)


def exposition(stored: Collector) -> Response:
    """Return the counts of all workers and the figures of `stored`, in Prometheus' text format."""
    registry = REGISTRY
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    others = CollectorRegistry()
    others.register(stored)
    text = generate_latest(registry) + generate_latest(others)
    return Response(text, content_type=CONTENT_TYPE_LATEST)


def _start() -> None:
    g.started = time.perf_counter()


def _count(response: Response) -> Response:
    # The rule, not the path, and known methods only: labels must not grow with what clients make up
    route = request.url_rule.rule if request.url_rule else "none"
    method = request.method if request.method in _METHODS else "other"
    _REQUESTS.labels(method, route, response.status_code).inc()
    if "started" in g:
        _SECONDS.labels(route).observe(time.perf_counter() - g.started)
    return response
