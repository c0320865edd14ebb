"""The job's command: runs the job, prints the summary, and gives the exit status."""

from __future__ import annotations

import gc
import logging
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TextIO

from hiring_api.csv_input.files import Choices
from hiring_api.errors import HiringError
from hiring_api.log_lines import log_to_stderr, say, wants_json
from hiring_api.rejects.record import log as refusals
from hiring_api.settings import SettingsError, read_settings
from hiring_api.system.output import on_terminal
from migration_job.sources.files import TableNotNamed

from .arguments import parser
from .job import Job, Result, run
from .summary import figures, report_text, require_writable, summary

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from hiring_api.settings import Settings

log = logging.getLogger(__name__)

DONE, FAILED, WRONG_USAGE, TOO_MANY, STOPPED = 0, 1, 2, 3, 130
_STDOUT = "-"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job and return the exit status, as `--help` lists them."""
    given = parser().parse_args(arguments)
    try:
        settings = read_settings()
    except SettingsError as wrong:
        return _fail(f"wrong settings: {wrong}", WRONG_USAGE)
    log_to_stderr(settings.log_level)
    if on_terminal():
        # Hundreds of lines with people's names help nobody there: the summary says how many rows were
        # refused, and in which file they are
        refusals.setLevel(logging.ERROR)
    signal.signal(signal.SIGTERM, _stop)
    gc.set_threshold(500_000)  # rows hold no cycles: the search for them would take a third of the time
    job = _job(given, settings)
    if given.report not in (None, _STDOUT):
        try:
            require_writable(Path(given.report))
        except OSError as refused:
            return _fail(f"{given.report} cannot be written: {refused.strerror}; nothing was loaded", FAILED)
    results: list[Result] = []
    status, error = _load_files(job, settings, results)
    return _print_results(job, results, status, error, given.report)


def _print_results(
    job: Job, results: list[Result], status: int, error: str | None, report: str | None
) -> int:
    """Print the summary, write the report to `report` if it is given, and return the exit status.

    Raises:
        BrokenPipeError: nobody reads the output any more; a report to a file is written nevertheless.
    """
    unread: BrokenPipeError | None = None
    try:
        if wants_json():
            _log_figures(results, dry_run=job.dry_run)
        elif results:
            _print(summary(results, dry_run=job.dry_run), sys.stderr if report == _STDOUT else sys.stdout)
    except BrokenPipeError as closed:
        unread = closed
    except OSError as refused:
        status = _fail(f"the summary cannot be written: {refused.strerror}", status or FAILED)
    text = report_text(job, results, status, error)
    try:
        if report == _STDOUT:
            _print(text, sys.stdout)
        elif report is not None:
            Path(report).write_text(text, encoding="utf-8")
    except BrokenPipeError as closed:
        unread = closed
    except OSError as refused:
        what = "the report" if report == _STDOUT else report
        return _fail(f"{what} cannot be written: {refused.strerror}", status or FAILED)
    if unread is not None:
        raise unread  # `output.exit_status` ends the program
    return status


def _log_figures(results: list[Result], *, dry_run: bool) -> None:
    """Log the figures of each file: the summary for programs."""
    for result in results:
        counts = figures(result, dry_run=dry_run)
        extra = {
            "table": result.table.name,
            "file": result.source,
            "dry_run": dry_run,
            "kept": result.loaded.kept,
            "duration_ms": round(result.seconds * 1000, 1),
            "rows": counts["read"],
            **counts,
            "rejects_file": str(result.rejects) if result.rejects else None,
        }
        log.info(
            "%s: %d rows read, %d refused", result.table.name, counts["read"], counts["rejected"], extra=extra
        )


def _print(text: str, stream: TextIO) -> None:
    stream.write(text)
    stream.flush()


def _stop(_signal: int, _frame: object) -> NoReturn:
    """Handle SIGTERM, which stops a container, as Ctrl-C is handled."""
    raise KeyboardInterrupt


def _job(given: Namespace, settings: Settings) -> Job:
    return Job(
        source=given.source or settings.csv_source,
        tables=given.tables,
        choices=Choices(given.delimiter, given.encoding, given.columns),
        on_conflict=given.on_conflict,
        limit=given.max_rejects,
        dry_run=given.dry_run,
        wait=given.wait,
        allow_empty=given.allow_empty,
    )


def _load_files(job: Job, settings: Settings, results: list[Result]) -> tuple[int, str | None]:
    """Load all files: the exit status, and a sentence if something went wrong.

    The result of each file is appended to `results`, so that those before a failure are known as well.
    """
    try:
        for result in run(job, settings):
            results.append(result)
            if result.rejects is not None and on_terminal():
                refused = result.loaded.counts.rejected
                log.warning("%d rows of %s are refused: %s", refused, result.table.name, result.rejects)
            if job.limit is not None and job.limit.exceeded(result.loaded.counts, ended=True):
                what = f"{result.table.name} has more refused rows than --max-rejects allows"
                return _fail(f"{what}: none of it was kept", TOO_MANY), what
    except HiringError as failure:
        status = WRONG_USAGE if isinstance(failure, TableNotNamed) else FAILED
        return _fail(failure.for_operator(), status), failure.for_operator()
    except KeyboardInterrupt:
        what = "stopped; run the same command again to go on where it was"
        return _fail(what, STOPPED), what
    return DONE, None


def _fail(sentence: str, status: int) -> int:
    say(sentence if wants_json() else f"migration_job: {sentence}")
    return status
