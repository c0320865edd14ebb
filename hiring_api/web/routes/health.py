"""`/health/live`, `/ready` and `/metrics`: for whoever watches the service; open, and saying little."""

from __future__ import annotations

from typing import Any

import marshmallow
from flask import jsonify

from hiring_api.database import schema
from hiring_api.database.dialects.failures import NO_SCHEMA
from hiring_api.database.transactions import require_writable, snapshot
from hiring_api.errors import DatabaseUnavailable
from hiring_api.web.http import prometheus
from hiring_api.web.http.extensions import engine
from hiring_api.web.http.gauges import Stored
from hiring_api.web.http.routing import Routes
from hiring_api.web.media_types import TEXT
from hiring_api.web.schemas.answers import text

routes = Routes("health", __name__, url_prefix="/health", description="Is it alive, is it ready")


class HealthSchema(marshmallow.Schema):
    """The state of the service."""

    status = text("Always `ok`: else the answer is a problem", "ok")


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
@routes.query()
@routes.response(200, HealthSchema)
@routes.doc(security=[])
def ready() -> Any:
    """Tell whether requests can be served.

    The database must be reached, take writes, and have the schema that this program needs; else it is a 503,
    whose detail says what is missing.
    """
    with snapshot(engine()) as connection:
        if not schema.is_current(connection):
            raise DatabaseUnavailable(NO_SCHEMA)
    require_writable(engine())
    return jsonify(status="ok")
