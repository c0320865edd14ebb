"""What is in the place of the backups and in the migration's CSV source, found out within a time limit."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from flask import current_app

from hiring_api.backup.catalogue import kept_sizes
from hiring_api.backup.file_store import open_store
from hiring_api.errors import HiringError
from hiring_api.system.listing import Listed, list_files
from hiring_api.system.sentences import sentence
from hiring_api.system.shared_work import SharedWork

if TYPE_CHECKING:
    from flask import Flask

    from hiring_api.settings import Settings

SECONDS: Final = 5.0  # for all places together
_SHOWN: Final = 10  # files


class Seen(NamedTuple):
    """What a place holds, or what is wrong with it; a file's name and size are shown for the first few."""

    files: list[Listed]
    problem: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The members that callers see."""
        shown = [file._asdict() for file in self.files[:_SHOWN]]
        return {"problem": self.problem, "count": len(self.files), "files": shown}


def register(app: Flask, settings: Settings) -> None:
    """Let `look` know the places of `settings`."""
    app.extensions["sources"] = {
        "backups": SharedWork(lambda: _backups(settings.backup_dir)),
        "csv_source": SharedWork(lambda: list_files(settings.csv_source)),
    }


def look() -> dict[str, Seen]:
    """Look at both places at once: `backups` (the newest first) and `csv_source` (by name)."""
    deadline = time.monotonic() + SECONDS
    sources: dict[str, SharedWork[list[Listed]]] = current_app.extensions["sources"]
    begun = {name: work.begin() for name, work in sources.items()}
    found = {}
    for name, outcome in begun.items():
        try:
            found[name] = Seen(outcome.result(max(0.0, deadline - time.monotonic())))
        except HiringError as error:
            found[name] = Seen([], sentence(error))
        except TimeoutError:
            found[name] = Seen([], f"it gave no answer within {SECONDS:g} seconds")
    return found


def _backups(backup_dir: str) -> list[Listed]:
    """The zips of the kept backups, newest first.

    Raises:
        StorageUnavailable: it cannot be listed, or no backup could be kept there.
    """
    store = open_store(backup_dir)
    store.require_writable()
    return [Listed(f"{name}.zip", size) for name, size in kept_sizes(store).items()]
