"""`GET /me`: who is calling, and with which roles."""

from __future__ import annotations

from typing import Any

import marshmallow
from flask import jsonify
from marshmallow import fields, validate

from hiring_api.users.roles import READER, ROLES, included
from hiring_api.web.http.auth import caller
from hiring_api.web.http.routing import Routes
from hiring_api.web.schemas.answers import one_of, text

routes = Routes("me", __name__, description="Who is calling")


class MeSchema(marshmallow.Schema):
    """The user whose password was sent."""

    user = text("The name", "hiring")
    role = one_of(ROLES, "The role that was given", ROLES[-1])
    roles = fields.List(
        fields.String(validate=validate.OneOf(ROLES)),
        required=True,
        metadata={"description": "All roles that this one includes", "examples": [list(ROLES)]},
    )


@routes.route("/me")
@routes.needs(READER)
@routes.query()
@routes.response(200, MeSchema)
def me() -> Any:
    """Tell who is calling, and with which roles.

    A page can so leave out what its user may not do. `API_USER` is an operator.
    """
    user = caller()
    return jsonify(user=user.name, role=user.role, roles=included(user.role))
