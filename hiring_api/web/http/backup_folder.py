"""Where this application keeps backups, and how many."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hiring_api.backup.file_store import open_store
from hiring_api.backup.retention import Retention

from .bodies import settings

if TYPE_CHECKING:
    from hiring_api.backup.file_store import Store


def store() -> Store:
    """Where this application keeps backups."""
    return open_store(settings().backup_dir)


def retention() -> Retention:
    """How many backups this application keeps, and how long."""
    return Retention(settings().backup_keep, settings().backup_keep_days)
