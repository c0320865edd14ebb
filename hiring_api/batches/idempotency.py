"""Answers kept under idempotency keys, in the transaction of the rows they are about.

After "The Idempotency-Key HTTP Header Field" (IETF draft): a repeated request gets the first answer again.
"""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError

from hiring_api.database.bookkeeping import answers
from hiring_api.errors import Busy

if TYPE_CHECKING:
    from sqlalchemy import Connection

_CLEAN_EVERY = 100  # keyed requests, about


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request was answered: the HTTP status and the body, word for word."""

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


def keep(connection: Connection, scope: str, answer: Answer, hours: int) -> None:
    """Store an answer, to be committed with its rows; now and then delete old ones.

    Raises:
        Busy: another request kept an answer under `scope` meanwhile.
    """
    old = answers.c.kept_at <= _cutoff(hours)
    every = random.randrange(_CLEAN_EVERY) == 0  # noqa: S311  # no secret
    connection.execute(delete(answers).where(old if every else (answers.c.scope == scope) & old))
    values = {"scope": scope, "fingerprint": answer.fingerprint, "status": answer.status, "body": answer.body}
    try:
        connection.execute(insert(answers), {**values, "kept_at": datetime.now(UTC).replace(tzinfo=None)})
    except IntegrityError as error:
        raise Busy("another request with this Idempotency-Key was faster: send it again") from error


def _cutoff(hours: int) -> datetime:
    return datetime.now(UTC).replace(tzinfo=None) - timedelta(hours=hours)
