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
from hiring_api.system.sentences import sentence

from .arguments import parser
from .commands import COMMANDS
from .confirm import NotWanted
from .schedule import schedule
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
    commands: dict[str, Callable[[argparse.Namespace], int | None]] = {
        **COMMANDS,
        "schedule": schedule,
        "users": users,
    }
    try:
        return commands[options.command](options) or 0
    except HiringError as error:
        say(sentence(error))
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
        say(sentence(error))
        return 1
    except KeyboardInterrupt:
        say("interrupted: nothing was changed")
        return 130
