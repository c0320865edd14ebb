"""What FILE on the command line names: an Avro file, a zip, or a kept backup."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hiring_api.avro.reader import AvroRows, table_of
from hiring_api.backup import catalogue
from hiring_api.backup.archive import open_archive, read_manifest, tables_in
from hiring_api.backup.file_store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from hiring_api.database.identity import Database
    from hiring_api.settings import Settings

_ZIP: Final = b"PK"

NEWEST: Final = "newest"  # for FILE: the newest kept backup that somebody asked for


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A backup that was named: its files, parents first, and what is known of it.

    `kept` is its entry where it is a kept one; `time` and `database` are None in an Avro file.
    """

    name: str
    files: list[AvroRows]
    kept: catalogue.KeptBackup | None = None
    time: str | None = None
    database: Mapping[str, Any] | None = None


def kept_backup(
    name: str, settings: Settings, here: Callable[[], Database | None]
) -> catalogue.KeptBackup | None:
    """The entry of the kept backup of that name; None if a file has it. The arguments are as in `opened`.

    Raises:
        NotFound: there is no such file and no such kept backup.
    """
    if Path(name).exists():
        return None
    store = open_store(settings.backup_dir)
    return catalogue.newest(store, here()) if name == NEWEST else catalogue.find(store, name)


@contextmanager
def opened(
    name: str, settings: Settings, here: Callable[[], Database | None], *, tolerant: bool
) -> Iterator[NamedFile]:
    """The backup of that name; `here` tells whose newest one is meant, `tolerant` leaves extra fields out.

    Raises:
        NotFound: there is no such file and no such kept backup.
        InvalidFile: it is damaged.
    """
    kept = kept_backup(name, settings, here)
    if kept is not None:
        with catalogue.opened(open_store(settings.backup_dir), kept) as files:
            yield NamedFile(kept.name, files, kept, kept.time, kept.database)
        return
    path = Path(name)
    with path.open("rb") as raw:
        file = raw
        start = file.read(len(_ZIP))
        file.seek(0)
        if start != _ZIP:
            yield NamedFile(name, [AvroRows(file, table_of(file, path.name), ignore_extra=tolerant)])
            return
        with open_archive(file, tables_in(file), ignore_extra=tolerant) as files:
            manifest = read_manifest(file)
            yield NamedFile(name, files, None, manifest.get("time"), manifest.get("database"))
