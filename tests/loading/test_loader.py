"""A whole load: the fast way does what the slow way does, whoever else writes meanwhile."""

from __future__ import annotations

import csv
import gzip
import io
import random
from dataclasses import replace
from datetime import datetime
from functools import partial
from operator import itemgetter

import pytest
import zstandard
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pyroaring import BitMap
from sqlalchemy import delete, insert, select

from hiring_api.csv_input import records
from hiring_api.csv_input.files import Choices, inspect, on_disk
from hiring_api.database.bookkeeping import load_ids
from hiring_api.database.dialects.mysql import MySQL
from hiring_api.database.transactions import transaction
from hiring_api.errors import Unproven
from hiring_api.loading import apply, at_once, dry_run, loader
from hiring_api.loading.plan import Target
from hiring_api.loading.progress import Counts
from hiring_api.loading.task import Limit, Task
from hiring_api.model.row_errors import RowError
from hiring_api.model.tables import Department, Employee, Job, columns
from hiring_api.rejects.record import Origin
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
        rows = [
            tuple(row) for row in connection.execute(select(*columns(employees)).order_by(employees.c.id))
        ]
    refused = [
        (reject["line"], reject["record"], reject["row"], reject["errors"]) for reject in on_record(engine)
    ]
    return rows, sorted(refused, key=itemgetter(0))


# Most rows are right and most ids stand more than once, so that rows meet each other across chunks
ids = st.sampled_from(["1", "2", "3", "4", "5", "5", "6", "x"])
names = st.sampled_from(["Ana", "Bo", "Ana", "Bo", ""])
parents = st.sampled_from(["1", "1", "1", "1", "1", "1", "1", "9", ""])
line = st.tuples(ids, names, st.just("2021-07-27T12:00:00Z"), parents, st.just("1"))
stored = st.dictionaries(st.integers(1, 4), st.sampled_from(["Ana", "Bo"]))


def expected(lines, present, on_conflict):
    """What the rules say, row by row: the figures, the names stored by id, and the lines refused."""
    table, taken, refused = dict(present), set(), []
    figures = dict.fromkeys(("inserted", "updated", "unchanged"), 0)
    for number, (row_id, name, _, department, _) in enumerate(lines, start=1):
        key = int(row_id) if row_id.isdecimal() else None
        other = key in table and table[key] != name
        right = key and name and department == "1" and key not in taken
        if not right or (other and on_conflict == "error"):
            refused.append(number)
            continue
        figures["inserted" if key not in table else "updated" if other else "unchanged"] += 1
        table[key] = name
        taken.add(key)
    return Counts(read=len(lines), **figures, rejected=len(refused)), table, refused


def rows_of(present):
    return [
        {"id": key, "name": name, "datetime": NOON, "department_id": 1, "job_id": 1}
        for key, name in present.items()
    ]


# Bytes of a chunk, so that all rows are one or each is one of its own; how many chunks are under way at a
# time; and how many rows are tried at once
WAYS = [(1_000_000, 2, 1000), (1_000_000, 2, 1), (80, 1, 1000), (80, 2, 1000), (150, 2, 1)]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(line, max_size=14), stored, st.sampled_from(["error", "update"]))
@example([LATER := ("5", "Ana", "2021-07-27T12:00:00Z", "1", "1"), ("5", "Bo", *LATER[2:])], {}, "update")
@example([LATER, ("6", *LATER[1:]), ("5", "Bo", *LATER[2:]), LATER], {5: "Bo"}, "update")
def test_however_a_file_is_cut_into_chunks_the_rules_are_the_same(engine, tmp_path, lines, present, conflict):
    task = task_of(tmp_path / "employees.csv", lines, conflict)
    figures, table, refused = expected(lines, present, conflict)
    reasons = []
    for block, lanes, most in WAYS:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(records, "BLOCK", block)
            if lanes == 1:  # SQLite never has two
                patch.setattr(MySQL, "writers", 1)
            for module in (loader, at_once, dry_run):
                patch.setattr(module, "Target", partial(Target, most=most))
            told = []
            fill(engine, rows_of(present))
            dry = dry_run.check(engine, task, lambda _, rejects, told=told: told.extend(rejects.values()))
            assert dry.counts == figures
            reasons.append(
                [(reject.line, reject.raw, [*map(RowError.to_json, reject.errors)]) for reject in told]
            )
            for way in (loader.load, at_once.load_at_once):
                fill(engine, rows_of(present))
                assert way(engine, task).counts == figures
                rows, rejects = left(engine)
                assert {row[0]: row[1] for row in rows} == table
                reasons.append([(line, raw, errors) for line, _, raw, errors in rejects])
    assert [line for line, _, _ in reasons[0]] == refused
    assert all(each == reasons[0] for each in reasons)


