"""A load while others write into the same tables: every row has one fate, and no reference dangles."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from functools import partial
from threading import Event, Thread

import pytest
from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError

from hiring_api.csv_input import records
from hiring_api.csv_input.files import Choices, inspect, on_disk
from hiring_api.database.dialects.mysql import load_data, parent_locks
from hiring_api.database.transactions import transaction
from hiring_api.errors import DatabaseUnavailable
from hiring_api.loading import apply, loader
from hiring_api.loading.task import Task
from hiring_api.model.tables import Department, Employee, Job
from hiring_api.rejects.record import Origin
from hiring_api.system import ordered_steps
from tests.conftest import on_record

departments, jobs, employees = Department.__table__, Job.__table__, Employee.__table__
ROWS = 3000
NOON = datetime(2021, 7, 27, 12)


@pytest.fixture
def task(engine, tmp_path, monkeypatch):
    """Some thousand employees in many chunks."""
    monkeypatch.setattr(records, "BLOCK", 4000)

    def work(connection):
        connection.execute(insert(departments), [{"id": key, "department": "Sales"} for key in (1, 2)])
        connection.execute(insert(jobs), [{"id": 1, "job": "Clerk"}])

    transaction(engine, work)
    path = tmp_path / "employees.csv"
    path.write_text(
        "".join(f"{key},Ana,2021-07-27T12:00:00Z,{1 + key % 2},1\n" for key in range(1, ROWS + 1))
    )
    file = inspect(on_disk(path, "employees.csv"), employees, Choices())
    return Task(employees, file, Origin("employees.csv", "run"))


class Writer:
    """Does a thing again and again in a thread as long as the block lasts; what is refused does not count."""

    def __init__(self, act):
        self.act = act
        self.done = 0
        self.stop = Event()
        self.thread = Thread(target=self.run, daemon=True)

    def run(self):
        while not self.stop.is_set():
            try:
                self.act()
                self.done += 1
            except (IntegrityError, DatabaseUnavailable):
                pass
            time.sleep(0.001)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *error):
        self.stop.set()
        self.thread.join()


def all_of(engine, query):
    with engine.connect() as connection:
        return connection.execute(query).all()


def test_each_row_is_the_files_or_the_other_writers_and_then_refused(engine, task):
    dice = random.Random(7)

    def insert_one():
        row = {
            "id": dice.randrange(1, ROWS + 1),
            "name": "Other",
            "datetime": NOON,
            "department_id": 1,
            "job_id": 1,
        }
        transaction(engine, lambda connection: connection.execute(insert(employees), [row]))

    with Writer(insert_one) as writer:
        counts = loader.load(engine, task).counts
    stored = dict(all_of(engine, select(employees.c.id, employees.c.name)))
    refused = {reject["line"] for reject in on_record(engine)}
    assert writer.done > 0
    assert set(stored) == set(range(1, ROWS + 1))
    # A row that the writer added after the load is refused nowhere, and there is none: ids were all taken
    assert {key for key, name in stored.items() if name == "Other"} == refused
    assert (counts.read, counts.inserted, counts.rejected) == (ROWS, ROWS - len(refused), len(refused))


def test_races_that_do_not_end_cost_a_few_tries_and_not_one_for_each_row(engine, task, tmp_path, monkeypatch):
    """Each time that rows are about to be written, another client takes one of their ids."""
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    monkeypatch.setattr(records, "BLOCK", 1_000_000)
    # Ids that no test before has used: what is deleted and not purged yet may stay locked after a race
    text = "".join(f"{key},Ana,2021-07-27T12:00:00Z,1,1\n" for key in range(50_001, 50_001 + ROWS))
    (tmp_path / "new.csv").write_text(text)
    file = inspect(on_disk(tmp_path / "new.csv", "new.csv"), employees, Choices())
    real, tries, theirs = apply._write, [], []

    def write(connection, target, outcomes, *given):
        tries.append(len(outcomes.new))
        if outcomes.new and len(theirs) < 12:
            theirs.append(outcomes.new.ids.min())
            transaction(engine, lambda rival: rival.execute(insert(employees), [other(theirs[-1])]))
        real(connection, target, outcomes, *given)

    monkeypatch.setattr(apply, "_write", write)
    counts = loader.load(engine, replace(task, file=file)).counts
    assert (counts.inserted, counts.rejected) == (ROWS - 12, 12)
    assert [reject["line"] for reject in on_record(engine)] == [key - 50_000 for key in sorted(theirs)]
    stored = dict(all_of(engine, select(employees.c.id, employees.c.name)))
    assert {key for key, name in stored.items() if name == "Other"} == set(theirs)
    assert len(stored) == ROWS
    assert len(tries) < 100


def test_a_row_that_others_write_each_time_it_is_tried_is_refused_alone(engine, task, tmp_path, monkeypatch):
    text = "".join(f"{key},Ana,2021-07-27T12:00:00Z,1,1\n" for key in range(1, 31))
    (tmp_path / "few.csv").write_text(text)
    file = inspect(on_disk(tmp_path / "few.csv", "few.csv"), employees, Choices())
    real, alone = apply._write, []

    def write(connection, target, outcomes, *given):
        if 7 in outcomes.new.ids:
            alone.append(len(outcomes.new) == 1)
            raise IntegrityError("INSERT", {}, Exception("a rival was faster"))
        real(connection, target, outcomes, *given)

    monkeypatch.setattr(apply, "_write", write)
    counts = loader.load(engine, replace(task, file=file)).counts
    assert (counts.inserted, counts.rejected) == (29, 1)
    [reject] = on_record(engine)
    message = "id 7 is being written into hired_employees by others"
    assert (reject["line"], reject["errors"]) == (
        7,
        [{"field": "id", "code": "already_exists", "message": message}],
    )
    assert set(all_of(engine, select(employees.c.id))) == {(key,) for key in range(1, 31)} - {(7,)}
    assert alone.count(True) == 3


@pytest.mark.parametrize("many", [True, False])
def test_a_parent_that_others_delete_is_there_or_its_rows_are_refused(engine, task, monkeypatch, many):
    if many:  # the server looks up each reference
        monkeypatch.setattr(parent_locks, "_MOST", 0)

    def take_and_give_back():
        transaction(
            engine, lambda connection: connection.execute(delete(departments).where(departments.c.id == 2))
        )
        time.sleep(0.005)
        transaction(
            engine,
            lambda connection: connection.execute(insert(departments), [{"id": 2, "department": "Sales"}]),
        )

    take_and_give_back()
    with Writer(take_and_give_back):
        counts = loader.load(engine, task).counts
    present = {key for (key,) in all_of(engine, select(departments.c.id))}
    used = {key for (key,) in all_of(engine, select(employees.c.department_id).distinct())}
    assert used <= present
    assert counts.inserted + counts.rejected == counts.read == ROWS
    assert counts.inserted >= ROWS // 2
    assert len(all_of(engine, select(employees.c.id))) == counts.inserted
    assert len(on_record(engine)) == counts.rejected


def test_a_lock_on_a_parent_is_waited_for(engine, task):
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite has no locks on rows")
    with engine.connect() as other, other.begin() as changes:
        other.execute(departments.update().where(departments.c.id == 2).values(department="Renamed"))
        loading = []
        thread = Thread(target=lambda: loading.append(loader.load(engine, task)), daemon=True)
        thread.start()
        time.sleep(1)
        assert not loading
        changes.commit()
    thread.join(60)
    assert loading[0].counts.inserted == ROWS


def other(key):
    """Another writer's row."""
    return {"id": key, "name": "Other", "datetime": NOON, "department_id": 1, "job_id": 1}


