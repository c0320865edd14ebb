"""Restores from uploaded files and from kept backups: what is replaced is kept first, rows are counted."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from hiring_api.backup.restore import restore
from hiring_api.backup.retention import kept_before

from .backup_folder import retention, store
from .bodies import settings
from .extensions import engine
from .prometheus import count_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hiring_api.avro.reader import AvroRows
    from hiring_api.backup.restore import Keeping, Mode


def _keeping(wanted: bool | None, restored: str) -> Keeping | None:
    """What keeps the tables before a restore replaces them; None if they are not kept.

    `wanted` is what the request asks for; None leaves it to the setting BACKUP_BEFORE_REPLACE.
    `restored` is the name of the kept backup that is restored, or empty.
    """
    if settings().backup_before_replace if wanted is None else wanted:
        return partial(kept_before, engine(), store(), retention(), restored)
    return None


def restore_files(
    files: Sequence[AvroRows], mode: Mode, *, dry_run: bool, keep: bool | None, name: str = ""
) -> dict[str, dict[str, Any]]:
    """Restore the tables of `files`; return what was done to each, by its name in URLs.

    `keep` says whether what is replaced is kept first, None as the setting says. `name` is that
    of the kept backup that the files are of, if it is one.
    """
    reports = restore(engine(), files, mode, dry_run=dry_run, keeping=_keeping(keep, name))
    for report in reports:
        if not dry_run:
            counts = ("inserted", "updated", "unchanged", "deleted")
            count_rows(report.table, {name: getattr(report, name) for name in counts})
    return {report.table: report.to_json() for report in reports}
