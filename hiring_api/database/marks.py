"""Marks: rows that transactions leave, so that it can be asked later whether they were committed."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from sqlalchemy import delete, insert, select

from .bookkeeping import answers

if TYPE_CHECKING:
    from sqlalchemy import Connection

_CLEAN_EVERY: Final = 100  # marks, about
_KEPT: Final = timedelta(days=1)


class Mark:
    """The mark of one transaction, and of all attempts to run it: it can be committed once.

    It is an answer of nothing to a key that nobody else has.
    """

    def __init__(self) -> None:
        self._scope = uuid4().hex

    def leave(self, connection: Connection) -> None:
        """Leave the mark, to be committed; now and then clear old ones away.

        Raises:
            IntegrityError: it is there.
        """
        now = datetime.now(UTC).replace(tzinfo=None)
        if random.randrange(_CLEAN_EVERY) == 0:  # noqa: S311  # no secret
            old = (answers.c.status == 0) & (answers.c.kept_at < now - _KEPT)
            connection.execute(delete(answers).where(old))
        values = {"scope": self._scope, "fingerprint": "", "status": 0, "body": "", "kept_at": now}
        connection.execute(insert(answers), values)

    def found(self, connection: Connection) -> bool:
        """True if the mark is committed; waits for a transaction that has left it until that ends."""
        query = select(answers.c.scope).where(answers.c.scope == self._scope).with_for_update()
        return connection.execute(query).first() is not None
