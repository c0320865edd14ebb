"""What the command line of the job takes."""

from __future__ import annotations

import argparse
import codecs
from typing import TYPE_CHECKING

from hiring_api import __version__
from hiring_api.csv_input.layout import DELIMITERS, IGNORED
from hiring_api.loading.task import Limit, limit_of
from hiring_api.model.tables import kinds, resource, tables
from hiring_api.system.completion import add_completion, completed_as_file

if TYPE_CHECKING:
    from sqlalchemy import Table

_EPILOG = """\
exit status:
  0  done; refused rows are reported and written to the rejects folder
  1  failed: a file or a database that is not there or cannot be used, or no room; running it again goes on
  2  wrong usage: arguments or settings that can never work
  3  more rejects than --max-rejects allows; nothing of that table was kept
130  stopped by Ctrl-C or SIGTERM; running it again goes on where it was
141  nobody read the output to its end; the files are loaded

settings are environment variables: DATABASE_URL or MYSQL_HOST and the like, CSV_SOURCE, REJECTS_DIR
"""


def parser() -> argparse.ArgumentParser:
    """The parser of `python -m migration_job`."""
    parser = argparse.ArgumentParser(
        prog="python -m migration_job",
        description="Brings the database's schema up to date and loads CSV files into its tables. "
        "Rows that break a rule are refused, each with all its reasons; the others go in. "
        "Running it again on the same files changes nothing.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = ", ".join(f"{table.name}.csv" for table in tables())
    a_folder = f"a folder or s3://bucket/prefix with {names} (or such names); a file, https://… or -"
    source = parser.add_argument("source", nargs="?", help=f"{a_folder} (default: CSV_SOURCE)")
    completed_as_file(source)
    parser.add_argument(
        "--tables",
        "--table",
        type=_tables,
        default=(),
        metavar="TABLE[,TABLE…]",
        help="the tables that a folder has files for, where these are not all; or the one that a file is for",
    )
    parser.add_argument(
        "--allow-empty", action="store_true", help="a folder with nothing in it is no failure: load nothing"
    )
    parser.add_argument("--delimiter", type=_delimiter, help="the separator, if it is not to be found")
    parser.add_argument("--encoding", type=_encoding, help="the files' encoding, if it is not UTF-8")
    parser.add_argument(
        "--columns",
        type=_columns,
        help="the columns of a table in the order of the fields, _ for one to ignore: id,_,job",
    )
    parser.add_argument(
        "--on-conflict",
        choices=("error", "update"),
        default="error",
        help="a row whose id is taken by other content is refused (error) or overwrites it (update)",
    )
    parser.add_argument(
        "--max-rejects",
        type=_limit,
        metavar="N|N%",
        help="keep nothing of a table that has more refused rows than this, and stop with status 3",
    )
    parser.add_argument("--dry-run", action="store_true", help="report and refuse as usual, load nothing")
    parser.add_argument(
        "--report",
        metavar="FILE",
        help="write all figures as JSON; - for standard output, in place of the table",
    )
    add_completion(parser)
    parser.add_argument("--version", action="version", version=f"hiring-api {__version__}")
    parser.add_argument("--wait", action="store_true", help="wait while another migration is running")
    return parser


def _tables(text: str) -> tuple[Table, ...]:
    """Those named, by their names in SQL or in URLs, parents first."""
    names = {_simple(name) for name in text.split(",")}
    known = {name: table for table in tables() for name in (table.name, resource(table))}
    if not names <= known.keys():
        raise argparse.ArgumentTypeError(f"must be of {', '.join(table.name for table in tables())}")
    return tuple(table for table in tables() if names & {table.name, resource(table)})


def _simple(name: str) -> str:
    return "_".join(name.casefold().replace("-", " ").split())


def _delimiter(text: str) -> str:
    named = {"tab": "\t", "\\t": "\t", **{name: character for character, name in DELIMITERS.items()}}
    found = named.get(text, text)
    if len(found) != 1 or found in '"\r\n' or found.isalnum():
        raise argparse.ArgumentTypeError("must be one character such as ';', or tab")
    return found


def _encoding(text: str) -> str | None:
    try:
        codec = codecs.lookup(text)
        "".encode(text)
    except LookupError:
        raise argparse.ArgumentTypeError(f"{text} is no encoding that Python knows") from None
    return None if codec.name in ("utf-8", "utf-8-sig") else codec.name


def _limit(text: str) -> Limit:
    limit = limit_of(text)
    if limit is None:
        raise argparse.ArgumentTypeError("must be a number of rows such as 100, or a share such as 5%")
    return limit


def _columns(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    wanted = sorted(name for name in names if name != IGNORED)
    if not any(sorted(kinds(table)) == wanted for table in tables()):
        every = "; ".join(",".join(kinds(table)) for table in tables())
        raise argparse.ArgumentTypeError(f"must name all columns of one table ({every}), and _ for others")
    return names
