"""What can go wrong with the data, as the caller should be told; `web` turns each into an HTTP status."""

from __future__ import annotations

from typing import Any, Final

# What is told of an error that nobody foresaw: it may come before a COMMIT or, in making the answer, after
DEFECT: Final = (
    "a defect of the program, which the log has under this request_id: look whether a change was made before "
    "you send it again"
)


class HiringError(Exception):
    """An error whose message is written for the user: no SQL, path or secret in it.

    `details` are further members of the answer, such as the first offending rows.
    """

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = details

    def for_operator(self) -> str:
        """The message with what only those may know who run the program."""
        return self.message


class DatabaseUnavailable(HiringError):
    """The database cannot be reached or gave up on the transaction; nothing was committed."""


class CommitUnsure(DatabaseUnavailable):
    """The connection was lost during the commit: what was asked for is done, or nothing of it."""


class NotPermitted(DatabaseUnavailable):
    """The database refuses the account, or what it wants to do; nothing was committed.

    `operator` is what whoever runs the program is told besides: the driver's words or the GRANT that is
    missing. They name the account, so callers of the API are not told.
    """

    def __init__(self, message: str, operator: str) -> None:
        super().__init__(message)
        self.operator = operator

    def for_operator(self) -> str:
        """The message, and the driver's words or the missing GRANT."""
        return f"{self.message} ({self.operator})"


class NotTrusted(NotPermitted):
    """The database server did not prove by its certificate that it is the right one; it was told nothing."""


class TransactionTooLarge(HiringError):
    """A cluster does not take so many changes at once; nothing was committed."""


class StorageFull(HiringError):
    """A disk has no room left; nothing was kept."""


class BackupsFull(StorageFull):
    """The place where backups are kept has no room left."""


class StorageUnavailable(HiringError):
    """The place where files are kept, backups or refused rows, cannot be reached or written."""


class InvalidFile(HiringError):
    """A file is damaged, of another table, or not what it claims to be."""


class InvalidRows(HiringError):
    """Rows of a readable file, or a row that is to be changed, break row rules; `details` has the errors."""


class Conflict(HiringError):
    """The rows are right, but what is in the database forbids the change."""


class Changed(HiringError):
    """What is stored is not what the caller has seen and wants to change."""


class Busy(HiringError):
    """Another run of the same kind is under way."""


class NotFound(HiringError):
    """There is no such thing."""


class Unproven(HiringError):
    """What is stored is not what was read; nothing of the part in question was kept."""
