"""Answers kept under idempotency keys, in the transaction of the rows they are about.

After "The Idempotency-Key HTTP Header Field" (IETF draft): a repeated request gets the first answer again.
"""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select, update

from hiring_api.database.bookkeeping import answers
from hiring_api.database.dialects.failures import Retry
from hiring_api.database.driver_errors import translated
from hiring_api.errors import Busy

if TYPE_CHECKING:
    from sqlalchemy import Connection

_CLEAN_EVERY = 100  # keyed requests, about


@dataclass(frozen=True, slots=True)
class Answer:
    """A stored answer: the request's fingerprint, the HTTP status and the body."""

    fingerprint: str
    status: int
    body: str


def digest(*parts: bytes) -> str:
    """One hash of several byte strings; their lengths keep ("a", "bc") and ("ab", "c") apart."""
    found = hashlib.sha256()
    for part in parts:
        found.update(len(part).to_bytes(8, "big") + part)
    return found.hexdigest()


def find(connection: Connection, scope: str, hours: int) -> Answer | None:
    """The answer kept under `scope` during the last `hours`, if any."""
    row = connection.execute(
        select(answers).where(answers.c.scope == scope, answers.c.kept_at > _cutoff(hours))
    ).one_or_none()
    return None if row is None else Answer(row.fingerprint, row.status, row.body)


class AlreadyAnswered(Exception):
    """An equal request was faster: its answer is committed by now."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer


def claim(connection: Connection, scope: str, fingerprint: str, hours: int) -> None:
    """Take `scope` for the caller's transaction, as the first thing in it; `keep` fills in the answer.

    The row of a request that is under way is locked. Where a server does not know of it (another one of a
    cluster), only one of the two transactions can commit the same row.

    Raises:
        AlreadyAnswered: a request under `scope` has ended.
        Busy: one is under way.
        IntegrityError: one has begun at the same moment; try again.
    """
    row = answers.c.scope == scope
    try:
        with translated(connection.engine):
            found = connection.execute(select(answers).where(row).with_for_update(nowait=True)).one_or_none()
    except Retry:
        if connection.invalidated:  # not the row is taken: the server is lost
            raise
        raise Busy("a request with this Idempotency-Key is under way: ask again when it has ended") from None
    cutoff = _cutoff(hours)
    if found is not None and found.kept_at > cutoff:
        raise AlreadyAnswered(Answer(found.fingerprint, found.status, found.body))
    old = answers.c.kept_at <= cutoff
    if random.randrange(_CLEAN_EVERY) == 0:  # noqa: S311  # no secret
        connection.execute(delete(answers).where(old))
    elif found is not None:
        connection.execute(delete(answers).where(row))
    now = datetime.now(UTC).replace(tzinfo=None)
    values = {"scope": scope, "fingerprint": fingerprint, "status": 0, "body": "", "kept_at": now}
    connection.execute(insert(answers), values)


def keep(connection: Connection, scope: str, status: int, body: str) -> None:
    """Fill in the answer under a scope that the same transaction has claimed."""
    row = answers.c.scope == scope
    connection.execute(update(answers).where(row).values(status=status, body=body))


def _cutoff(hours: int) -> datetime:
    return datetime.now(UTC).replace(tzinfo=None) - timedelta(hours=hours)
