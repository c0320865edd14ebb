"""Which backups go and which ones stay: the ones that matter are never deleted."""

import errno
import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from hiring_api.backup import backup, catalogue, retention
from hiring_api.backup.file_store import open_store
from hiring_api.database import identity
from hiring_api.database.lease import leased
from hiring_api.errors import BackupsFull, CommitUnsure, DatabaseUnavailable, StorageFull, StorageUnavailable
from tests.avro.avro_files import DEPARTMENTS
from tests.backup.conftest import names


def aged(engine, store, days, verified=None, **changes):
    """A kept backup that seems `days` old."""
    kept = retention.keep(engine, store)
    catalogue.remove(store, kept.name)
    when = datetime.now(UTC) - timedelta(days=days)
    name = f"{when:%Y%m%dT%H%M%SZ}{kept.name[16:]}"
    old = replace(kept, name=name, time=f"{when:%Y-%m-%dT%H:%M:%SZ}", verified=verified, **changes)
    store.put(f"{name}.zip", lambda file: file.write(b"zip") and None)
    store.put(f"{name}.json", lambda file: file.write(json.dumps(old.to_json()).encode()) and None)
    return name


def test_retention_keeps_the_newest_and_the_newest_verified_one(engine, store):
    whole = catalogue.Verified("decode", "2026-01-01T00:00:00Z", ok=True)
    broken = catalogue.Verified("decode", "2026-01-01T00:00:00Z", ok=False)
    oldest = aged(engine, store, 50, whole)
    verified = aged(engine, store, 40, whole)
    failed = aged(engine, store, 30, broken)
    newer = aged(engine, store, 3)
    newest = aged(engine, store, 2)
    assert set(retention.prune(store, 2, None)) == {oldest, failed}
    assert names(store) == [newest, newer, verified]
    assert retention.prune(store, 30, 1) == [newer]
    assert names(store) == [newest, verified]


COPY = {"reason": "before restore"}


def test_retention_covers_what_restores_kept_and_spares_what_was_asked_for(engine, store):
    asked = [aged(engine, store, days) for days in (90, 80, 70)]
    copies = [aged(engine, store, days, **COPY) for days in (60, 50, 40, 30, 20, 10)]
    assert set(retention.prune(store, 3, None)) == {*asked[:2], *copies[:4]}
    assert names(store) == [copies[5], copies[4], asked[2]]
    assert retention.prune(store, 1, 1) == [copies[4]]
    assert names(store) == [copies[5], asked[2]]


def test_what_was_just_restored_stays_until_the_next_time(engine, store):
    old, newer, newest = (aged(engine, store, days) for days in (3, 2, 1))
    assert retention.prune(store, 1, None, spare=old) == [newer]
    assert names(store) == [newest, old]


def test_backups_of_another_database_are_neither_pruned_nor_counted_nor_the_newest(engine, store):
    here = identity.database_of(engine)
    there = {**here.to_json(), "id": "f" * 32}
    ours = [aged(engine, store, days) for days in (9, 8, 7)]
    theirs = [aged(engine, store, days, database=there) for days in (99, 2, 1)]
    assert catalogue.newest(store, here).name == ours[2]
    assert catalogue.newest(store).name == theirs[2]
    assert retention.prune(store, 2, None, here) == [ours[0]]
    assert set(names(store)) == {*ours[1:], *theirs}


@pytest.fixture
def small(engine, tmp_path, monkeypatch):
    """A folder that holds one backup, on a disk with room for three and a half."""
    store = open_store(str(tmp_path / "small"))
    real = store.put

    def used():
        return sum(path.stat().st_size for path in (tmp_path / "small").glob("*.zip"))

    def put(name, write):
        def limited(file):
            write(file)
            if used() + file.tell() > 3.5 * one:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        real(name, limited)

    one = retention.keep(engine, store).bytes
    monkeypatch.setattr(store, "put", put)
    return store


def test_the_oldest_backups_make_room_for_a_new_one(engine, small):
    kept = [retention.keep(engine, small).name for _ in range(4)]
    assert names(small) == kept[:0:-1]
    catalogue.mark(small, catalogue.find(small, kept[1]), "decode", ok=True)
    copies = [retention.keep(engine, small, catalogue.BEFORE_RESTORE).name for _ in range(2)]
    assert set(names(small)) == {kept[1], kept[3], copies[1]}  # verified, asked for, and the present one
    assert sorted(path.suffix for path in Path(small._path).iterdir()) == [".json"] * 3 + [".zip"] * 3


def test_what_may_not_go_does_not_make_room(engine, small):
    [first] = names(small)
    catalogue.mark(small, catalogue.find(small, first), "decode", ok=True)
    restored = retention.keep(engine, small).name
    asked = retention.keep(engine, small).name
    with (
        pytest.raises(BackupsFull),
        retention.kept_before(engine, small, retention.Retention(30, None), restored, [DEPARTMENTS]),
    ):
        raise AssertionError
    assert names(small) == [asked, restored, first]


def test_where_the_disk_of_temporary_files_is_full_no_backup_goes(engine, store, monkeypatch):
    kept = [retention.keep(engine, store).name for _ in range(3)]
    full = partial(Path("/dev/full").open, "w+b", buffering=0)
    monkeypatch.setattr(backup.tempfile, "TemporaryFile", full)
    with pytest.raises(StorageFull, match="no room left"):
        retention.keep(engine, store)
    monkeypatch.undo()
    assert names(store) == kept[::-1]


@pytest.mark.parametrize(("error", "stays"), [(CommitUnsure, True), (DatabaseUnavailable, False)])
def test_what_a_restore_replaced_is_kept_where_nobody_knows_whether_it_did(engine, store, error, stays):
    limits = retention.Retention(30, None)
    with (
        pytest.raises(error),
        retention.kept_before(engine, store, limits, "", [DEPARTMENTS]) as name,
    ):
        raise error("away")
    assert names(store) == ([name] if stays else [])


def test_what_another_process_is_deleting_is_left_to_it(engine, store, monkeypatch, caplog):
    kept = [retention.keep(engine, store).name for _ in range(3)]
    monkeypatch.setattr(retention, "_WAIT_SECONDS", 0.1)
    with leased(engine, "retention"):
        retention.prune_old(engine, store, retention.Retention(1, None))
    assert names(store) == kept[::-1]
    assert "old backups are left to another process, which is deleting some" in caplog.messages
    retention.prune_old(engine, store, retention.Retention(1, None))
    assert names(store) == kept[:1:-1]


def test_a_database_that_goes_away_lets_old_backups_stay(engine, store, monkeypatch, caplog):
    kept = [retention.keep(engine, store).name for _ in range(3)]

    def away(*_given):
        raise DatabaseUnavailable("the database is away")

    monkeypatch.setattr(retention, "transaction", away)
    retention.prune_old(engine, store, retention.Retention(1, None))
    assert names(store) == kept[::-1]
    assert "old backups were not deleted: the database is away" in caplog.messages


def test_a_restore_is_done_though_old_backups_cannot_be_deleted(engine, store, monkeypatch, caplog):
    def away(*_given):
        raise StorageUnavailable("the store is away")

    monkeypatch.setattr(retention, "prune_old", away)
    with retention.kept_before(engine, store, retention.Retention(1, None), "", [DEPARTMENTS]) as name:
        pass
    assert names(store) == [name]
    assert "old backups were not deleted: the store is away" in caplog.messages
