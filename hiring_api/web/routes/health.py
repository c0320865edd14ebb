"""`/health/live`, `/ready` and `/metrics`: for whoever watches the service; open, and saying little."""

from __future__ import annotations

from typing import Any

import marshmallow
from flask import jsonify
from marshmallow import fields

from hiring_api.database import schema
from hiring_api.database.dialects.failures import NO_SCHEMA
from hiring_api.database.transactions import require_writable, snapshot
from hiring_api.errors import DatabaseUnavailable
from hiring_api.web.http import prometheus
from hiring_api.web.http.extensions import Routes, engine
from hiring_api.web.http.gauges import Stored
from hiring_api.web.media_types import TEXT

routes = Routes("health", __name__, url_prefix="/health", description="Is it alive, is it ready")


class HealthSchema(marshmallow.Schema):
    """The state of the service."""

    status = fields.String(required=True, metadata={"example": "ok"})


@routes.route("/live")
@routes.query()
@routes.response(200, HealthSchema)
@routes.doc(security=[])
def live() -> Any:
    """The process answers."""
    return jsonify(status="ok")


@routes.route("/metrics")
@routes.query(forms=(TEXT,))
@routes.response(200, {"type": "string"}, content_type=TEXT)
@routes.doc(security=[])
def metrics() -> Any:
    """Counts and times of requests and rows, refused rows, and the last backup, for Prometheus."""
    return prometheus.exposition(Stored())


@routes.route("/ready")
@routes.query()
@routes.response(200, HealthSchema)
@routes.doc(security=[])
def ready() -> Any:
    """The database can be reached and written, and has the schema that this program needs; else 503."""
    with snapshot(engine()) as connection:
        if not schema.is_current(connection):
            raise DatabaseUnavailable(NO_SCHEMA)
    require_writable(engine())
    return jsonify(status="ok")
