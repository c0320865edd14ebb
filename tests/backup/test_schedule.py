"""Backups on a schedule: when one is due, and what a round of the work does."""

import json
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest

from hiring_api.backup import catalogue, retention
from hiring_api.backup.file_store import open_store
from hiring_api.backup.schedule import Plan, Schedule, next_due, run_round
from hiring_api.database.lease import leased
from hiring_api.errors import Busy, DatabaseUnavailable, InvalidFile, StorageUnavailable
from hiring_api.model.tables import Department
from tests.backup.conftest import names

DAILY = Schedule(timedelta(days=1))
PLAN = Plan(DAILY, "decode", retention.Retention(30, None))
RIGHT = catalogue.Verified("decode", "2026-01-01T00:00:00Z", ok=True)


def aged(engine, store, age, **changes):
    """A whole backup that seems as old as `age`, and verified unless `changes` of its entry say otherwise."""
    kept = retention.keep(engine, store)
    with store.open(f"{kept.name}.zip") as file:
        content = file.read()
    catalogue.remove(store, kept.name)
    when = datetime.now(UTC).replace(microsecond=0) - age
    name = f"{when:%Y%m%dT%H%M%SZ}{kept.name[16:]}"
    old = replace(kept, **{"name": name, "time": f"{when:%Y-%m-%dT%H:%M:%SZ}", "verified": RIGHT, **changes})
    store.put(f"{name}.zip", lambda file: file.write(content) and None)
    store.put(f"{name}.json", lambda file: file.write(json.dumps(old.to_json()).encode()) and None)
    return old


def run(engine, store, plan=PLAN, *, always=False, stopped=lambda: False):
    return run_round(engine, store, plan, always=always, stopped=stopped)


@pytest.mark.parametrize(
    ("schedule", "last", "due"),
    [
        (Schedule(timedelta(hours=6)), "2026-02-28T20:30:00", "2026-03-01T02:30:00"),
        (Schedule(timedelta(hours=24), time(2, 30)), "2026-02-28T02:29:59", "2026-02-28T02:30:00"),
        (Schedule(timedelta(hours=24), time(2, 30)), "2026-02-28T02:30:00", "2026-03-01T02:30:00"),
        (Schedule(timedelta(hours=24), time(2, 30)), "2026-02-28T23:59:59", "2026-03-01T02:30:00"),
        (Schedule(timedelta(hours=24), time(0)), "2026-12-31T00:00:01", "2027-01-01T00:00:00"),
    ],
)
def test_when_the_next_one_is_due(schedule, last, due):
    assert schedule.after(datetime.fromisoformat(f"{last}Z")) == datetime.fromisoformat(f"{due}Z")


def test_the_first_one_is_kept_and_verified_at_once_and_the_next_one_waits(engine, store):
    assert next_due(engine, store, DAILY) is None
    kept = run(engine, store)
    assert (kept.verified.level, kept.verified.ok) == ("decode", True)
    assert catalogue.listed(store) == [kept]
    assert next_due(engine, store, DAILY) == datetime.fromisoformat(kept.time) + timedelta(days=1)
    assert run(engine, store) is None
    assert names(store) == [kept.name]


def test_one_that_was_missed_is_made_up_for(engine, store):
    old = aged(engine, store, timedelta(days=3))
    assert next_due(engine, store, DAILY) < datetime.now(UTC)
    kept = run(engine, store)
    assert names(store) == [kept.name, old.name]
    assert next_due(engine, store, DAILY) > datetime.now(UTC)


def test_one_that_somebody_else_kept_counts(engine, store):
    own = aged(engine, store, timedelta(hours=2))
    assert run(engine, store) is None
    assert next_due(engine, store, DAILY) == datetime.fromisoformat(own.time) + timedelta(days=1)


@pytest.mark.parametrize(
    "changes",
    [
        {"reason": catalogue.BEFORE_RESTORE},
        {"rows": {"jobs": 0}},
        {"database": {"kind": "mysql", "host": "x", "name": "y", "id": "0" * 32}},
    ],
    ids=["of a restore", "of one table", "of another database"],
)
def test_one_that_is_no_whole_backup_of_this_database_does_not_count(engine, store, changes):
    aged(engine, store, timedelta(hours=2), **changes)
    assert next_due(engine, store, DAILY) is None
    run(engine, store)
    assert len(names(store)) == 2


