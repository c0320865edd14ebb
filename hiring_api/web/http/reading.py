"""Which server answers a request that only reads: a replica, or with `Prefer: read=latest` none."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from flask import Response, after_this_request, current_app, request

from .extensions import engine

if TYPE_CHECKING:
    from sqlalchemy import Engine

_LATEST: Final = re.compile(
    r"""(?:^|,)[ \t]*read[ \t]*=[ \t]*(?:latest|"latest")[ \t]*(?:$|[,;])""", re.IGNORECASE
)


def reading() -> Engine:
    """The engine for what may be some seconds old, so that a replica can tell it, if there is any.

    A client that says `Prefer: read=latest` (RFC 7240) is told all that was committed before, by anybody.
    """
    if _LATEST.search(request.headers.get("Prefer", "")):
        after_this_request(_say_so)
        return engine().execution_options(latest=True)
    found: Engine = current_app.extensions.get("readers") or engine()
    return found


def _say_so(response: Response) -> Response:
    response.headers["Preference-Applied"] = "read=latest"
    return response