def employee(key, name="Ana"):
    return (str(key), name, "2021-07-27T12:00:00Z", "1", "1")


def meanwhile(monkeypatch, engine, statement):
    """Lets another client write between the look at the tables and the first row that is written."""
    real = apply.decide

    def decide(*given):
        placed = real(*given)
        monkeypatch.setattr(apply, "decide", real)
        transaction(engine, lambda other: other.execute(statement))
        return placed

    monkeypatch.setattr(apply, "decide", decide)


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
    counts = loader.load(engine, task).counts
    assert (counts.inserted, counts.unchanged, counts.rejected) == ((4, 1, 0) if name == "Ana" else (4, 0, 1))
    assert [row[1] for row in left(engine)[0]] == ["Ana", "Ana", name, "Ana", "Ana"]


def test_a_parent_that_another_writer_deletes_meanwhile_is_unknown(
    engine, two_writers, tmp_path, monkeypatch
):
    fill(engine, [])
    transaction(engine, lambda other: other.execute(insert(departments), [{"id": 7, "department": "Old"}]))
    lines = [employee(1), ("2", "Ana", "2021-07-27T12:00:00Z", "7", "1")]
    meanwhile(monkeypatch, engine, delete(departments).where(departments.c.id == 7))
    counts = loader.load(engine, task_of(tmp_path / "employees.csv", lines)).counts
    assert (counts.inserted, counts.rejected) == (1, 1)
    assert left(engine)[1][0][-1][0]["code"] == "unknown_reference"


def test_a_parent_that_appears_while_a_file_is_loaded_is_known(engine, tmp_path, monkeypatch):
    fill(engine, [])
    monkeypatch.setattr(records, "BLOCK", 100)
    lines = [employee(key) for key in range(3, 23)] + [("2", "Ana", "2021-07-27T12:00:00Z", "7", "1")]
    task = task_of(tmp_path / "employees.csv", lines)

    new = [insert(departments).values({"id": 7, "department": "New"})]

    def tell(progress):
        if new:
            transaction(engine, lambda other: other.execute(new.pop()))

    counts = loader.load(engine, task, tell).counts
    assert (counts.inserted, counts.unchanged, counts.rejected) == (21, 0, 0)


@pytest.mark.parametrize("way", [loader.load, at_once.load_at_once])
@pytest.mark.parametrize("rows", [[1, 2, 3], [1]])
def test_a_file_that_grows_or_shrinks_while_it_is_read_is_not_proven(engine, tmp_path, way, rows):
    fill(engine, [])
    path = tmp_path / "employees.csv"
    task = task_of(path, [employee(1), employee(2)])
    path.write_text("".join(",".join(employee(key)) + "\n" for key in rows))
    with pytest.raises(Unproven, match="was not read to its end"):
        way(engine, task)
    if way is at_once.load_at_once:
        assert left(engine)[0] == []


@pytest.mark.parametrize("way", [loader.load, at_once.load_at_once])
def test_what_is_stored_otherwise_than_read_is_not_kept(engine, tmp_path, monkeypatch, way):
    fill(engine, [])
    real = apply.bulk_load.load

    def damaging(connection, rows):
        real(connection, rows)
        connection.execute(rows.table.update().where(rows.table.c.id == 2).values(name="Damaged"))

    monkeypatch.setattr(apply.bulk_load, "load", damaging)
    task = task_of(tmp_path / "employees.csv", [employee(1), employee(2)])
    with pytest.raises(Unproven, match="what hired_employees holds is not what was read"):
        way(engine, task)
    assert left(engine) == ([], [])


class _Killed(Exception):
    """Stands for what ends a load in the middle."""


def killed(engine, task):
    """Loads the first chunk and no more."""

    def tell(_progress):
        raise _Killed

    with pytest.raises(_Killed):
        loader.load(engine, task, tell)


def test_a_load_goes_on_with_its_own_progress_and_nobody_elses(engine, tmp_path, monkeypatch):
    fill(engine, [])
    monkeypatch.setattr(records, "BLOCK", 80)
    monkeypatch.setattr(MySQL, "writers", 1)
    task = task_of(tmp_path / "employees.csv", [employee(key) for key in range(1, 21)])
    killed(engine, task)
    there = len(left(engine)[0])
    assert 0 < there < 20
    assert ids_on_record(engine) == set(range(1, there + 1))
    again = loader.load(engine, replace(task, origin=Origin("copy.csv", "other")))
    assert (again.counts.read, again.counts.inserted, again.counts.unchanged) == (20, 20 - there, there)
    on = loader.load(engine, task)  # what it had inserted before counts
    assert (on.counts.read, on.counts.inserted, on.counts.unchanged) == (20, there, 20 - there)
    assert on.accepted == again.accepted == BitMap(range(1, 21))
    assert ids_on_record(engine) == set()
    over = loader.load(engine, task)  # it has ended, and begins anew
    assert (over.counts.read, over.counts.inserted, over.counts.unchanged) == (20, 0, 20)


