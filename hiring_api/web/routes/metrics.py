"""`GET /metrics/…`: the two questions of the stakeholders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hiring_api.database.transactions import snapshot
from hiring_api.queries import metrics
from hiring_api.web.http import charts
from hiring_api.web.http.extensions import Routes, engine, form
from hiring_api.web.http.representations import conditional, listing, table
from hiring_api.web.media_types import CSV, JSON, SVG
from hiring_api.web.schemas.metrics import AboveMeanSchema, QuartersSchema, list_of
from hiring_api.web.schemas.operations import TEXT, UNCHANGED
from hiring_api.web.schemas.parameters import YearQuery

if TYPE_CHECKING:
    from collections.abc import Callable

    import marshmallow
    from flask import Response
    from sqlalchemy import Connection

    Metric = Callable[[Connection, int], list[dict[str, Any]]]
    Picture = Callable[[list[dict[str, Any]], int], Response]

routes = Routes("metrics", __name__, url_prefix="/metrics", description="What the stakeholders ask for")


@routes.route("/hired-by-quarter")
@routes.query(YearQuery, (JSON, CSV, SVG))
@routes.response(200, list_of(QuartersSchema, "HiredByQuarterPage"))
@routes.alt_response(200, schema=TEXT, content_type=CSV)
@routes.alt_response(200, schema=TEXT, content_type=SVG)
@routes.alt_response(304, description=UNCHANGED)
@routes.doc(operationId="hired_by_quarter")
def hired_by_quarter(year: int) -> Response:
    """Hires of a year for each department and job, by quarter; by department, then job.

    JSON, CSV with `Accept: text/csv`, or a picture with `Accept: image/svg+xml`. Names sort
    case-insensitively.
    """
    return _answer(metrics.hired_by_quarter, year, QuartersSchema, charts.by_quarter)


@routes.route("/above-mean")
@routes.query(YearQuery, (JSON, CSV, SVG))
@routes.response(200, list_of(AboveMeanSchema, "AboveMeanPage"))
@routes.alt_response(200, schema=TEXT, content_type=CSV)
@routes.alt_response(200, schema=TEXT, content_type=SVG)
@routes.alt_response(304, description=UNCHANGED)
@routes.doc(operationId="above_mean")
def above_mean(year: int) -> Response:
    """The departments that hired more in a year than the mean over all departments, most first.

    JSON, CSV with `Accept: text/csv`, or a picture with `Accept: image/svg+xml`. Departments without hires
    count for the mean.
    """
    return _answer(metrics.above_mean, year, AboveMeanSchema, charts.above_mean)


def _answer(metric: Metric, year: int, row: type[marshmallow.Schema], picture: Picture) -> Response:
    with snapshot(engine()) as connection:
        rows = metric(connection, year)
    if form() == CSV:
        return table(list(row().fields), rows, CSV)
    return conditional(picture(rows, year)) if form() == SVG else listing(rows)
