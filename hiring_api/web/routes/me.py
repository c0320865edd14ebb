"""`GET /me`: who is calling, and with which roles."""

from __future__ import annotations

from typing import Any

import marshmallow
from flask import jsonify
from marshmallow import fields, validate

from hiring_api.users.roles import READER, ROLES, included
from hiring_api.web.http.auth import caller
from hiring_api.web.http.routing import Routes

routes = Routes("me", __name__, description="Who is calling")


class MeSchema(marshmallow.Schema):
    """The user whose password was sent."""

    user = fields.String(required=True, metadata={"example": "ann"})
    role = fields.String(required=True, validate=validate.OneOf(ROLES), metadata={"example": "writer"})
    roles = fields.List(
        fields.String(validate=validate.OneOf(ROLES)),
        required=True,
        metadata={"description": "All roles that this one includes", "example": ["reader", "writer"]},
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
