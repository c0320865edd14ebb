"""`Idempotency-Key`: a request that is sent again gets the first answer again, and is done once."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import Response, request
from werkzeug.exceptions import UnprocessableEntity

from hiring_api.batches import idempotency
from hiring_api.batches.idempotency import AlreadyAnswered, Answer, digest
from hiring_api.database.transactions import snapshot
from hiring_api.errors import Busy, CommitUnsure, DatabaseUnavailable

from .auth import caller
from .bodies import settings
from .extensions import engine

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

_UNSURE_SECONDS = 10
_UNSURE_PAUSE = 0.2
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True, slots=True)
class Keeper:
    """Keeps the answer to the present request in the transaction of its rows, which is the first to `claim`.

    Attributes:
        scope: the digest of the user and the key.
        fingerprint: the digest of what is asked for.
    """

    scope: str
    fingerprint: str

    def claim(self, connection: Connection) -> None:
        """Let no other request with the key be done: the first thing in the transaction."""
        idempotency.claim(connection, self.scope, self.fingerprint, settings().idempotency_hours)

    def keep(self, connection: Connection, response: Response) -> None:
        """Keep the answer; to be called within the transaction."""
        idempotency.keep(connection, self.scope, response.status_code, response.get_data(as_text=True))


def exactly_once(body: bytes, handle: Callable[[Keeper | None], Response]) -> Response:
    """Answer with what `handle` answers, or with what was kept for the same request under the same key.

    `handle` is given None where the request has no key. Two equal requests at the same time may both find
    nothing kept, and only one of them can claim the key.

    Raises:
        UnprocessableEntity: the key is malformed, or was used for another request.
        Busy: a request with this key is under way.
    """
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return handle(None)
    if not _KEY.fullmatch(key):
        raise UnprocessableEntity("Idempotency-Key must be 1 to 255 visible ASCII characters without blanks")
    keeper = Keeper(_scope(key), _fingerprint(body))
    kept = _find(keeper)
    if kept is not None:
        return _replay(kept, keeper)
    try:
        return handle(keeper)
    except AlreadyAnswered as other:
        return _replay(other.answer, keeper)
    except CommitUnsure as unsure:
        return _settled(keeper, handle, unsure)


def _settled(keeper: Keeper, handle: Callable[[Keeper | None], Response], unsure: CommitUnsure) -> Response:
    """Answer a request whose COMMIT nobody answered: do it again, which its key allows once.

    If the COMMIT was done, the answer is there. If it is still under way, the key is not free until it ends.
    """
    deadline = time.monotonic() + _UNSURE_SECONDS
    while time.monotonic() < deadline:
        try:
            return handle(keeper)
        except AlreadyAnswered as done:
            response = _replay(done.answer, keeper)
            del response.headers["Idempotency-Replayed"]
            return response
        except (Busy, DatabaseUnavailable):
            time.sleep(_UNSURE_PAUSE)
    raise unsure


def _find(keeper: Keeper) -> Answer | None:
    with snapshot(engine()) as connection:
        return idempotency.find(connection, keeper.scope, settings().idempotency_hours)


def _scope(key: str) -> str:
    """The digest under which a key is kept: it belongs to a user, who may have sent it to any route."""
    return digest(*(part.encode() for part in (caller().name, key)))


def _fingerprint(body: bytes) -> str:
    """Return the digest of a request: route, query, media type and body."""
    route = f"{request.method} {request.path}".encode()
    return digest(route, request.query_string, request.mimetype.encode(), body)


def _replay(kept: Answer, keeper: Keeper) -> Response:
    if kept.fingerprint != keeper.fingerprint:
        raise UnprocessableEntity("this Idempotency-Key was used for another request: choose a new one")
    response = Response(kept.body, kept.status, mimetype="application/json")
    response.headers["Idempotency-Replayed"] = "true"
    return response
