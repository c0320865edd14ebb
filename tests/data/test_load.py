"""A whole load: the fast way does what the slow way does, whoever else writes meanwhile."""

from __future__ import annotations

import csv
import gzip
import io
import random
from datetime import datetime
from operator import itemgetter

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select

from hiring_api.data import csv_records, load, place
from hiring_api.data.csv_files import Choices, inspect, on_disk
from hiring_api.data.database import transaction
from hiring_api.data.rejects import Origin
from hiring_api.data.tables import Department, Employee, Job
from hiring_api.data.tasks import Limit, Task
from tests.conftest import empty, on_record

departments, jobs, employees = Department.__table__, Job.__table__, Employee.__table__
NOON = datetime(2021, 7, 27, 12)


def fill(engine, present):
    def work(connection):
        connection.execute(insert(departments), [{"id": 1, "department": "Sales"}])
        connection.execute(insert(jobs), [{"id": 1, "job": "Clerk"}])
        if present:
            connection.execute(insert(employees), present)

    empty(engine)
    transaction(engine, work)


def task_of(path, lines, on_conflict="error", limit=None):
    text = io.StringIO()
    csv.writer(text).writerows(lines)
    path.write_text(text.getvalue(), encoding="utf-8")
    file = inspect(on_disk(path, "employees.csv"), employees, Choices())
    return Task(employees, file, Origin("employees.csv", "run"), on_conflict, limit or Limit())


def left(engine):
    with engine.connect() as connection:
        rows = [tuple(row) for row in connection.execute(select(employees).order_by(employees.c.id))]
    refused = [
        (reject["line"], reject["record"], reject["row"], reject["errors"]) for reject in on_record(engine)
    ]
    return rows, sorted(refused, key=itemgetter(0))


ids = st.sampled_from(["1", "2", "3", "4", "5", "x", ""])
names = st.sampled_from(["Ana", "Bo", ""])
parents = st.sampled_from(["1", "1", "1", "9", ""])
line = st.tuples(ids, names, st.sampled_from(["2021-07-27T12:00:00Z", "2021-07-27"]), parents, parents)
stored = st.dictionaries(st.integers(1, 4), st.sampled_from(["Ana", "Bo"]))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(line, max_size=12), stored, st.sampled_from(["error", "update"]), st.booleans())
def test_chunks_rows_one_by_one_and_dry_runs_come_to_the_same(
    engine, tmp_path, lines, present, conflict, many
):
    rows = [
        {"id": key, "name": name, "datetime": NOON, "department_id": 1, "job_id": 1}
        for key, name in present.items()
    ]
    task = task_of(tmp_path / "employees.csv", lines, conflict)
    results = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_records, "BLOCK", 100 if many else 1_000_000)
        fill(engine, rows)
        told = []
        dry = load.check(engine, task, lambda _, refused: told.extend(refused.values()))
        for way in (load.load, load.load_at_once):
            for races in (3, 0):
                patch.setattr(place, "_RACES", races)
                patch.setattr(place, "_ROW_RACES", 3)
                fill(engine, rows)
                results.append((way(engine, task).counts, left(engine)))
    assert all(result == results[0] for result in results)
    assert dry.counts == results[0][0]
    assert [(reject.line, reject.raw) for reject in told] == [
        (line, raw) for line, _, raw, _ in results[0][1][1]
    ]


def employee(key, name="Ana"):
    return (str(key), name, "2021-07-27T12:00:00Z", "1", "1")


def meanwhile(monkeypatch, engine, statement):
    """Lets another client write between the look at the tables and the first row that is written."""
    real = place.decide

    def decide(*given):
        placed = real(*given)
        monkeypatch.setattr(place, "decide", real)
        transaction(engine, lambda other: other.execute(statement))
        return placed

    monkeypatch.setattr(place, "decide", decide)


@pytest.fixture
def two_writers(engine):
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer at a time")


@pytest.mark.parametrize("name", ["Ana", "Other"])
def test_a_row_that_another_writer_inserts_meanwhile_wins(engine, two_writers, tmp_path, monkeypatch, name):
    fill(engine, [])
    task = task_of(tmp_path / "employees.csv", [employee(key) for key in range(1, 6)])
    row = {"id": 3, "name": name, "datetime": NOON, "department_id": 1, "job_id": 1}
    meanwhile(monkeypatch, engine, insert(employees).values(row))
    counts = load.load(engine, task).counts
    assert (counts.inserted, counts.unchanged, counts.rejected) == ((4, 1, 0) if name == "Ana" else (4, 0, 1))
    assert [row[1] for row in left(engine)[0]] == ["Ana", "Ana", name, "Ana", "Ana"]