def test_one_from_the_future_keeps_no_other_from_being_made(engine, store):
    aged(engine, store, timedelta(days=-400))
    kept = run(engine, store)
    assert next_due(engine, store, DAILY) == datetime.fromisoformat(kept.time) + timedelta(days=1)


def test_one_that_was_not_verified_is_verified_and_no_other_kept(engine, store):
    kept = aged(engine, store, timedelta(hours=2), verified=None)
    assert next_due(engine, store, DAILY) is None
    assert run(engine, store).name == kept.name
    [entry] = catalogue.listed(store)
    assert entry.verified.ok
    assert next_due(engine, store, DAILY) == datetime.fromisoformat(kept.time) + timedelta(days=1)


def test_a_damaged_one_is_marked_nothing_is_pruned_and_the_next_one_is_in_time(engine, store):
    old = [aged(engine, store, timedelta(days=days)) for days in (2, 3)]
    bad = aged(engine, store, timedelta(hours=2), verified=None)
    store.put(f"{bad.name}.zip", lambda file: file.write(b"not what was kept") and None)
    with pytest.raises(InvalidFile, match=f"^{bad.name}: the backup {bad.name} is damaged"):
        run(engine, store, PLAN._replace(retention=retention.Retention(1, None)))
    assert names(store) == [bad.name, *(kept.name for kept in old)]
    assert catalogue.find(store, bad.name).verified.ok is False
    assert next_due(engine, store, DAILY) == datetime.fromisoformat(bad.time) + timedelta(days=1)
    assert run(engine, store) is None


def test_old_ones_are_pruned(engine, store):
    for days in (2, 3, 4):
        aged(engine, store, timedelta(days=days))
    kept = run(engine, store, PLAN._replace(retention=retention.Retention(2, None)))
    assert len(names(store)) == 2
    assert names(store)[0] == kept.name


def test_a_round_that_is_asked_for_keeps_one_that_is_not_due(engine, store):
    first, second = run(engine, store, always=True), run(engine, store, always=True)
    assert names(store) == [second.name, first.name]


@pytest.mark.parametrize("level", ["checksum", "decode", "restore"])
def test_it_is_verified_as_asked(engine, store, level):
    assert run(engine, store, PLAN._replace(level=level)).verified.level == level


def test_a_round_that_is_stopped_leaves_the_rest_to_the_next(engine, store):
    old = aged(engine, store, timedelta(days=40))
    plan = PLAN._replace(retention=retention.Retention(1, None))
    kept = run(engine, store, plan, stopped=lambda: True)
    assert kept.verified is None
    assert names(store) == [kept.name, old.name]
    assert next_due(engine, store, DAILY) is None
    answers = iter([False, True])
    assert run(engine, store, plan, stopped=lambda: next(answers)).verified.ok
    assert names(store) == [kept.name, old.name]


def test_of_two_at_once_one_works(engine, store):
    with leased(engine, "scheduled backup") as held:
        assert held
        with pytest.raises(Busy, match="another process is keeping a backup by its schedule"):
            run(engine, store)
    assert names(store) == []


def test_a_store_or_a_database_that_is_away_is_told(engine, database_url, tmp_path):
    (tmp_path / "file").touch()
    away = open_store(str(tmp_path / "file" / "kept"))
    with pytest.raises(StorageUnavailable):
        run(engine, away)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE leases RENAME TO gone")
    try:
        with pytest.raises(DatabaseUnavailable):
            run(engine, open_store(str(tmp_path / "kept")))
    finally:
        with engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE gone RENAME TO leases")
    assert names(open_store(str(tmp_path / "kept"))) == []


def test_a_row_that_no_file_can_hold_is_told_and_nothing_is_kept(engine, store):
    with engine.begin() as connection:
        connection.execute(Department.__table__.insert(), {"id": 1, "department": ""})
    with pytest.raises(Exception, match="department"):
        run(engine, store)
    assert names(store) == []
