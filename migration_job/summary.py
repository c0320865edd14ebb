"""The summary that the job prints at its end, and the report with all figures as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .job import Job, Result

_COLUMNS = ("read", "inserted", "updated", "unchanged", "rejected", "repaired")


def summary(results: Sequence[Result], *, dry_run: bool = False) -> str:
    """A table with a line of figures for each file, then sentences such as where the refused rows are."""
    head = ("table", *_COLUMNS, "file")
    lines: list[tuple[str, ...]] = [head]
    lines += [
        (result.table.name, *(f"{n:,}" for n in figures(result, dry_run=dry_run).values()), result.source)
        for result in results
    ]
    widths = [max(len(line[index]) for line in lines) for index in range(len(head))]
    text = "".join(_line(line, widths) for line in lines)
    for result in results:
        if result.loaded.counts.read == 0:
            text += f"{result.source} has no rows\n"
        counts = result.loaded.counts
        if counts.blank:
            text += f"blank lines of {result.source}: {counts.blank:,}\n"
        if counts.doubtful:
            what = f"texts of {result.source} such as NULL or in quotes, taken as they are"
            text += f"{what}: {counts.doubtful:,}\n"
        if result.rejects is not None:
            refused = result.loaded.counts.rejected
            text += f"refused rows of {result.table.name}: {refused:,} in {result.rejects}\n"
        if not result.loaded.kept and not dry_run:
            text += f"nothing of {result.source} was kept: it has too many refused rows\n"
    return text + ("nothing was loaded: this was a dry run\n" if dry_run else "")


def figures(result: Result, *, dry_run: bool) -> dict[str, int]:
    """The figures of a file by column: no row is inserted or updated if nothing of the file was kept."""
    figures = {name: getattr(result.loaded.counts, name) for name in _COLUMNS}
    return figures if result.loaded.kept or dry_run else figures | {"inserted": 0, "updated": 0}


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    """One line of the table: names are aligned to the left, figures to the right."""
    last = len(cells) - 1
    padded = [
        cell.ljust(width) if index in (0, last) else cell.rjust(width)
        for index, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(padded).rstrip() + "\n"


def require_writable(path: Path) -> None:
    """Check before a long run that its report can be written after it.

    Raises:
        OSError: it cannot.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        return  # opening a pipe, such as a shell's >(…), would wait for who reads it
    there = path.exists()
    path.open("ab").close()
    if not there:
        path.unlink()


def report_text(job: Job, results: Sequence[Result], status: int, error: str | None) -> str:
    """The report of a run as JSON: its settings, figures and proofs, and the first rejects of each file."""
    report = {
        "source": job.source,
        "exit_status": status,
        "error": error,
        "dry_run": job.dry_run,
        "on_conflict": job.on_conflict,
        "tables": [_reported(result, dry_run=job.dry_run) for result in results],
    }
    return json.dumps(report, indent=2) + "\n"


def _reported(result: Result, *, dry_run: bool) -> dict[str, Any]:
    loaded, layout = result.loaded, result.file.layout
    return {
        "table": result.table.name,
        "file": result.source,
        "sha256": result.file.digest,
        "encoding": result.file.encoding or "utf-8",
        "delimiter": layout.delimiter,
        "header": layout.starts > 0,
        "columns": list(layout.names),
        "kept": loaded.kept,
        **figures(result, dry_run=dry_run),
        "blank": loaded.counts.blank,
        "doubtful": loaded.counts.doubtful,
        "seconds": round(result.seconds, 3),
        "rejects_file": str(result.rejects) if result.rejects else None,
        "proof": {
            "accounted_for": loaded.counts.add_up(),
            "written": asdict(loaded.proven),
            "stored_equals_read": loaded.kept,
            "dangling_references": 0 if loaded.kept else None,
        },
        "first_rejects": [
            {
                "line": reject.line,
                "record": reject.record,
                "row": reject.raw,
                "errors": [error.to_json() for error in reject.errors],
            }
            for reject in loaded.rejects
        ],
    }
