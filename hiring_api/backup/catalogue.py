"""Backups that are kept: each a zip, and beside it an entry that says what is in it.

The entry is written last and deleted first, so a crash leaves no half backup in the catalogue.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import IO, TYPE_CHECKING, Any, Final

from hiring_api.database.identity import is_other
from hiring_api.errors import (
    Conflict,
    InvalidFile,
    InvalidRows,
    NotFound,
)
from hiring_api.model.tables import tables

from .archive import open_archive
from .backup import Manifest, backup_all

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Engine, Table

    from hiring_api.avro.reader import AvroRows
    from hiring_api.database.identity import Database

    from .backup import Tell
    from .file_store import Store

log = logging.getLogger(__name__)

REQUESTED, BEFORE_RESTORE = REASONS = ("requested", "before restore")  # why a backup was kept
DAMAGED: Final = (InvalidFile, InvalidRows, Conflict)  # what a verification finds
_NAME: Final = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}")
_LEFT_ALONE: Final = timedelta(days=1)  # a zip without entry may be one that is being written
_PIECE: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Verified:
    """The last verification: how deep, when (UTC), and whether the backup was found whole."""

    level: str
    time: str
    ok: bool


@dataclass(frozen=True, slots=True)
class KeptBackup:
    """An entry of the catalogue. `rows` are those of each table, `bytes` and `sha256` those of the zip."""

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
    format: int = field(default=1)

    def to_json(self) -> dict[str, Any]:
        """The entry as users see it and as it is stored."""
        return asdict(self)

    def tables(self) -> list[Table]:
        """The tables that are in it, parents first."""
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
        made.append((manifest, file.seek(0, 2), _digest(file)))

    store.put(f"{name}.zip", write)
    [(manifest, size, digest)] = made
    rows = {entry.table: entry.rows for entry in manifest.files}
    kept = KeptBackup(
        name, manifest.time, reason, size, digest, rows, codec, manifest.revision, manifest.database
    )
    try:
        _note(store, kept)
    except BaseException:
        store.delete(f"{name}.zip")
        raise
    return kept


def _digest(file: IO[bytes]) -> str:
    digest = sha256()
    file.seek(0)
    while piece := file.read(_PIECE):
        digest.update(piece)
    return digest.hexdigest()


def _note(store: Store, kept: KeptBackup) -> None:
    text = json.dumps(kept.to_json(), indent=2).encode()
    store.put(f"{kept.name}.json", lambda file: _write(file, text))


def _write(file: IO[bytes], text: bytes) -> None:
    file.write(text)


def kept_names(store: Store) -> list[str]:
    """The names of all kept backups, newest first; no entry is read."""
    names = set(store.names())
    found = [name[:-5] for name in names if name.endswith(".json") and f"{name[:-5]}.zip" in names]
    return sorted(found, reverse=True)


def listed(store: Store, after: str | None = None, limit: int | None = None) -> list[KeptBackup]:
    """The kept backups, newest first: those older than the one named `after`, at most `limit` of them.

    Only their entries are read: in a bucket each is a request of its own.
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
    """The newest backup that somebody asked for, of this database as far as that is known.

    Raises:
        NotFound: there is none.
    """
    for kept in listed(store):
        if kept.reason == REQUESTED and not is_other(here, kept.database):
            return kept
    raise NotFound("there are no backups that were asked for: the command backup keeps one")


def find(store: Store, name: str) -> KeptBackup:
    """The entry of a backup.

    Raises:
        NotFound: there is none.
    """
    if not _NAME.fullmatch(name):
        raise NotFound(f"there is no backup {name[:64]!r}")
    try:
        with store.open(f"{name}.json") as file:
            text = file.read(_PIECE)
    except NotFound:
        raise NotFound(f"there is no backup {name}") from None
    try:
        said = json.loads(text)
        verified = Verified(**said.pop("verified")) if said.get("verified") else None
        return KeptBackup(**{**said, "name": name, "verified": verified})
    except (ValueError, TypeError, AttributeError):
        log.warning("the entry of the backup %s is damaged", name)
        raise NotFound(f"the entry of the backup {name} is damaged") from None


@contextmanager
def opened(store: Store, kept: KeptBackup) -> Iterator[list[AvroRows]]:
    """The files of a kept backup, parents first.

    Raises:
        InvalidFile: it is damaged.
    """
    with open_zip(store, kept) as file, open_archive(file, kept.tables()) as files:
        yield files


def open_zip(store: Store, kept: KeptBackup) -> IO[bytes]:
    """The zip of a kept backup, at its beginning; the caller closes it.

    Raises:
        InvalidFile: its bytes are not those that were kept.
    """
    file = store.open(f"{kept.name}.zip")
    with ExitStack() as on_error:
        on_error.callback(file.close)
        if _digest(file) != kept.sha256:
            raise InvalidFile(f"the backup {kept.name} is damaged: its bytes are not those that were kept")
        file.seek(0)
        on_error.pop_all()
    return file


def mark(store: Store, kept: KeptBackup, level: str, *, ok: bool) -> KeptBackup:
    """Notes in the catalogue what a verification found."""
    noted = replace(kept, verified=Verified(level, f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", ok))
    _note(store, noted)
    return noted


def remove(store: Store, name: str) -> None:
    """Deletes a backup; raises NotFound."""
    kept = find(store, name)
    store.delete(f"{kept.name}.json")
    store.delete(f"{kept.name}.zip")


def remove_leftovers(store: Store) -> None:
    """Delete zips that a crash left without an entry, a day after they were begun."""
    names = set(store.names())
    before = f"{datetime.now(UTC) - _LEFT_ALONE:%Y%m%dT%H%M%SZ}"
    for name in names:
        stem = name.removesuffix(".zip")
        if name.endswith(".zip") and _NAME.fullmatch(stem) and f"{stem}.json" not in names and stem < before:
            store.delete(name)
