"""The backups of this application: where they are, how many, and restores that keep what they replace."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from hiring_api.backup.file_store import open_store
from hiring_api.backup.restore import restore
from hiring_api.backup.retention import Retention, kept_before
from hiring_api.model.tables import resource

from .bodies import settings
from .extensions import engine
from .prometheus import count_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hiring_api.avro.reader import AvroRows
    from hiring_api.backup.catalogue import KeptBackup
    from hiring_api.backup.file_store import Store
    from hiring_api.backup.restore import Mode


def store() -> Store:
    """Return the store of this application's backups."""
    return open_store(settings().backup_dir)


def retention() -> Retention:
    """Return how many backups this application keeps, and for how many days."""
    return Retention(settings().backup_keep, settings().backup_keep_days)


def restore_files(
    files: Sequence[AvroRows], mode: Mode, *, dry_run: bool, keep: bool | None, name: str = ""
) -> dict[str, dict[str, Any]]:
    """Restore the tables of `files`; return the report for each table, by its name in URLs.

    Args:
        files: one for each table, parents first.
        mode: see `backup.restore.restore`.
        dry_run: validate and count, write nothing.
        keep: True to keep a backup of the rows that are replaced; None as BACKUP_BEFORE_REPLACE says.
        name: the name of the kept backup that the files belong to, if any.
    """
    keeping = None
    if settings().backup_before_replace if keep is None else keep:
        keeping = partial(kept_before, engine(), store(), retention(), name)
    reports = restore(engine(), files, mode, dry_run=dry_run, keeping=keeping)
    if not dry_run:
        for report in reports:
            statuses = ("inserted", "updated", "unchanged", "deleted")
            count_rows(report.table, {status: getattr(report, status) for status in statuses})
    return {report.table: report.to_json() for report in reports}


def described(kept: KeptBackup) -> dict[str, Any]:
    """What is in a kept backup, with the tables' names in URLs."""
    rows = {resource(table): kept.rows[table.name] for table in kept.tables()}
    return {**kept.to_json(), "rows": rows}
