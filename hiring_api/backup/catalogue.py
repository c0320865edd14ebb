"""The catalogue of kept backups: each is a zip, and beside it an entry, a JSON file that describes it.

The entry is written last and deleted first, so that a crash leaves no incomplete backup in the catalogue.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import IO, TYPE_CHECKING, Any, Final

from hiring_api.database.identity import is_other
from hiring_api.errors import Conflict, InvalidFile, InvalidRows, NotFound
from hiring_api.model.tables import tables

from .archive import open_archive
from .backup import FORMAT, Manifest, backup_all
from .seal import digest_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Engine, Table

    from hiring_api.avro.reader import AvroRows
    from hiring_api.database.identity import Database

    from .export import Tell
    from .file_store import Store

log = logging.getLogger(__name__)

REQUESTED, BEFORE_RESTORE = REASONS = ("requested", "before restore")  # why a backup was kept
DAMAGED: Final = (InvalidFile, InvalidRows, Conflict)  # what `verify` raises for a backup that is not intact
_NAME: Final = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}")
_BEING_WRITTEN: Final = timedelta(days=1)  # a younger zip without an entry may be one that is being written
_ENTRY_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Verified:
    """The last verification: its level, when it was (UTC, ISO 8601), and if the backup was intact."""

    level: str
    time: str
    ok: bool


@dataclass(frozen=True, slots=True)
class KeptBackup:
    """An entry of the catalogue.

    `rows` has the number of rows of each table; `bytes` and `sha256` are those of the zip.
    """

    name: str
    time: str
    reason: str
    bytes: int
    sha256: str
    rows: dict[str, int]
    codec: str
    revision: str | None
    database: dict[str, Any] | None = None
    verified: Verified | None = None
    format: int = FORMAT

    def to_json(self) -> dict[str, Any]:
        """Return the entry as it is stored, and as users see it."""
        return asdict(self)

    def tables(self) -> list[Table]:
        """Return the tables that the backup holds, parents first."""
        return [table for table in tables() if table.name in self.rows]


def add(
    engine: Engine, store: Store, reason: str, chosen: Sequence[Table] | None, codec: str, tell: Tell | None
) -> KeptBackup:
    """Write a backup of the tables, and its entry; the arguments are those of `retention.keep`.

    Raises:
        BackupsFull: there is no room left; nothing was kept.
        StorageUnavailable: the store cannot be reached.
    """
    now = datetime.now(UTC)
    # Microseconds first, so that names sort by time within a second as well
    name = f"{now:%Y%m%dT%H%M%SZ}-{now.microsecond:05x}{secrets.token_hex(2)[:3]}"
    made: list[tuple[Manifest, int, str]] = []

    def write(file: IO[bytes]) -> None:
        manifest = backup_all(engine, file, codec, chosen, tell)
        made.append((manifest, file.seek(0, 2), digest_of(file)))

    store.put(f"{name}.zip", write)
    [(manifest, size, digest)] = made
    rows = {entry.table: entry.rows for entry in manifest.files}
    kept = KeptBackup(
        name, manifest.time, reason, size, digest, rows, codec, manifest.revision, manifest.database
    )
    try:
        _put_entry(store, kept)
    except BaseException:
        store.delete(f"{name}.zip")
        raise
    return kept


def _put_entry(store: Store, kept: KeptBackup) -> None:
    text = json.dumps(kept.to_json(), indent=2).encode()
    store.put(f"{kept.name}.json", lambda file: file.write(text))


def kept_names(store: Store) -> list[str]:
    """Return the names of all kept backups, newest first; no entry is read."""
    return list(kept_sizes(store))


def kept_sizes(store: Store) -> dict[str, int]:
    """Return the bytes of each kept backup's zip by the backup's name, newest first; no entry is read."""
    sizes = store.sizes()
    found = [name[:-5] for name in sizes if name.endswith(".json") and f"{name[:-5]}.zip" in sizes]
    return {name: sizes[f"{name}.zip"] for name in sorted(found, reverse=True)}


def listed(store: Store, after: str | None = None, limit: int | None = None) -> list[KeptBackup]:
    """Return kept backups, newest first: those older than the one named `after`, at most `limit`.

    No other entries are read, because in a bucket each is a request of its own.
    """
    entries: list[KeptBackup] = []
    for name in kept_names(store):
        if after is not None and name >= after:
            continue
        if len(entries) == limit:
            break
        try:
            entries.append(find(store, name))
        except NotFound:  # deleted meanwhile, or not an entry of ours
            continue
    return entries


def newest(store: Store, here: Database | None = None) -> KeptBackup:
    """Return the newest backup that somebody asked for; those known to be of another database do not count.

    Raises:
        NotFound: there is none.
    """
    for kept in listed(store):
        if kept.reason == REQUESTED and not is_other(here, kept.database):
            return kept
    raise NotFound("there are no backups that were asked for: the command backup keeps one")


def find(store: Store, name: str) -> KeptBackup:
    """Return the entry of a backup.

    Raises:
        NotFound: there is none.
    """
    if not _NAME.fullmatch(name):
        raise NotFound(f"there is no backup {name[:64]!r}")
    try:
        with store.open(f"{name}.json") as file:
            text = file.read(_ENTRY_BYTES)
    except NotFound:
        raise NotFound(f"there is no backup {name}") from None
    try:
        entry = json.loads(text)
        verified = Verified(**entry["verified"]) if entry.get("verified") else None
        return KeptBackup(**{**entry, "name": name, "verified": verified})
    except (ValueError, TypeError, AttributeError):
        log.warning("the entry of the backup %s is damaged", name)
        raise NotFound(f"the entry of the backup {name} is damaged") from None


@contextmanager
def opened(store: Store, kept: KeptBackup) -> Iterator[list[AvroRows]]:
    """Open a kept backup; yield a reader for each of its tables, parents first.

    Raises:
        InvalidFile: it is damaged.
    """
    with open_zip(store, kept) as file, open_archive(file, kept.tables()) as files:
        yield files


def open_zip(store: Store, kept: KeptBackup) -> IO[bytes]:
    """Open the zip of a kept backup and compare its SHA-256; the caller closes the file.

    Raises:
        InvalidFile: its bytes are not those that were kept.
    """
    file = store.open(f"{kept.name}.zip")
    with ExitStack() as on_error:
        on_error.callback(file.close)
        if digest_of(file) != kept.sha256:
            raise InvalidFile(f"the backup {kept.name} is damaged: its bytes are not those that were kept")
        file.seek(0)
        on_error.pop_all()
    return file


def mark(store: Store, kept: KeptBackup, level: str, *, ok: bool) -> KeptBackup:
    """Store the result of a verification in the entry; return the new entry."""
    marked = replace(kept, verified=Verified(level, f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", ok))
    _put_entry(store, marked)
    return marked


def remove(store: Store, name: str) -> None:
    """Delete a backup.

    Raises:
        NotFound: there is none of this name.
    """
    kept = find(store, name)
    store.delete(f"{kept.name}.json")
    store.delete(f"{kept.name}.zip")


def remove_leftovers(store: Store) -> None:
    """Delete zips that a crash left without an entry, a day after they were begun."""
    names = set(store.names())
    before = f"{datetime.now(UTC) - _BEING_WRITTEN:%Y%m%dT%H%M%SZ}"
    for name in names:
        stem = name.removesuffix(".zip")
        if name.endswith(".zip") and _NAME.fullmatch(stem) and f"{stem}.json" not in names and stem < before:
            store.delete(name)
