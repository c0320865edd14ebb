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
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Flask
    from prometheus_client.registry import Collector

_REQUESTS = Counter("hiring_http_requests", "Requests answered", ["method", "route", "status"])
_SECONDS = Histogram("hiring_http_request_seconds", "Time to the answer's first byte", ["route"])
_ROWS = Counter("hiring_rows", "Rows that came over HTTP, by what came of them", ["table", "status"])
_METHODS = {"GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS"}


def register(app: Flask) -> None:
    """Count the requests of `app`."""
    app.before_request(_start)
    app.after_request(_count)


def count_rows(table: str, counts: Mapping[str, int]) -> None:
    """Count the rows of a batch, an upload, a restore or a single change that was no dry run.

    Args:
        table: its name in URLs.
        counts: how many rows have each status: inserted, updated, unchanged, skipped, failed, rolled_back,
            deleted.
    """
    for status, rows in counts.items():
        if rows:
            _ROWS.labels(table, status).inc(rows)


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
