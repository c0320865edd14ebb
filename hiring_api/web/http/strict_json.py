"""JSON that has one meaning: no key twice, no NaN, nothing too deep or too large to be kept as it came."""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import Any, NoReturn

from flask import request
from werkzeug.exceptions import BadRequest, UnprocessableEntity, UnsupportedMediaType

from hiring_api.web.media_types import JSON

from .bodies import decoded, read_body

_DEEPEST = 100  # levels of arrays and objects within each other
_CONTAINERS = {dict, list}
_TOO_DEEP = "it is nested too deeply"


class _Unusable(ValueError):
    """JSON by its grammar, but with no one meaning or none that this program can hold."""


def sent_object(what: str, *others: str) -> dict[str, Any]:
    """Read the JSON object in the request's body; `what` says in errors what it should be.

    `others` are media types that it may be sent as, beside that of JSON.

    Raises:
        UnsupportedMediaType: it is sent as something else.
        BadRequest: it is no JSON.
        UnprocessableEntity: it is no object.
    """
    if request.mimetype not in {JSON, *others}:
        raise UnsupportedMediaType(f"send {what} as {JSON}")
    value = parse_json(decoded(read_body()))
    if not isinstance(value, dict):
        raise UnprocessableEntity(f"send {what} as a JSON object")
    return value


def parse_json(text: str, what: str = "the body") -> Any:
    """Parse the JSON value (RFC 8259) in `text`; `what` names the text in errors.

    Raises:
        BadRequest: it is no JSON, or an object has a key twice, a number is beyond a float's range or has too
            many digits, or arrays and objects are nested more than 100 levels deep.
    """
    if not text.strip():
        raise BadRequest(f"{what} is empty")
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_float=_float, parse_constant=_constant)
        _check_depth(value)
    except RecursionError:
        raise BadRequest(f"{what} is not usable JSON: {_TOO_DEEP}") from None
    except _Unusable as error:
        raise BadRequest(f"{what} is not usable JSON: {error}") from None
    except json.JSONDecodeError as error:
        raise BadRequest(f"{what} is not JSON: {error}") from None
    except ValueError:  # int() refuses thousands of digits
        raise BadRequest(f"{what} is not usable JSON: a number in it has too many digits") from None
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a key that occurs twice: Python's parser would keep its last value."""
    members = dict(pairs)
    if len(members) < len(pairs):
        [(twice, _)] = Counter(key for key, _ in pairs).most_common(1)
        raise _Unusable(f"the key {twice[:64]!r} stands twice in an object")
    return members


def _check_depth(value: Any) -> None:
    """Refuse values that are nested too deeply to be written into the rejects, though they can be parsed."""
    level = [value]  # the values at one depth, which the next round replaces by those within them
    for _ in range(_DEEPEST):
        level = [
            inner
            for outer in level
            if type(outer) in _CONTAINERS
            for inner in (outer.values() if type(outer) is dict else outer)
        ]
        if not level:
            return
    raise _Unusable(_TOO_DEEP)


def _float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise _Unusable(f"the number {text[:20]} is too large")
    return number


def _constant(name: str) -> NoReturn:
    raise _Unusable(f"{name} is no JSON value")
