"""Choose the media type of an answer by the request's Accept header."""

from __future__ import annotations

from flask import request
from werkzeug.datastructures import MIMEAccept
from werkzeug.exceptions import NotAcceptable
from werkzeug.http import parse_accept_header


def wanted(*offered: str) -> str:
    """Choose the media type of `offered` that the client likes best, by RFC 9110, section 12.5.1.

    Where it likes several equally, one that it names goes before those that `*/*` lets through, then the
    first of `offered`. Parameters such as `charset=utf-8` are ignored: each type comes in one form only.

    Raises:
        NotAcceptable: `Accept` lets none of them through.
    """
    # Java's own client sends `*; q=.2, */*; q=.2`, which Werkzeug passes over
    header = request.headers.get("Accept", "").replace("q=.", "q=0.")
    items = [
        (item.partition(";")[0].strip(), quality) for item, quality in parse_accept_header(header, MIMEAccept)
    ]
    if not items:
        return offered[0]
    best = MIMEAccept([("*/*" if item == "*" else item, quality) for item, quality in items]).best_match(
        offered
    )
    if best is None:
        raise NotAcceptable(f"the answer comes as {' or '.join(offered)}: ask for that in Accept, or for */*")
    return best
