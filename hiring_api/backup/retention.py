"""How many backups are kept, and which ones go.

Old ones go after a new one was kept (`prune_old`), and to make room where the disk is full (`keep`). These
always stay: the newest that somebody asked for, the newest that was verified, and those of other databases.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from hiring_api.database.identity import database_of, is_other
from hiring_api.database.lease import leased
from hiring_api.database.transactions import transaction
from hiring_api.errors import (
    BackupsFull,
    Busy,
    CommitUnsure,
    Conflict,
    DatabaseUnavailable,
    HiringError,
    NotFound,
)

from .catalogue import BEFORE_RESTORE, REQUESTED, add, listed, remove, remove_leftovers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy import Engine, Table

    from hiring_api.database.identity import Database

    from .catalogue import KeptBackup
    from .export import Tell
    from .file_store import Store

log = logging.getLogger(__name__)

_WAIT_SECONDS: Final = 20  # for another process that deletes old backups


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
    """Keep a backup of all tables, or of those in `chosen`, and return its entry.

    Where the disk is full, older backups of this database are deleted, the oldest first, until there is room.

    Args:
        engine: the database.
        store: where backups are kept.
        reason: REQUESTED or BEFORE_RESTORE.
        chosen: the tables, parents first; None for all.
        codec: the codec of the Avro files in the zip.
        tell: is called with a number of rows whenever that many more were written.
        spare: the name of a backup that is not deleted to make room.

    Raises:
        StorageUnavailable: the store cannot be reached.
        StorageFull: there is no room, and no backup may be deleted; nothing was kept.
    """
    here = database_of(engine)
    while True:
        try:
            return add(engine, store, reason, chosen, codec, tell)
        except BackupsFull:
            entries = _of_database(store, here)
            stays = {*_always_kept(entries), spare}
            may_go = [entry.name for entry in entries if entry.name not in stays]
            if not may_go:
                raise
            log.warning("there is no room for a backup: the oldest one, %s, is deleted", may_go[-1])
            with suppress(NotFound):  # another process has made room meanwhile
                remove(store, may_go[-1])


def prune_old(engine: Engine, store: Store, retention: Retention, spare: str = "") -> None:
    """`prune` by one process at a time; what the database does not allow is logged and left to the next one.

    Raises:
        StorageUnavailable: the store cannot be reached.
    """
    try:
        with leased(engine, "retention", _WAIT_SECONDS) as lease:
            if lease is None:
                log.warning("old backups are left to another process, which is deleting some")
                return
            here = database_of(engine)
            prune(store, *retention, here, spare, lambda: transaction(engine, lease.confirm))
    except (Busy, DatabaseUnavailable) as error:
        log.warning("old backups were not deleted: %s", error.message)


def _sure() -> None:
    """Nobody else deletes backups."""


def prune(
    store: Store,
    most: int,
    days: int | None,
    here: Database | None = None,
    spare: str = "",
    confirm: Callable[[], None] = _sure,
) -> list[str]:
    """Delete all but the newest `most` backups, and those older than `days`; return the names of the deleted.

    Backups that restores kept count as well. Never deleted: the newest, the newest that was asked for, the
    newest verified one, the one named `spare`, and those of other databases than `here`. `confirm` is called
    before each is deleted, and may raise an error instead.
    """
    entries = _of_database(store, here)
    asked, whole = _always_kept(entries)
    stays = {asked, whole, spare, *(entry.name for entry in entries[:1])}
    # The newest one that was asked for is counted before the copies that restores kept since
    entries.sort(key=lambda entry: entry.name != asked)
    limit = "" if days is None else f"{datetime.now(UTC) - timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}"
    gone = [
        entry.name
        for index, entry in enumerate(entries)
        if entry.name not in stays and (index >= most or entry.time < limit)
    ]
    for name in gone:
        confirm()
        with suppress(NotFound):  # somebody has deleted it meanwhile
            remove(store, name)
    remove_leftovers(store)
    return gone


def _of_database(store: Store, here: Database | None) -> list[KeptBackup]:
    """The entries of one database, newest first. Entries that name no database count as its own."""
    return [entry for entry in listed(store) if not is_other(here, entry.database)]


def _always_kept(entries: Sequence[KeptBackup]) -> tuple[str, str]:
    """Names of two entries: the newest that was asked for (else the newest), and the newest verified one.

    A name is "" where there is no such entry.
    """
    asked = [entry for entry in entries if entry.reason == REQUESTED] or entries
    whole = [entry for entry in entries if entry.verified and entry.verified.ok]
    return asked[0].name if asked else "", whole[0].name if whole else ""


@contextmanager
def kept_before(
    engine: Engine, store: Store, retention: Retention, restored: str, chosen: Sequence[Table]
) -> Iterator[str]:
    """Keep the rows that a restore is about to replace, and yield the backup's name.

    If the restore fails, this backup is deleted again; if it succeeds, old backups are pruned. `restored` is
    the name of the backup that is restored, if it is a kept one: it is not deleted to make room.

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
        with suppress(NotFound):
            remove(store, kept.name)
        raise
    try:
        prune_old(engine, store, retention, restored)
    except HiringError as error:  # the rows are restored, whatever becomes of old backups
        log.warning("old backups were not deleted: %s", error.message)
