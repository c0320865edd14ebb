"""What Prometheus scrapes at `/health/metrics`: requests, their times, and rows by outcome.

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

from hiring_api.data.tables import resource

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flask import Flask

    from hiring_api.data.batches import Report

_REQUESTS = Counter("hiring_http_requests", "Requests answered", ["method", "route", "status"])
_SECONDS = Histogram("hiring_http_request_seconds", "Time to the answer's first byte", ["route"])
_ROWS = Counter("hiring_rows", "Rows of batches by what came of them", ["table", "status"])
_METHODS = {"GET", "HEAD", "POST", "DELETE", "OPTIONS"}


def register(app: Flask) -> None:
    """Counts the requests of `app`."""
    app.before_request(_start)
    app.after_request(_count)


def count_rows(reports: Iterable[Report]) -> None:
    """Counts what came of the rows of a batch."""
    for report in reports:
        for status, rows in report.counts().items():
            _ROWS.labels(resource(report.table), status).inc(rows)


def exposition() -> Response:
    """All counts of all workers, as Prometheus text."""
    registry = REGISTRY
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


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