def test_the_content_of_a_file_is_part_of_its_progress(engine, tmp_path, monkeypatch):
    fill(engine, [])
    monkeypatch.setattr(records, "BLOCK", 80)
    killed(engine, task_of(tmp_path / "employees.csv", [employee(key) for key in range(1, 21)]))
    there = len(left(engine)[0])
    other = task_of(tmp_path / "employees.csv", [employee(1, "Other"), *map(employee, range(2, 21))])
    counts = loader.load(engine, other).counts
    assert (counts.read, counts.unchanged, counts.rejected) == (20, there - 1, 1)


def ids_on_record(engine):
    """The ids that loads under way have taken."""
    with engine.connect() as connection:
        every = connection.execute(select(load_ids.c.ids)).scalars().all()
    return {key for ids in every for key in BitMap.deserialize(ids)}


def test_where_a_limit_undid_the_table_nothing_counts_as_repaired(engine, tmp_path):
    fill(engine, [])
    path = tmp_path / "employees.csv"
    loader.load(engine, task_of(path, [employee(1, ""), employee(2, ""), employee(3, "")]))
    repaired = [employee(1), employee(2, ""), employee(3, "")]
    undone = at_once.load_at_once(engine, task_of(path, repaired, limit=Limit(rows=1)))
    assert (undone.kept, undone.counts.rejected) == (False, 2)
    assert left(engine)[0] == []
    assert [reject["resolved_at"] for reject in on_record(engine)] == [None] * 3
    kept = at_once.load_at_once(engine, task_of(path, repaired, limit=Limit(rows=2)))
    assert (kept.kept, kept.counts.inserted) == (True, 1)
    assert [reject["resolved_at"] is None for reject in on_record(engine)] == [False, True, True]


def test_a_chunk_that_is_looked_at_again_has_left_nothing(engine, two_writers, tmp_path, monkeypatch):
    """New rows are in already when one that would be overwritten loses its parent."""
    fill(engine, rows_of({3: "Bo"}))
    transaction(engine, lambda other: other.execute(insert(departments), [{"id": 7, "department": "Old"}]))
    lines = [employee(1), employee(2), ("3", "Ana", "2021-07-27T12:00:00Z", "7", "1")]
    meanwhile(monkeypatch, engine, delete(departments).where(departments.c.id == 7))
    counts = loader.load(engine, task_of(tmp_path / "employees.csv", lines, "update")).counts
    assert (counts.inserted, counts.updated, counts.unchanged, counts.rejected) == (2, 0, 0, 1)
    assert [row[1] for row in left(engine)[0]] == ["Ana", "Ana", "Bo"]


def test_many_rejects_are_kept_as_few_are(engine, tmp_path):
    fill(engine, [])
    odd = ["back\\slash", "quo'te", 'dou"ble', "tab\tin", "new\nline", "\\N", "😀", "\x01"]
    lines = [(str(key), name, "never", "1", "1") for key, name in enumerate(odd * 30, start=1)]
    assert loader.load(engine, task_of(tmp_path / "employees.csv", lines)).counts.rejected == 240
    assert [raw[1] for _, _, raw, _ in left(engine)[1]] == odd * 30
    first = on_record(engine)[0]
    assert (first["table"], first["source"], first["run"]) == ("employees", "employees.csv", "run")
    assert (first["line"], first["record"], first["resolved_at"]) == (1, 1, None)


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_a_compressed_file_is_read_in_parts_as_large_as_those_of_a_plain_one(tmp_path, pack):
    dice = random.Random(1)
    lines = [",".join(employee(key, f"Name {dice.getrandbits(200)}")) for key in range(1, 20_001)]
    plain = "\n".join(lines).encode() + b"\n"
    path = tmp_path / "employees.csv"
    path.write_bytes(pack(plain[: len(plain) // 2]) + pack(plain[len(plain) // 2 :]))
    with inspect(on_disk(path, "employees.csv.packed"), employees, Choices()).open() as stream:
        parts = list(iter(lambda: stream.read(records.BLOCK), b""))
    assert b"".join(parts) == plain
    assert len(parts) == -(-len(plain) // records.BLOCK) > 1
