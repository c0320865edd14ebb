"""`python -m migration_job [SOURCE]`: brings the schema up to date and loads the CSV files."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

from hiring_api.data.errors import HiringError
from hiring_api.settings import SettingsError, read_settings

from .arguments import parser
from .job import Job, run
from .summary import summary

if TYPE_CHECKING:
    from collections.abc import Sequence

DONE, FAILED, WRONG_USAGE, TOO_MANY = 0, 1, 2, 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the job; the exit status."""
    given = parser().parse_args(arguments)
    try:
        settings = read_settings()
    except SettingsError as error:
        return _say(f"wrong settings: {error}", WRONG_USAGE)
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    job = Job(
        source=given.source or settings.csv_source,
        table=given.table,
        delimiter=given.delimiter,
        encoding=given.encoding,
        columns=given.columns,
        on_conflict=given.on_conflict,
    )
    results = []
    try:
        for result in run(job, settings):
            results.append(result)  # noqa: PERF402  # those before an error are to be shown
    except HiringError as error:
        _say(error.message, FAILED)
        return FAILED
    except KeyboardInterrupt:
        return _say("stopped; run the same command again to go on where it was", FAILED)
    finally:
        if results:
            sys.stdout.write(summary(results))
    return DONE


def _say(sentence: str, status: int) -> int:
    sys.stderr.write(f"migration_job: {sentence}\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
