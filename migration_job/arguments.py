"""What the command line of the job takes."""

from __future__ import annotations

import argparse
import codecs

from hiring_api.data.csv_layout import DELIMITERS
from hiring_api.data.tables import resource, tables

_EPILOG = """\
exit status:
  0  done; refused rows are reported and written to the rejects folder
  1  failed; running it again goes on where it was
  2  wrong usage
  3  more rejects than --max-rejects allows; nothing of that table was kept

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
    parser.add_argument("source", nargs="?", help=f"a folder with {names}, or one file (default: CSV_SOURCE)")
    parser.add_argument("--table", choices=_names(), help="the table that a single file belongs to")
    parser.add_argument("--delimiter", type=_delimiter, help="the separator, if it is not to be found")
    parser.add_argument("--encoding", type=_encoding, help="the files' encoding, if it is not UTF-8")
    parser.add_argument("--columns", type=_columns, help="the columns in the order of the fields: id,name,…")
    parser.add_argument(
        "--on-conflict",
        choices=("error", "update"),
        default="error",
        help="a row whose id is taken by other content is refused (error) or overwrites it (update)",
    )
    return parser


def _names() -> list[str]:
    return [name for table in tables() for name in dict.fromkeys((table.name, resource(table)))]


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


def _columns(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(","))
