"""The progress of loads: which one is gone on with, and what it knows of the rows before."""

import dataclasses

import pytest
from pyroaring import BitMap

from hiring_api.csv_input.chunks import Position
from hiring_api.database.transactions import transaction
from hiring_api.loading import progress
from hiring_api.loading.progress import Counts, Progress
from hiring_api.model.checksum import Checksum
from hiring_api.model.tables import Department, Job
from hiring_api.rejects.record import Origin

DEPARTMENTS, JOBS = Department.__table__, Job.__table__
FILE = Origin("/data/departments.csv", "run-1")
DONE = Progress(
    Position(70, 7, 6), Counts(read=6, inserted=5, rejected=1), BitMap([1, 2, 5]), Checksum(5, 99)
)


@pytest.fixture
def begun(engine):
    """The key of a load that was killed after two chunks."""

    def work(connection):
        key = progress.begin(connection, DEPARTMENTS, FILE, "content")
        progress.advance(connection, key, Progress(), BitMap([1, 2]))
        progress.advance(connection, key, DONE, BitMap([5]))
        return key

    return transaction(engine, work)


def unfinished(engine, table=DEPARTMENTS, origin=FILE, fingerprint="content"):
    def work(connection):
        return progress.unfinished(connection, table, origin, fingerprint)

    return transaction(engine, work)


def test_a_killed_load_goes_on_with_all_that_was_committed(engine, begun):
    later = dataclasses.replace(FILE, run="run-2")
    assert unfinished(engine, origin=later) == (begun, "run-1", DONE)


@pytest.mark.parametrize(
    "other",
    [
        {"table": JOBS},
        {"origin": Origin("/data/other.csv", "run-1")},
        {"fingerprint": "other content"},
    ],
)
def test_another_file_table_or_content_is_begun_anew(engine, begun, other):
    assert unfinished(engine, **other) is None


def test_a_load_that_has_ended_is_not_gone_on_with(engine, begun):
    transaction(engine, lambda connection: progress.end(connection, begun, DONE))
    assert unfinished(engine) is None
