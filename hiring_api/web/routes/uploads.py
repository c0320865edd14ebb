"""`POST /upload/{resource}`: a CSV of any length, with the migration job's loader and report."""

from __future__ import annotations

from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

from flask import Response, jsonify

from hiring_api.csv_input.files import Choices, RawFile, inspect
from hiring_api.database.transactions import snapshot
from hiring_api.loading.at_once import load_at_once
from hiring_api.loading.dry_run import check
from hiring_api.loading.mislabelled import refuse_mislabelled
from hiring_api.loading.progress import NAMES, astuple
from hiring_api.loading.task import Limit, Loaded, Task
from hiring_api.model.tables import resource, tables
from hiring_api.rejects.record import Origin
from hiring_api.users.roles import WRITER
from hiring_api.web.http.auth import caller
from hiring_api.web.http.extensions import engine
from hiring_api.web.http.prometheus import count_rows
from hiring_api.web.http.request_ids import request_id
from hiring_api.web.http.routing import Routes
from hiring_api.web.http.uploaded_file import sent_file
from hiring_api.web.media_types import CSV
from hiring_api.web.schemas.operations import TEXT, file_body, problems
from hiring_api.web.schemas.upload import UploadQuery, UploadSchema, upload_examples, uploaded_examples

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Table

_TYPES = (CSV,)


def routes() -> Routes:
    """The routes that take a file for each table."""
    blueprint = Routes("upload", __name__, description="CSV files of any length")
    for table in tables():
        _add_upload(blueprint, table)
    return blueprint


def _add_upload(blueprint: Routes, table: Table) -> None:
    name = resource(table)

    @blueprint.route(f"/upload/{name}", methods=["POST"], endpoint=f"upload_{name}")
    @blueprint.needs(WRITER)
    @blueprint.query(UploadQuery)
    @_answers(blueprint, table)
    @problems(blueprint, 400, 413, 415, 507)
    @blueprint.doc(
        requestBody=file_body(_TYPES, {"schema": TEXT, "examples": upload_examples(table)}),
        operationId=f"upload_{name}",
        summary=f"Load a CSV of {name}",
    )
    def post(**parameters: Any) -> Response:
        """Load a CSV with or without a header.

        It is loaded and reported as by the migration job: right rows go in, in one transaction; each of the
        others is kept at `/rejects` with all its errors. With `max_rejects`, a file with more of them is not
        loaded at all.
        """
        with sent_file(_TYPES) as file:
            return _upload(table, file, **parameters)

    _ = post


_STATUSES = {
    201: "Every row was taken",
    200: "What a dry run found",
    207: "Some rows were refused, the others taken",
    422: "No row was taken",
}


def _answers(blueprint: Routes, table: Table) -> Any:
    """Decorate an upload with the answers that it documents."""

    def decorate(view: Any) -> Any:
        for status, description in _STATUSES.items():
            examples = uploaded_examples(table, status)
            found = {"schema": UploadSchema, "description": description, "examples": examples}
            view = blueprint.alt_response(status, **found)(view)
        return view

    return decorate


def _upload(
    table: Table, file: IO[bytes], *, dry_run: bool, on_conflict: Any, max_rejects: Limit | None = None
) -> Response:
    content = RawFile("the file", lambda: _again(file), compressed=False)
    origin = Origin(f"POST /upload/{resource(table)}", request_id(), caller().name)
    task = Task(
        table, inspect(content, table, Choices()), origin, on_conflict, max_rejects or Limit(), replaces=False
    )
    with snapshot(engine()) as connection:
        refuse_mislabelled(connection, table, task.file)
    loaded = check(engine(), task, _forget) if dry_run else load_at_once(engine(), task)
    report = _report(task, loaded, dry_run=dry_run)
    if not dry_run:
        taken = {status: report[status] for status in ("inserted", "updated", "unchanged")}
        count_rows(report["table"], {**taken, "failed": report["rejected"]})
    response = jsonify(report)
    response.status_code = _status(loaded, dry_run=dry_run)
    return response


@contextmanager
def _again(file: IO[bytes]) -> Iterator[IO[bytes]]:
    """The sent file from its beginning; it stays open, because it has no name to open it by."""
    file.seek(0)
    yield file


def _forget(_chunk: object, _refused: object) -> None:
    """A dry run leaves nothing behind."""


def _report(task: Task, loaded: Loaded, *, dry_run: bool) -> dict[str, Any]:
    counts = dict(zip(NAMES, astuple(loaded.counts), strict=True))
    if not loaded.kept and not dry_run:
        counts |= {"inserted": 0, "updated": 0, "unchanged": 0}
    return {
        "table": resource(task.table),
        "run": task.origin.run,
        "dry_run": dry_run,
        "kept": loaded.kept,
        **counts,
        "rejects": [
            {
                "line": reject.line,
                "record": reject.record,
                "row": reject.raw,
                "errors": [error.to_json() for error in reject.errors],
            }
            for reject in loaded.rejects
        ],
        "all_rejects": f"/rejects?run={task.origin.run}" if loaded.rejects and not dry_run else None,
    }


def _status(loaded: Loaded, *, dry_run: bool) -> int:
    """Return the HTTP status: 201 if all rows were accepted, 207 if some were refused, 422 if all were."""
    counts = loaded.counts
    if dry_run:
        return 200
    if not loaded.kept or (counts.rejected and counts.rejected == counts.read):
        return 422
    return 207 if counts.rejected else 201
