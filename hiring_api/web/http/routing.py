"""What each route declares: its query parameters, the media types of its answers, its callers' role."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

import marshmallow
from flask import g
from flask_smorest import Blueprint
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import UnprocessableEntity

from hiring_api.web.media_types import JSON
from hiring_api.web.schemas.operations import complete
from hiring_api.web.schemas.parameters import Query

from .accept import wanted

if TYPE_CHECKING:
    from flask import Request

    from hiring_api.users.roles import Role


class _StrictParser(FlaskParser):
    """Query parameters that are unknown or given twice are refused, never ignored."""

    DEFAULT_UNKNOWN_BY_LOCATION = {  # noqa: RUF012  # webargs says what it is
        **FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION,
        "query": marshmallow.RAISE,
    }

    def load_querystring(self, req: Request, schema: marshmallow.Schema) -> Any:
        twice = sorted(name for name, values in req.args.lists() if len(values) > 1)
        if twice:
            raise UnprocessableEntity(f"query parameter {twice[0]!r} is given more than once")
        return super().load_querystring(req, schema)


class Routes(Blueprint):
    """A flask-smorest blueprint with strict query parameters, which documents the errors of each route."""

    ARGUMENTS_PARSER = _StrictParser()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._prepare_doc_cbks.append(complete)

    def needs(self, role: Role, *, with_query: bool = False) -> Any:
        """Decorate a view with the role that its callers need; `auth` refuses others. Each view needs it.

        Where only those `with_query` need it, the view's own documentation says so.
        """

        def decorate(view: Any) -> Any:
            view.role = role
            noted = {} if with_query else {"role": role}
            view._apidoc = {**getattr(view, "_apidoc", {}), **noted}  # noqa: SLF001  # flask-smorest's notes
            return view

        return decorate

    def query(self, schema: type[marshmallow.Schema] | None = None, forms: tuple[str, ...] = (JSON,)) -> Any:
        """Decorate a view with its query parameters and the media types of its answers; each view needs it.

        Args:
            schema: of its query parameters, which the view gets as keyword arguments; by default it has none.
            forms: the media types of its answers, the usual one first. A client that wants none of them is
                answered 406 before anything is done; `form()` says which one it wants.
        """
        arguments = self.arguments(schema or NoParameters, location="query", as_kwargs=True)

        def decorate(view: Any) -> Any:
            decorated = arguments(view)
            decorated._apidoc["name"] = f"{self.name}_{view.__name__}"  # noqa: SLF001  # flask-smorest's notes

            @wraps(decorated)
            def negotiated(*args: Any, **kwargs: Any) -> Any:
                g.form = wanted(*forms)
                response = decorated(*args, **kwargs)
                if len(forms) > 1:
                    response.vary.add("Accept")
                return response

            return negotiated

        return decorate


def form() -> str:
    """The media type that the client of the present request wants."""
    found: str = g.form
    return found


class NoParameters(Query):
    """The query of a route that takes no parameter."""