@pytest.fixture
def two_chunks(engine, task, monkeypatch):
    """The task, which becomes two chunks; and an event: the second is inserted and waits for the first."""
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    monkeypatch.setattr(records, "BLOCK", 60_000)
    waits = Event()
    previous = ordered_steps.Turn.previous

    def told(turn, patience=None):
        if turn.before is not None:
            waits.set()
        return previous(turn, patience)

    monkeypatch.setattr(ordered_steps.Turn, "previous", told)
    return task, waits


def test_two_chunks_are_inserted_at_a_time(engine, two_chunks):
    task, waits = two_chunks
    with engine.connect() as client, client.begin() as changes:
        client.execute(insert(employees), [other(1)])
        with ThreadPoolExecutor() as pool:
            loading = pool.submit(loader.load, engine, task)
            assert waits.wait(60)  # while the first waits for the client
            changes.rollback()
    assert loading.result().counts.inserted == ROWS


def test_a_client_who_waits_for_a_chunk_and_is_waited_for_by_the_one_before_goes_on(engine, two_chunks):
    task, waits = two_chunks
    with ThreadPoolExecutor() as pool, engine.connect() as client, client.begin() as changes:
        client.execute(insert(employees), [other(1)])
        loading = pool.submit(loader.load, engine, task)
        assert waits.wait(60)
        begun = time.monotonic()
        client.execute(insert(employees), [other(ROWS)])
        assert time.monotonic() - begun < 4  # before anybody gives up
        changes.commit()
    stored = dict(all_of(engine, select(employees.c.id, employees.c.name)))
    assert set(stored) == set(range(1, ROWS + 1))
    assert {key for key, name in stored.items() if name == "Other"} == {1, ROWS}
    assert loading.result().counts.rejected == 2
    assert {reject["line"] for reject in on_record(engine)} == {1, ROWS}


@pytest.mark.parametrize("local", [True, False])
def test_loads_of_the_same_ids_at_a_time_come_to_one_row_each(engine, task, tmp_path, local):
    path = tmp_path / "reversed.csv"
    path.write_text("".join(reversed((tmp_path / "employees.csv").read_text().splitlines(keepends=True))))
    file = inspect(on_disk(path, "reversed.csv"), employees, Choices())
    if not local:
        load_data._without_local.add(engine)
    tasks = [task, Task(employees, file, Origin("reversed.csv", "run"))]
    tasks.append(replace(task, origin=Origin("again.csv", "run")))
    with ThreadPoolExecutor() as pool:
        counts = [loaded.counts for loaded in pool.map(partial(loader.load, engine), tasks)]
    assert len(all_of(engine, select(employees.c.id))) == ROWS
    assert sum(each.inserted for each in counts) == ROWS
    assert all(each.inserted + each.unchanged == each.read == ROWS for each in counts)


def test_the_servers_own_check_is_on_again_after_a_load(engine, task):
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite always checks")
    loader.load(engine, task)
    orphan = {"id": ROWS + 1, "name": "Bo", "datetime": NOON, "department_id": 99, "job_id": 1}
    with ExitStack() as stack:
        pooled = [stack.enter_context(engine.connect()) for _ in range(engine.pool.checkedin())]
        assert len(pooled) > 1
        for connection in pooled:
            with pytest.raises(IntegrityError):
                connection.execute(insert(employees), [orphan])
