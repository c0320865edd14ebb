"""Errors that database drivers can raise, as those of this program. Each dialect maps its own to these."""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

from hiring_api.errors import DatabaseUnavailable, StorageFull

NO_SCHEMA: Final = (
    "the database's schema is missing or of another version: run the migration job, or "
    "python -m hiring_api migrate, which bring it up to date or say why they cannot and what to do"
)


class Failure(Enum):
    """What an error of a server means for the transaction in which it came."""

    BUSY = auto()  # undone, as others were in the way: run it again
    FIND_WRITER = auto()  # undone, as this server is gone or may not write: run it again on the one that may
    NOT_READY = auto()  # nothing was done, and nothing can be for the moment
    UNKNOWN = auto()  # it may be committed or not
    TOO_LARGE = auto()
    FULL = auto()
    REFUSED = auto()  # the account, as a whole
    DENIED = auto()  # a right of the account
    NO_SCHEMA = auto()
    DEFECT = auto()  # of this program


class Retry(DatabaseUnavailable):
    """The transaction was rolled back and may well succeed when run again, within so many seconds.

    `seconds` is 0 where only those should try again who have much to lose.
    """

    def __init__(self, message: str, seconds: float = float("inf")) -> None:
        super().__init__(message)
        self.seconds = seconds


def busy() -> Retry:
    """Another transaction was in the way: a deadlock, or a lock that was held too long."""
    return Retry("the database is too busy: try again")


def full() -> StorageFull:
    """The database's disk is full."""
    return StorageFull("the database has no room left on its disk; nothing was kept")


def no_schema() -> DatabaseUnavailable:
    """A table that the program needs is not there."""
    return DatabaseUnavailable(NO_SCHEMA)