def test_a_parent_that_another_writer_deletes_meanwhile_is_unknown(
    engine, two_writers, tmp_path, monkeypatch
):
    fill(engine, [])
    transaction(engine, lambda other: other.execute(insert(departments), [{"id": 7, "department": "Old"}]))
    lines = [employee(1), ("2", "Ana", "2021-07-27T12:00:00Z", "7", "1")]
    meanwhile(monkeypatch, engine, delete(departments).where(departments.c.id == 7))
    counts = load.load(engine, task_of(tmp_path / "employees.csv", lines)).counts
    assert (counts.inserted, counts.rejected) == (1, 1)
    assert left(engine)[1][0][-1][0]["code"] == "unknown_reference"


def test_a_parent_that_appears_while_a_file_is_loaded_is_known(engine, tmp_path, monkeypatch):
    fill(engine, [])
    monkeypatch.setattr(csv_records, "BLOCK", 100)
    lines = [employee(1)] * 20 + [("2", "Ana", "2021-07-27T12:00:00Z", "7", "1")]
    task = task_of(tmp_path / "employees.csv", lines)

    new = [insert(departments).values({"id": 7, "department": "New"})]

    def tell(progress):
        if new:
            transaction(engine, lambda other: other.execute(new.pop()))

    counts = load.load(engine, task, tell).counts
    assert (counts.inserted, counts.unchanged, counts.rejected) == (2, 19, 0)


def test_a_file_that_changes_while_it_is_read_is_not_proven(engine, tmp_path):
    fill(engine, [])
    path = tmp_path / "employees.csv"
    task = task_of(path, [employee(1)])
    path.write_text(path.read_text() + ",".join(employee(2)) + "\n")
    with pytest.raises(load.Unproven, match="was not read to its end"):
        load.load_at_once(engine, task)
    assert left(engine)[0] == []


def test_what_is_stored_otherwise_than_read_is_not_kept(engine, tmp_path, monkeypatch):
    fill(engine, [])
    real = place.bulk.load

    def damaging(connection, rows):
        real(connection, rows)
        connection.execute(rows.table.update().where(rows.table.c.id == 2).values(name="Damaged"))

    monkeypatch.setattr(place.bulk, "load", damaging)
    task = task_of(tmp_path / "employees.csv", [employee(1), employee(2)])
    with pytest.raises(load.Unproven, match="what hired_employees holds is not what was read"):
        load.load(engine, task)
    assert left(engine) == ([], [])


def test_many_rejects_are_kept_as_few_are(engine, tmp_path):
    fill(engine, [])
    odd = ["back\\slash", "quo'te", 'dou"ble', "tab\tin", "new\nline", "\\N", "😀", "\x01"]
    lines = [(str(key), name, "never", "1", "1") for key, name in enumerate(odd * 30, start=1)]
    assert load.load(engine, task_of(tmp_path / "employees.csv", lines)).counts.rejected == 240
    assert [raw[1] for _, _, raw, _ in left(engine)[1]] == odd * 30
    first = on_record(engine)[0]
    assert (first["table"], first["source"], first["run"]) == ("hired_employees", "employees.csv", "run")
    assert (first["line"], first["record"], first["resolved_at"]) == (1, 1, None)


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_a_compressed_file_is_read_in_parts_as_large_as_those_of_a_plain_one(tmp_path, pack):
    dice = random.Random(1)
    lines = [",".join(employee(key, f"Name {dice.getrandbits(200)}")) for key in range(1, 10_001)]
    plain = "\n".join(lines).encode() + b"\n"
    path = tmp_path / "employees.csv"
    path.write_bytes(pack(plain[: len(plain) // 2]) + pack(plain[len(plain) // 2 :]))
    with inspect(on_disk(path, "employees.csv.packed"), employees, Choices()).open() as stream:
        parts = list(iter(lambda: stream.read(csv_records.BLOCK), b""))
    assert b"".join(parts) == plain
    assert len(parts) == -(-len(plain) // csv_records.BLOCK) > 1
