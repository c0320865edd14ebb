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
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple

from hiring_api.database.identity import database_of, is_other
from hiring_api.errors import (
    BackupsFull,
    CommitUnsure,
    Conflict,
    HiringError,
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


class Retention(NamedTuple):
    """How many backups are kept, and for how many days (None: without end)."""

    most: int
    days: int | None


def keep(
    engine: Engine,
    store: Store,
    reason: str = REQUESTED,
    *,
    chosen: Sequence[Table] | None = None,
    codec: str = "deflate",
    tell: Tell | None = None,
    spare: str = "",
) -> KeptBackup:
    """Keeps a backup of all tables, or of those chosen; `tell` is told numbers of rows as they are written.

    Where there is no room, older backups of the database go, the oldest first, but not the one named `spare`.

    Raises:
        StorageUnavailable: the store cannot be reached.
        StorageFull: there is no room left, of backups that may go either; nothing was kept.
    """
    here = database_of(engine)
    while True:
        try:
            return _keep(engine, store, reason, chosen, codec, tell)
        except BackupsFull:
            entries = _own(store, here)
            stays = {*_needed(entries), spare}
            may_go = [entry.name for entry in entries if entry.name not in stays]
            if not may_go:
                raise
            log.warning("there is no room for a backup: the oldest one, %s, is deleted", may_go[-1])
            remove(store, may_go[-1])


def _keep(
    engine: Engine, store: Store, reason: str, chosen: Sequence[Table] | None, codec: str, tell: Tell | None
) -> KeptBackup:
    now = datetime.now(UTC)
    # Microseconds first, so that names sort by time within a second as well
    name = f"{now:%Y%m%dT%H%M%SZ}-{now.microsecond:05x}{secrets.token_hex(2)[:3]}"
    made: list[tuple[Manifest, int, str]] = []

    def write(file: BinaryIO) -> None:
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


def _digest(file: BinaryIO) -> str:
    digest = sha256()
    file.seek(0)
    while piece := file.read(_PIECE):
        digest.update(piece)
    return digest.hexdigest()


def _note(store: Store, kept: KeptBackup) -> None:
    text = json.dumps(kept.to_json(), indent=2).encode()
    store.put(f"{kept.name}.json", lambda file: _write(file, text))


def _write(file: BinaryIO, text: bytes) -> None:
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


def open_zip(store: Store, kept: KeptBackup) -> BinaryIO:
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


def prune(
    store: Store, most: int, days: int | None, here: Database | None = None, spare: str = ""
) -> list[str]:
    """Deletes what is more than the newest `most`, or older than `days`; the names of what went.

    What restores kept counts as well. The newest stays, the newest that was asked for, the newest verified
    one, the one named `spare`, and every backup of another database than `here`.
    """
    entries = _own(store, here)
    asked, whole = _needed(entries)
    stays = {asked, whole, spare, *(entry.name for entry in entries[:1])}
    # The newest one that was asked for is counted before the copies that restores kept since
    entries.sort(key=lambda entry: entry.name != asked)
    limit = "" if days is None else f"{datetime.now(UTC) - timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}"
    gone = [
        entry.name
        for place, entry in enumerate(entries)
        if entry.name not in stays and (place >= most or entry.time < limit)
    ]
    for name in gone:
        remove(store, name)
    _sweep(store)
    return gone


def _own(store: Store, here: Database | None) -> list[KeptBackup]:
    """The kept backups of a database, newest first, with those that name none."""
    return [entry for entry in listed(store) if not is_other(here, entry.database)]


def _needed(entries: Sequence[KeptBackup]) -> tuple[str, str]:
    """The names of the newest one that was asked for (else the newest), and of the newest verified one."""
    asked = [entry for entry in entries if entry.reason == REQUESTED] or entries
    whole = [entry for entry in entries if entry.verified and entry.verified.ok]
    return asked[0].name if asked else "", whole[0].name if whole else ""


def _sweep(store: Store) -> None:
    """Deletes zips that a crash left without an entry, once they are old enough."""
    names = set(store.names())
    before = f"{datetime.now(UTC) - _LEFT_ALONE:%Y%m%dT%H%M%SZ}"
    for name in names:
        stem = name.removesuffix(".zip")
        if name.endswith(".zip") and _NAME.fullmatch(stem) and f"{stem}.json" not in names and stem < before:
            store.delete(name)


@contextmanager
def kept_before(
    engine: Engine, store: Store, retention: Retention, restored: str, chosen: Sequence[Table]
) -> Iterator[str]:
    """Keeps what a restore is about to replace, and yields the name; forgotten if the restore fails.

    `restored` names the backup that is restored, if it is a kept one: it does not go to make room.

    Raises:
        Conflict: a stored row is so wrong that no file could hold it.
    """
    try:
        kept = keep(engine, store, BEFORE_RESTORE, chosen=chosen, spare=restored)
    except Conflict as error:
        raise Conflict(f"{error.message}; or restore with keep=false, which forgets it") from error
    try:
        yield kept.name
    except CommitUnsure:
        log.warning("what the restore replaced, if it did, is kept as %s", kept.name)
        raise
    except BaseException:
        remove(store, kept.name)
        raise
    try:
        prune(store, *retention, database_of(engine), restored)
    except HiringError as error:  # the rows are restored, whatever becomes of old backups
        log.warning("old backups were not deleted: %s", error.message)
