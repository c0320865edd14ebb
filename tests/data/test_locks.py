"""Named locks exclude others, whatever thread or process they are in."""

import pytest

from hiring_api.data.locks import named_lock


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
