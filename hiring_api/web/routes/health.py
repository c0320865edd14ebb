"""`/health/live`, `/ready` and `/metrics`: for whoever watches the service; open, and saying little."""

from __future__ import annotations

import logging
from typing import Any

from flask import jsonify

from hiring_api.database import schema
from hiring_api.database.dialects.failures import NO_SCHEMA
from hiring_api.database.transactions import require_writable, snapshot
from hiring_api.errors import DatabaseUnavailable
from hiring_api.users.roles import READER
from hiring_api.web.http import prometheus, sources
from hiring_api.web.http.extensions import engine
from hiring_api.web.http.gauges import Stored
from hiring_api.web.http.problems import unavailable
from hiring_api.web.http.routing import Routes
from hiring_api.web.media_types import TEXT
from hiring_api.web.schemas.health import HealthSchema, ReadyQuery, ReadySchema

routes = Routes("health", __name__, url_prefix="/health", description="Is it alive, is it ready")


log = logging.getLogger(__name__)


@routes.route("/live")
@routes.query()
@routes.response(200, HealthSchema)
@routes.doc(security=[])
def live() -> Any:
    """Tell that the process answers.

    Neither the database nor the backup folder is asked: restarting the process would not bring them back.
    """
    return jsonify(status="ok")


_FIGURES = "# HELP hiring_…"


@routes.route("/metrics")
@routes.query(forms=(TEXT,))
@routes.response(200, {"type": "string"}, content_type=TEXT, example=_FIGURES)
@routes.doc(security=[])
def metrics() -> Any:
    """Give figures to Prometheus: requests, rows, refused rows, the last backup.

    Requests and rows are counted by all processes of the API together. Refused rows and backups are read from
    the database and the backup folder, so those of the migration job and the command line count as well;
    without these two the other figures are given alone.
    """
    return prometheus.exposition(Stored())


@routes.route("/ready")
@routes.needs(READER, with_query=True)
@routes.query(ReadyQuery)
@routes.response(200, ReadySchema)
@routes.doc(security=[{}, {"basic": []}])
def ready(*, deep: bool) -> Any:
    """Tell whether requests can be served.

    The database must be reached, take writes, and have the schema that this program needs; else it is a 503,
    whose detail says what is missing.

    `deep=true`, for which credentials are needed, also looks at the place of the backups, which must be there
    as well, and at the migration's CSV source, which need not. Both are listed: how many files there are, and
    the first ten, of backups the newest. A place that gives no answer within 5 seconds counts as away.
    """
    with snapshot(engine()) as connection:
        if not schema.is_current(connection):
            raise DatabaseUnavailable(NO_SCHEMA)
    require_writable(engine())
    if not deep:
        return jsonify(status="ok")
    found = sources.look()
    seen = {name: source.to_json() for name, source in found.items()}
    if problem := found["backups"].problem:
        log.error("not ready: backups: %s", problem)
        return unavailable(f"backups: {problem}", **seen)
    return jsonify(status="ok", **seen)
