"""`GET /metrics/…`: the two questions of the stakeholders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hiring_api.database.transactions import snapshot
from hiring_api.queries import metrics
from hiring_api.queries.metrics import QUARTERS
from hiring_api.users.roles import READER
from hiring_api.web.http import charts
from hiring_api.web.http.reading import reading
from hiring_api.web.http.representations import conditional, listing, table
from hiring_api.web.http.routing import Routes, form
from hiring_api.web.media_types import CSV, JSON, SVG
from hiring_api.web.schemas.metrics import (
    PICTURE,
    AboveMeanSchema,
    MeanSchema,
    MetricQuery,
    QuartersQuery,
    QuartersSchema,
    QuarterTotalsSchema,
    csv_of,
    list_of,
)
from hiring_api.web.schemas.operations import PREFER, TEXT, UNCHANGED

if TYPE_CHECKING:
    from flask import Response

    from hiring_api.queries.metrics import Period

routes = Routes("metrics", __name__, url_prefix="/metrics", description="What the stakeholders ask for")


@routes.route("/hired-by-quarter")
@routes.needs(READER)
@routes.query(QuartersQuery, (JSON, CSV, SVG))
@routes.response(200, list_of(QuartersSchema, QuarterTotalsSchema, "HiredByQuarterPage"))
@routes.alt_response(200, schema=TEXT, content_type=CSV, example=csv_of(QuartersSchema))
@routes.alt_response(200, schema=TEXT, content_type=SVG, example=PICTURE)
@routes.alt_response(304, description=UNCHANGED)
@routes.doc(operationId="hired_by_quarter", parameters=[PREFER])
def hired_by_quarter(period: Period, department_id: int | None, *, ids: bool) -> Response:
    """Hires of a year for each department and job, by quarter; by department, then job.

    JSON, CSV with `Accept: text/csv`, or a picture with `Accept: image/svg+xml`. Names sort
    case-insensitively. Of a period of several years, `q1` has the hires of all their first quarters. With
    `department_id` the picture has a bar for each job of the department.
    """
    with snapshot(reading()) as connection:
        rows = metrics.hired_by_quarter(connection, period, department_id)
    if form() == SVG:
        return conditional(charts.by_quarter(rows, period, by_job=department_id is not None))
    pairs = ("department", "job")
    names = [name for pair in pairs for name in ([f"{pair}_id", pair] if ids else [pair])]
    names += QUARTERS
    if form() == CSV:
        return table(names, rows, CSV)
    items = [{name: row[name] for name in names} for row in rows]
    return listing(items, totals=metrics.totals(rows))


@routes.route("/above-mean")
@routes.needs(READER)
@routes.query(MetricQuery, (JSON, CSV, SVG))
@routes.response(200, list_of(AboveMeanSchema, MeanSchema, "AboveMeanPage"))
@routes.alt_response(200, schema=TEXT, content_type=CSV, example=csv_of(AboveMeanSchema))
@routes.alt_response(200, schema=TEXT, content_type=SVG, example=PICTURE)
@routes.alt_response(304, description=UNCHANGED)
@routes.doc(operationId="above_mean", parameters=[PREFER])
def above_mean(period: Period, department_id: int | None) -> Response:
    """The departments that hired more in a year than the mean over all departments, most first.

    JSON, CSV with `Accept: text/csv`, or a picture with `Accept: image/svg+xml`. Departments without hires
    count for the mean. `department_id` leaves one department of the list; the mean stays that over all.
    """
    with snapshot(reading()) as connection:
        found = metrics.above_mean(connection, period, department_id)
    if form() == SVG:
        return conditional(charts.above_mean(found, period, of_one=department_id is not None))
    if form() == CSV:
        return table(list(AboveMeanSchema().fields), found.rows, CSV)
    totals = {"mean": found.mean, "hired": found.hired, "departments": found.departments}
    return listing(found.rows, totals=totals)
