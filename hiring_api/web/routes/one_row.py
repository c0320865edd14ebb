"""`GET`, `PATCH` and `DELETE /departments/7` and so on: one row."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from flask import Response, jsonify
from flask.views import MethodView

from hiring_api.batches import one_row
from hiring_api.database.transactions import snapshot
from hiring_api.errors import NotFound
from hiring_api.model.columns import MAX_ID
from hiring_api.model.tables import resource
from hiring_api.model.validation import schema
from hiring_api.queries import lists
from hiring_api.users.roles import READER, WRITER
from hiring_api.web.http.extensions import engine
from hiring_api.web.http.prometheus import count_rows
from hiring_api.web.http.representations import conditional, is_expected
from hiring_api.web.http.strict_json import sent_object
from hiring_api.web.media_types import MERGE_PATCH
from hiring_api.web.schemas.one_row import DeleteQuery, changes_body
from hiring_api.web.schemas.operations import ETAG, IF_MATCH, UNCHANGED, path_parameter, problems

if TYPE_CHECKING:
    from sqlalchemy import Table

    from hiring_api.web.http.routing import Routes

log = logging.getLogger(__name__)


def add_routes(blueprint: Routes, table: Table) -> None:
    """Add the routes of a single row of `table`."""
    name = resource(table)
    path = f"/{name}/<int(max={MAX_ID}):row_id>"
    row = schema(table, id_required=True)

    # One rule for all methods: of several, Werkzeug would answer an id that is too large with a 405
    @blueprint.route(path, parameters=[path_parameter("row_id", "The row's id", 1)])
    class OneRow(MethodView):
        @blueprint.needs(READER)
        @blueprint.query()
        @blueprint.response(200, row)
        @blueprint.alt_response(304, description=UNCHANGED)
        @problems(blueprint, 404)
        @blueprint.doc(
            summary=f"Get one row of {name}",
            description="The row with this id; 404 where there is none.",
            operationId=f"get_row_of_{name}",
        )
        def get(self, row_id: int) -> Response:
            with snapshot(engine()) as connection:
                found = lists.find(connection, table, row_id)
            if found is None:
                raise NotFound(f"there is no id {row_id} in {name}")
            return conditional(jsonify(found))

        @blueprint.needs(WRITER)
        @blueprint.query()
        @blueprint.response(200, row, headers=ETAG)
        @problems(blueprint, 404, 412)
        @blueprint.doc(
            summary=f"Change one row of {name}",
            description=_CHANGE,
            operationId=f"change_row_of_{name}",
            requestBody=changes_body(table),
            parameters=[IF_MATCH],
        )
        def patch(self, row_id: int) -> Response:
            members = sent_object("the columns to change", MERGE_PATCH)
            changed = one_row.change(engine(), table, row_id, members, is_expected)
            count_rows(name, {"updated": 1})
            response = jsonify(changed)
            response.add_etag()
            return response

        @blueprint.needs(WRITER)
        @blueprint.query(DeleteQuery)
        @blueprint.response(204, description="It is gone")
        @problems(blueprint, 404, 412)
        @blueprint.doc(
            summary=f"Delete one row of {name}",
            description=_DELETE,
            operationId=f"delete_row_of_{name}",
            parameters=[IF_MATCH],
        )
        def delete(self, row_id: int, rejects: bool) -> Response:
            one_row.remove(engine(), table, row_id, is_expected, with_rejects=rejects)
            count_rows(name, {"deleted": 1})
            log.info("deleted id %s of %s%s", row_id, table.name, ", its rejects included" if rejects else "")
            return Response(status=204)

    _ = OneRow


_CHANGE = (
    "The columns in the body take the place of those stored; the others, and the id, stay. The row keeps the "
    "row rules of batches: else it is a 422 with all errors, and nothing is kept of it. With `If-Match` only "
    "the row that the client has seen is changed. An `Idempotency-Key` is not needed: sent again, the same "
    "change changes nothing."
)
_DELETE = (
    "A row that others refer to is a 409, which says how many. The id is not given to another row. With "
    "`rejects=true` the rejects that hold the row, as it was refused, go as well. Kept backups have it until "
    "they are deleted."
)
