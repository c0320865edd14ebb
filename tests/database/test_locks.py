"""Named locks exclude others, whatever thread or process they are in."""

import fcntl
from contextlib import ExitStack

import pytest
from sqlalchemy import text

from hiring_api.database.dialects import sqlite
from hiring_api.database.engine import open_engine
from hiring_api.database.locks import named_lock


def test_a_lock_is_held_by_one_at_a_time_and_free_afterwards(engine):
    with named_lock(engine, "restore") as first, named_lock(engine, "restore") as second:
        assert (first, second) == (True, False)
    with named_lock(engine, "restore") as again:
        assert again


def test_locks_of_other_names_do_not_exclude_each_other(engine):
    with named_lock(engine, "restore") as first, named_lock(engine, "migration") as second:
        assert (first, second) == (True, True)


def test_a_lock_is_freed_when_its_work_fails(engine):
    with pytest.raises(KeyError), named_lock(engine, "restore"):
        raise KeyError
    with named_lock(engine, "restore") as held:
        assert held


def test_locks_of_other_databases_do_not_exclude_each_other(engine, tmp_path):
    if engine.dialect.name == "sqlite":
        other = open_engine(engine.url.set(database=str(tmp_path / "other.db")))
    else:
        other = open_engine(engine.url.set(database="hiring_other"))
        with engine.connect() as connection:
            connection.execute(text("CREATE DATABASE IF NOT EXISTS hiring_other"))
    try:
        with named_lock(engine, "restore") as first, named_lock(other, "restore") as second:
            assert (first, second) == (True, True)
            with named_lock(engine, "restore") as again, named_lock(other, "restore") as also:
                assert (again, also) == (False, False)
    finally:
        other.dispose()
        if engine.dialect.name != "sqlite":
            with engine.connect() as connection:
                connection.execute(text("DROP DATABASE hiring_other"))


def test_a_file_that_its_holder_removed_after_another_opened_it_is_no_lock(engine, monkeypatch):
    """Else the next one, who finds no file and makes a new one, would hold the lock as well."""
    if engine.dialect.name != "sqlite":
        pytest.skip("a server keeps locks without files")
    holder = ExitStack()
    assert holder.enter_context(named_lock(engine, "restore"))
    real = fcntl.flock

    def flock(file, how):
        holder.close()  # between the opening and the locking
        real(file, how)

    monkeypatch.setattr(sqlite.fcntl, "flock", flock)
    with named_lock(engine, "restore") as second, named_lock(engine, "restore") as third:
        assert (second, third) == (True, False)
