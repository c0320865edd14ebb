"""Rows are found by thousands of ids, with gaps or without, and known to be those of a file."""

from __future__ import annotations

import random
from datetime import datetime

import pytest
from pyroaring import BitMap
from sqlalchemy import insert

from hiring_api.database import bulk_load, lookup
from hiring_api.database.transactions import transaction
from hiring_api.model.checksum import Checksum
from hiring_api.model.columns import MAX_ID
from hiring_api.model.row_lines import to_lines
from hiring_api.model.tables import Department, Employee, Job

departments, jobs, employees = Department.__table__, Job.__table__, Employee.__table__
EVERY = {
    "none": BitMap(),
    "one": BitMap([7]),
    "the last": BitMap([MAX_ID]),
    "a range": BitMap(range(1, 9001)),
    "a range with gaps": BitMap(range(1, 9001)) - BitMap(range(3, 9000, 17)),
    "far apart": BitMap(range(1, 60_000, 5)),
    "the first and the last": BitMap([1, MAX_ID]),
}


@pytest.fixture
def filled(engine):
    """Jobs with the ids 1 to 9000, but for every tenth, and the last id."""
    rows = [(key, f"Job {key}") for key in range(1, 9001) if key % 10] + [(MAX_ID, "last")]
    transaction(engine, lambda connection: bulk_load.load(connection, to_lines(jobs, rows)))
    return engine, {key: (key, name) for key, name in rows}


@pytest.mark.parametrize("name", EVERY)
def test_those_that_are_there_are_found(filled, name):
    engine, rows = filled
    ids = EVERY[name]
    there = ids & BitMap(rows)
    with engine.connect() as connection:
        assert lookup.present(connection, jobs, ids) == there
        assert lookup.rows_of(connection, jobs, ids) == {key: rows[key] for key in there}
        expected = to_lines(jobs, [rows[key] for key in there]).checksum if there else Checksum()
        assert lookup.checksum_of(connection, jobs, ids) == expected
        assert lookup.present(connection, jobs, there) == there
        assert not lookup.present(connection, jobs, ids - there)


def test_rows_of_a_file_are_those_stored_or_not(engine):
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite cannot be asked for a digest")
    texts = ["Ana", "O'Neil", "back\\slash", "%s", "é 日本 😀", "x" * 255, "NULL"]
    rows = [
        (key, texts[key % len(texts)], datetime(2021, 7, 27, 12, 0, key % 60, key % 3), 1, 1)
        for key in range(1, 14_000)
        if key % 40
    ]

    def work(connection):
        connection.execute(insert(departments), [{"id": 1, "department": "Sales"}])
        connection.execute(insert(jobs), [{"id": 1, "job": "Clerk"}])
        bulk_load.load(connection, to_lines(employees, rows))
        # In a gap: not one of the rows asked for
        bulk_load.load(connection, to_lines(employees, [(80, "Other", datetime(2021, 1, 1), 1, 1)]))

    transaction(engine, work)
    with engine.connect() as connection:
        assert lookup.holds(connection, to_lines(employees, rows))
        assert lookup.holds(connection, to_lines(employees, random.sample(rows, len(rows))))
        assert lookup.holds(connection, to_lines(employees, rows[:1]))
        for place, other in enumerate([80, "Anb", datetime(2021, 7, 27, 12, 0, 0, 5), 2, 2]):
            changed = (*rows[5000][:place], other, *rows[5000][place + 1 :])
            assert not lookup.holds(connection, to_lines(employees, [*rows[:5000], changed, *rows[5001:]]))
        assert not lookup.holds(
            connection, to_lines(employees, [*rows, (20_000, "Ana", datetime(2021, 1, 1), 1, 1)])
        )
