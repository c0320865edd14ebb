"""`POST /departments`, `/jobs`, `/employees` and `/batch`: rows in, an outcome for each."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from flask import jsonify, request

from hiring_api.batches.insert import take
from hiring_api.batches.report import BatchReport, Options, Returned, answer
from hiring_api.model.tables import resource
from hiring_api.rejects.record import Origin
from hiring_api.users.roles import WRITER
from hiring_api.web.http.auth import caller
from hiring_api.web.http.batch_body import batch_of, batches_of
from hiring_api.web.http.bodies import read_body
from hiring_api.web.http.extensions import engine
from hiring_api.web.http.idempotency import exactly_once
from hiring_api.web.http.prometheus import count_rows
from hiring_api.web.http.request_ids import request_id
from hiring_api.web.http.routing import Routes
from hiring_api.web.schemas.batch import (
    ANSWER_HEADERS,
    PREFER_HEADER,
    BatchQuery,
    BatchSchema,
    batches_schema,
    body_of,
    body_of_all,
    examples_of,
    examples_of_all,
    key_header,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import marshmallow
    from flask import Response
    from sqlalchemy import Connection, Table

    from hiring_api.batches.report import Batch
    from hiring_api.web.http.idempotency import Keeper

_TAKEN = ("inserted", "updated", "skipped")


def routes(table: Table) -> Routes:
    """The route that takes rows of `table`."""
    name = resource(table)
    blueprint = Routes(name, __name__, description=f"Rows of {table.name}")

    @blueprint.route(f"/{name}", methods=["POST"])
    @blueprint.needs(WRITER)
    @blueprint.query(BatchQuery)
    @_answers(blueprint, BatchSchema, partial(examples_of, table))
    @blueprint.doc(
        requestBody=body_of(table),
        parameters=[key_header(name), PREFER_HEADER],
        summary=f"Take 1 to 1000 {name}",
        description=_DESCRIPTION,
        operationId=f"post_{name}",
    )
    def post(**parameters: Any) -> Response:
        def render(reports: list[BatchReport], returned: Returned) -> dict[str, Any]:
            return answer(reports[0], returned)

        return _respond(lambda body: [batch_of(table, body)], render, parameters)

    _ = post
    return blueprint


_STATUSES = {
    201: "Every row was taken",
    200: "What a dry run found",
    207: "Some rows failed; the others were taken",
    422: "No row was taken; or, as a problem, the request is wrong as a whole",
}


def _answers(
    blueprint: Routes, schema: type[marshmallow.Schema], examples: Callable[[int], dict[str, Any]]
) -> Any:
    """Decorate a batch route with the answers that it documents; `examples` are those of a status."""

    def decorate(view: Any) -> Any:
        for status, description in _STATUSES.items():
            found = {"schema": schema, "description": description, "headers": ANSWER_HEADERS}
            view = blueprint.alt_response(status, **found, examples=examples(status))(view)
        return view

    return decorate


_DESCRIPTION = (
    "An array of rows, or one row. Right rows go in; each of the others is answered with all its errors, "
    "logged and kept at `/rejects`."
)


def all_routes() -> Routes:
    """The route that takes rows of several tables."""
    blueprint = Routes("batch", __name__, description="Rows of several tables at once")

    @blueprint.route("/batch", methods=["POST"])
    @blueprint.needs(WRITER)
    @blueprint.query(BatchQuery)
    @_answers(blueprint, batches_schema(), examples_of_all)
    @blueprint.doc(
        requestBody=body_of_all(), parameters=[key_header("batch"), PREFER_HEADER], operationId="post_batch"
    )
    def post_all(**parameters: Any) -> Response:
        """Take 1 to 1000 rows of several tables in one transaction.

        Children may refer to parents of the same request.
        """

        def render(reports: list[BatchReport], returned: Returned) -> dict[str, Any]:
            return {resource(report.table): answer(report, returned) for report in reports}

        return _respond(batches_of, render, parameters)

    _ = post_all
    return blueprint


def _respond(
    read: Callable[[bytes], list[Batch]],
    render: Callable[[list[BatchReport], Returned], dict[str, Any]],
    parameters: dict[str, Any],
) -> Response:
    minimal = "return=minimal" in request.headers.get("Prefer", "").replace(" ", "").lower().split(",")
    returned: Returned = parameters.pop("returned", None) or ("summary" if minimal else "all")
    options = Options(**parameters)
    body = read_body()

    def respond(reports: list[BatchReport]) -> Response:
        response = jsonify(render(reports, returned))
        response.status_code = _status(reports, options)
        if minimal and returned == "summary":
            response.headers["Preference-Applied"] = "return=minimal"
        return response

    def handle(keeper: Keeper | None) -> Response:
        def finish(connection: Connection, reports: list[BatchReport]) -> None:
            if keeper is not None:
                keeper.keep(connection, respond(reports))

        begin = None if keeper is None else keeper.claim
        reports = take(engine(), read(body), options, _origin(), begin, finish)
        if not options.dry_run:
            for report in reports:
                count_rows(resource(report.table), report.counts())
        response = respond(reports)
        for report in reports:
            response.call_on_close(report.tell)
        return response

    return exactly_once(body, handle)


def _origin() -> Origin:
    return Origin(f"{request.method} {request.path}", request_id(), caller().name)


def _status(reports: list[BatchReport], options: Options) -> int:
    """201 when every row was taken, 207 when some failed, 422 when none was taken, 200 for a dry run."""
    if options.dry_run:
        return 200
    counts = [report.counts() for report in reports]
    if not any(count["failed"] for count in counts):
        return 201
    return 207 if any(count[status] for count in counts for status in _TAKEN) else 422
