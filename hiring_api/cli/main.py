"""Run a command of `commands`; print a sentence if it fails, and give the exit status."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from hiring_api.errors import (
    Busy,
    Conflict,
    DatabaseUnavailable,
    HiringError,
    InvalidFile,
    InvalidRows,
    NotFound,
    StorageFull,
    StorageUnavailable,
    TransactionTooLarge,
    Unproven,
)
from hiring_api.log_lines import log_json, say, wants_json
from hiring_api.settings import SettingsError
from hiring_api.system.object_store import ObjectStoreError

from .arguments import parser
from .commands import COMMANDS
from .confirm import NotWanted
from .users import users

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

_STATUSES: dict[type[HiringError], int] = {
    InvalidFile: 3,
    InvalidRows: 3,
    Conflict: 4,
    Busy: 5,
    NotFound: 1,
    StorageFull: 1,
    StorageUnavailable: 1,
    TransactionTooLarge: 1,
    DatabaseUnavailable: 1,
    Unproven: 1,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit status, as `--help` lists them."""
    options = parser().parse_args(arguments)
    if wants_json():
        log_json()
    commands: dict[str, Callable[[argparse.Namespace], int | None]] = {**COMMANDS, "users": users}
    try:
        return commands[options.command](options) or 0
    except HiringError as error:
        say(f"{error.for_operator()}{_why(error)}")
        for item in error.details.get("errors", []):
            say(f"  {item}")
        return next(status for kind, status in _STATUSES.items() if isinstance(error, kind))
    except NotWanted as error:
        say(str(error))
        return error.status
    except SettingsError as error:
        say(str(error))
        return 2
    except BrokenPipeError:  # nobody reads the output any more: `output.exit_status` ends the program
        raise
    except (OSError, SQLAlchemyError) as error:
        what = getattr(error, "filename", None) or type(error).__name__
        say(f"{what}: {getattr(error, 'strerror', None) or 'see the database'}")
        return 1
    except KeyboardInterrupt:
        say("interrupted: nothing was changed")
        return 130


def _why(error: HiringError) -> str:
    """What the system said of a folder, or S3; callers of the API are not told, those of the command are."""
    cause = error.__cause__
    if isinstance(error, StorageUnavailable) and isinstance(cause, OSError) and cause.filename:
        return f" ({cause.strerror})"
    return f" ({cause})" if isinstance(cause, ObjectStoreError) else ""
