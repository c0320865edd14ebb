"""The command line of `python -m hiring_api`: its commands and their arguments."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, Final

from hiring_api import __version__
from hiring_api.avro.codecs import WRITTEN
from hiring_api.backup.restore import MODES
from hiring_api.backup.verify import LEVELS
from hiring_api.model.tables import resource, tables
from hiring_api.settings import count, interval, time_of_day
from hiring_api.system.completion import add_completion, completed_as_file
from hiring_api.users.accounts import NAMES, may_be_name
from hiring_api.users.roles import ROLES

from .named_files import NEWEST

if TYPE_CHECKING:
    from collections.abc import Callable

_STATUSES: Final = """exit status:
  0  done
  1  failed: no such backup or user, no database, no room, or the answer was no; nothing was changed
  2  wrong usage or settings, or --yes is missing where nobody can be asked; nothing was changed
  3  a file is damaged, or rows of it break the row rules; nothing was changed
  4  the rows do not fit what is in the database, or are another database's; a user of this name is
     there already; nothing was changed
  5  another restore, or another schedule's backup, is under way: try again later
  6  compare: the backup and the database hold different rows
130  interrupted; nothing was changed
141  nobody read the output to its end, as in … | head -1; what was asked for is done
"""
DIFFERENT: Final = 6  # the exit status of compare
_FILE_HELP: Final = f"an .avro, a .zip, a kept backup's name, or {NEWEST}: the newest that was asked for"
_JSON: Final[dict[str, Any]] = {"action": "store_true", "help": "print JSON instead of a table"}


def parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    main = argparse.ArgumentParser(
        prog="python -m hiring_api",
        description="Serves the hiring API, and backs its records up.",
        epilog=_STATUSES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    main.add_argument("--version", action="version", version=f"hiring-api {__version__}")
    add_completion(main)
    main.add_argument("--json", **_JSON)
    commands = main.add_subparsers(dest="command", required=True)
    _add_backup(commands)
    _add_verify(commands)
    _add_compare(commands)
    _add_restore(commands)
    _add_backups(commands)
    _add_schedule(commands)
    _add_reset_ids(commands)
    _add_users(commands)
    _add(commands, "migrate", "make the schema of the database, or bring it up to date")
    commands.add_parser("serve", help="serve the API until it is stopped")
    return main


def _add(commands: Any, name: str, does: str) -> Any:
    """A command that prints; it takes --json as well as the whole does."""
    command = commands.add_parser(name, help=does, description=f"{does[0].upper()}{does[1:]}.")
    command.add_argument("--json", default=argparse.SUPPRESS, **_JSON)
    return command


def _add_backup(commands: Any) -> None:
    command = _add(commands, "backup", "keep a backup of all tables, or of those named")
    command.add_argument("tables", nargs="*", metavar="TABLE", help=", ".join(map(resource, tables())))
    command.add_argument("--to", metavar="DIR", help="a folder or s3://bucket/prefix (default: BACKUP_DIR)")
    command.add_argument("--codec", choices=WRITTEN, default=WRITTEN[0])


def _add_verify(commands: Any) -> None:
    command = _add(commands, "verify", "find out whether backups would restore")
    completed_as_file(command.add_argument("files", nargs="+", metavar="FILE", help=_FILE_HELP))
    command.add_argument("--level", choices=LEVELS, default="decode")


def _add_compare(commands: Any) -> None:
    command = _add(commands, "compare", "find out whether a backup and the database hold the same rows")
    completed_as_file(command.add_argument("file", metavar="FILE", help=_FILE_HELP))
    command.add_argument("--ignore-extra", action="store_true", help="leave out fields that the table lacks")


def _add_restore(commands: Any) -> None:
    command = _add(commands, "restore", "bring the rows of a backup into the tables, all or none")
    completed_as_file(command.add_argument("file", metavar="FILE", help=_FILE_HELP))
    command.add_argument("--mode", choices=MODES, default=MODES[0])
    command.add_argument("--yes", action="store_true", help="replace rows without asking: for scripts")
    command.add_argument(
        "--other-database", action="store_true", help="take a backup of another database than this one"
    )
    command.add_argument("--dry-run", action="store_true", help="report what would be done")
    command.add_argument("--no-keep", action="store_true", help="do not keep what is replaced")
    command.add_argument("--ignore-extra", action="store_true", help="leave out fields that the table lacks")


def _add_reset_ids(commands: Any) -> None:
    does = "make new ids go on after the highest one in each table, or in those named"
    command = _add(commands, "reset-ids", does)
    command.add_argument("tables", nargs="*", metavar="TABLE", help=", ".join(map(resource, tables())))


def _add_users(commands: Any) -> None:
    does = "add, list, change and remove users of the API, beside API_USER, who may do all"
    users = commands.add_parser("users", help=does, description=f"{does[0].upper()}{does[1:]}.")
    actions = users.add_subparsers(dest="action", required=True)
    command = _add(actions, "add", "add a user; the password is asked for, or read from standard input")
    command.add_argument("name", metavar="NAME", type=_user_name, help=NAMES)
    command.add_argument("--role", choices=ROLES, required=True, help="what the user may do")
    command.add_argument("--generate", action="store_true", help=_GENERATE_HELP)
    _add(actions, "list", "list the users with their roles")
    command = _add(actions, "remove", "remove a user; the API refuses him within seconds")
    command.add_argument("name", metavar="NAME")
    command = _add(actions, "role", "give a user another role")
    command.add_argument("name", metavar="NAME")
    command.add_argument("role", metavar="ROLE", choices=ROLES, help=", ".join(ROLES))
    command = _add(actions, "password", "give a user another password")
    command.add_argument("name", metavar="NAME")
    command.add_argument("--generate", action="store_true", help=_GENERATE_HELP)


_GENERATE_HELP: Final = "generate a password and print it, instead of asking for one"


def _user_name(text: str) -> str:
    if not may_be_name(text):
        raise argparse.ArgumentTypeError(f"a name has {NAMES}")
    return text


def _add_schedule(commands: Any) -> None:
    does = "keep, verify and prune backups on a schedule, until it is stopped"
    command = _add(commands, "schedule", does)
    when = command.add_mutually_exclusive_group()
    when.add_argument(
        "--every",
        metavar="TIME",
        type=_taken(interval),
        help="so long after the one before, such as 24h, 30m (default: BACKUP_EVERY, or else 24h)",
    )
    when.add_argument(
        "--at", metavar="HH:MM", type=_taken(time_of_day), help="daily at this time, UTC (default: BACKUP_AT)"
    )
    command.add_argument("--to", metavar="DIR", help="a folder or s3://bucket/prefix (default: BACKUP_DIR)")
    command.add_argument("--level", choices=LEVELS, default="decode", help="how each is verified")
    command.add_argument(
        "--keep", metavar="N", type=_taken(count), help="how many stay (default: BACKUP_KEEP)"
    )
    command.add_argument(
        "--keep-days", metavar="N", type=_taken(count), help="for how many days (default: BACKUP_KEEP_DAYS)"
    )
    command.add_argument("--once", action="store_true", help="keep one now and end, with a status: for cron")


def _taken(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """`parse` for argparse, which tells the sentences of its own kind of error alone."""

    def parsed(text: str) -> Any:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return parsed


def _add_backups(commands: Any) -> None:
    command = _add(commands, "backups", "list the kept backups, newest first")
    command.add_argument(
        "--from", dest="place", metavar="DIR", help="a folder or s3://bucket/prefix (default: BACKUP_DIR)"
    )
