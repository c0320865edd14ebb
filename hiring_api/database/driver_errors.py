"""Errors of database drivers -> errors of this program. What each error means, its dialect knows."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError, IntegrityError

from .dialects import dialect_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine


@contextmanager
def translated(engine: Engine, *, committing: bool = False) -> Iterator[None]:
    """Turn the driver's errors into those of `errors`; integrity errors and bugs pass as they are.

    `committing` is True where they come of a COMMIT: of some errors, it may have been done nevertheless.
    """
    dialect = dialect_of(engine)
    try:
        yield
    except IntegrityError:
        raise
    except (DBAPIError, dialect.driver_error) as error:
        if (stop := interruption(error)) is not None:
            raise stop from None
        # SQLAlchemy lets the driver's own errors through where it sets the isolation level
        cause = error.orig if isinstance(error, DBAPIError) else error
        lost = isinstance(error, DBAPIError) and error.connection_invalidated
        meaning = dialect.meaning(engine, cause, lost=lost, committing=committing)
        if meaning is None:
            raise
        raise meaning from error


def interruption(error: BaseException) -> BaseException | None:
    """The Ctrl-C that cut a conversation with the server short, where the ROLLBACK after it failed too."""
    before = error.__context__
    while before is not None and isinstance(before, Exception):
        before = before.__context__
    return before
