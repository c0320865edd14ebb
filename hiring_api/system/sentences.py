"""What whoever runs the program is told of an error, in one sentence."""

from __future__ import annotations

from hiring_api.errors import HiringError, StorageUnavailable
from hiring_api.system.object_store import ObjectStoreError


def sentence(error: Exception) -> str:
    """The sentence about an error of this program, of the system or of the database."""
    if isinstance(error, HiringError):
        return f"{error.for_operator()}{_why(error)}"
    what = getattr(error, "filename", None) or type(error).__name__
    return f"{what}: {getattr(error, 'strerror', None) or 'see the database'}"


def _why(error: HiringError) -> str:
    """What the system said of a folder, or S3; which those are told who run the program."""
    cause = error.__cause__
    if isinstance(error, StorageUnavailable) and isinstance(cause, OSError) and cause.filename:
        return f" ({cause.strerror})"
    return f" ({cause})" if isinstance(cause, ObjectStoreError) else ""
