"""Kept backups: whole ones alone are in the catalogue."""

import pytest

from hiring_api.backup import catalogue, retention
from hiring_api.backup.file_store import open_store
from hiring_api.errors import NotFound, StorageFull, StorageUnavailable
from tests.backup.conftest import names


def test_a_backup_is_kept_read_and_removed(engine, store):
    assert names(store) == []
    kept = retention.keep(engine, store)
    assert catalogue.listed(store) == [kept]
    with catalogue.opened(store, kept) as files:
        assert [file.content.rows for file in files] == [0, 0, 0]
    catalogue.remove(store, kept.name)
    with pytest.raises(NotFound) as gone:
        catalogue.find(store, kept.name)
    assert gone.value.message == f"there is no backup {kept.name}"
    assert store.names() == []
    with pytest.raises(NotFound):
        catalogue.remove(store, kept.name)


def test_a_zip_without_entry_is_not_listed_and_swept_after_a_day(engine, store):
    kept = retention.keep(engine, store)
    fresh = kept.name[:16] + "-000000.zip"
    for name in ("20200101T000000Z-abcdef01.zip", fresh, "notes.txt"):
        store.put(name, lambda file: file.write(b"half a backup") and None)
    assert names(store) == [kept.name]
    assert retention.prune(store, 30, None) == []
    assert store.names() == sorted([f"{kept.name}.json", f"{kept.name}.zip", fresh, "notes.txt"])


def test_a_failing_backup_leaves_nothing(engine, store):
    def fail(file):
        file.write(b"half a backup")
        raise StorageFull("no room")

    with pytest.raises(StorageFull):
        store.put("20200101T000000Z-abcdef01.zip", fail)
    assert store.names() == []


def test_a_backup_whose_entry_cannot_be_written_leaves_nothing(engine, store, monkeypatch):
    def fail(*_entry):
        raise StorageFull("no room")

    monkeypatch.setattr(catalogue, "_put_entry", fail)
    with pytest.raises(StorageFull):
        retention.keep(engine, store)
    assert store.names() == []


def test_an_entry_goes_before_its_zip_and_comes_after_it(engine, store, monkeypatch):
    done = []
    for what in ("put", "delete"):
        real = getattr(store, what)

        def noted(name, *rest, what=what, real=real):
            done.append((what, name))
            real(name, *rest)

        monkeypatch.setattr(store, what, noted)
    kept = retention.keep(engine, store)
    catalogue.remove(store, kept.name)
    names = [f"{kept.name}.{suffix}" for suffix in ("zip", "json")]
    assert done == [("put", names[0]), ("put", names[1]), ("delete", names[1]), ("delete", names[0])]


def test_a_damaged_entry_is_left_out_of_the_list(engine, store):
    kept = retention.keep(engine, store)
    store.put("20200101T000000Z-abcdef01.zip", lambda file: file.write(b"zip") and None)
    for text in (b"", b"[]", b"{", b'{"name": 7}', b"null"):
        store.put("20200101T000000Z-abcdef01.json", lambda file, text=text: file.write(text) and None)
        assert names(store) == [kept.name]


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/b", "", ".hidden", "x.part", "a\0b"])
def test_no_name_leads_out_of_the_store(store, name):
    with pytest.raises(NotFound):
        store.open(name)


@pytest.mark.parametrize("address", ["nowhere://x", "s3://", "s3://x/backups"])
def test_a_place_of_an_unknown_kind_is_told(address):
    with pytest.raises(StorageUnavailable, match="no place"):
        open_store(address)


def test_a_backup_folder_that_is_a_file_is_told(tmp_path):
    (tmp_path / "backups").write_text("")
    store = open_store(str(tmp_path / "backups"))
    with pytest.raises(StorageUnavailable, match="the backup folder cannot be read"):
        store.names()
    with pytest.raises(StorageUnavailable, match="the backup folder cannot be read"):
        store.open("20211107T160208Z-00000000.zip")
    with pytest.raises(StorageUnavailable, match="the backup folder cannot be written"):
        store.delete("20211107T160208Z-00000000.zip")


def test_backups_of_one_second_are_listed_newest_first(engine, store):
    kept = [retention.keep(engine, store).name for _ in range(5)]
    assert names(store) == kept[::-1]


def test_a_bucket_that_is_not_there_is_told(engine, s3):
    with pytest.raises(StorageUnavailable, match="create the bucket"):
        retention.keep(engine, open_store("s3://no-such-bucket/backups"))


def test_an_object_store_that_is_away_is_told(engine, s3, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(StorageUnavailable, match="cannot be reached"):
        retention.keep(engine, open_store("s3://bucket-of-nobody/backups"))


def test_what_a_killed_backup_left_goes_with_the_next_one(engine, tmp_path):
    store = open_store(str(tmp_path))
    (tmp_path / ".hiring-0a1b2c3d.part").write_bytes(b"half a backup")
    kept = retention.keep(engine, store)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{kept.name}.json", f"{kept.name}.zip"]
