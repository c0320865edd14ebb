"""Two jobs at once on one database, each a process of its own: never both, and neither is lost."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
from sqlalchemy import func, select

from hiring_api.database.bookkeeping import loads, rejects
from hiring_api.model.tables import tables
from tests.conftest import expire
from tests.migration.test_job import employee, figures

# Stays where it may write and has written nothing yet, until a line comes on its standard input
HELD = """
import sys
from hiring_api.database import lease
from migration_job import __main__, job
lease._RENEWED_EVERY = 1
load = job._load
def held(*given):
    print("held", flush=True)
    sys.stdin.readline()
    return load(*given)
job._load = held
sys.exit(__main__.main(sys.argv[1:]))
"""
RUNNING = (
    "migration_job: another migration is running on this database: "
    "try again when it has finished, or --wait\n"
)
WAITS = "waiting for another migration on this database to finish"


def start(job, *arguments, program=("-m", "migration_job")):
    """A job on the folder's files."""
    return subprocess.Popen(
        [sys.executable, *program, str(job.folder), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def first(job):
    """A job that holds the database and has written nothing; a line on its standard input lets it go on."""
    job.files(employee(1) + employee(2, "") + employee(3))
    with start(job, program=("-c", HELD)) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def stored(job):
    """The number of rows in each table that a job writes."""
    with job.engine.connect() as connection:
        return [
            connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (*tables(), rejects, loads)
        ]


NOTHING, ALL = [0, 0, 0, 0, 0], [2, 3, 2, 1, 3]


def go_on(process):
    """Lets a held job run to its end: exit status and standard output."""
    output, _ = process.communicate("\n" * 3)
    return process.returncode, output


def test_the_second_leaves_and_has_written_nothing(job, first):
    second = start(job)
    output, error = second.communicate()
    assert (second.returncode, output) == (1, "")
    assert error.endswith(RUNNING)
    assert "Traceback" not in error
    assert stored(job) == NOTHING
    assert not list(job.rejects_folder.glob("*"))
    status, output = go_on(first)
    assert (status, figures(output)["hired_employees"]) == (0, (3, 2, 0, 0, 1))
    assert stored(job) == ALL


@pytest.fixture
def second(job, first):
    """A job that waits for the first one."""
    with start(job, "--wait") as process:
        while WAITS not in (line := process.stderr.readline()):
            assert line, "it ended instead of waiting"
        yield process
        process.kill()


def ended(process):
    """The exit status of a job and its figures for the employees."""
    output, error = process.communicate(timeout=60)
    assert "Traceback" not in error
    return process.returncode, figures(output)["hired_employees"]


def test_with_wait_the_second_runs_when_the_first_has_finished(job, first, second):
    with pytest.raises(subprocess.TimeoutExpired):
        second.wait(1)
    assert stored(job) == NOTHING
    assert go_on(first)[0] == 0
    assert ended(second) == (0, (3, 0, 0, 2, 1))
    assert stored(job)[:4] == ALL[:4]


def test_with_wait_the_second_goes_on_where_the_first_was_killed(job, first, second):
    first.send_signal(signal.SIGKILL)
    assert first.wait() == -signal.SIGKILL
    expire(job.engine)
    assert ended(second) == (0, (3, 2, 0, 0, 1))
    assert stored(job) == ALL


def test_a_job_that_was_frozen_while_another_took_over_commits_nothing_more(job, first, second):
    first.send_signal(signal.SIGSTOP)
    expire(job.engine)
    assert ended(second) == (0, (3, 2, 0, 0, 1))
    first.send_signal(signal.SIGCONT)
    _, error = first.communicate("\n" * 3, timeout=60)
    assert first.returncode == 1
    assert error.endswith(
        "migration_job: this took a break for so long that another process has taken over: what was not "
        "committed before is undone; try again\n"
    )
    assert "Traceback" not in error
    assert stored(job) == ALL


def test_a_job_right_behind_one_that_dies_need_not_be_told_to_wait(job, first):
    first.send_signal(signal.SIGSTOP)  # it gives no more sign of life
    second = start(job)
    with pytest.raises(subprocess.TimeoutExpired):
        second.wait(2)
    first.kill()
    expire(job.engine)
    assert ended(second) == (0, (3, 2, 0, 0, 1))
    assert stored(job) == ALL


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_job_that_waits_can_be_stopped(job, first, second, how):
    second.send_signal(how)
    output, error = second.communicate(timeout=30)
    assert (second.returncode, output) == (130, "")
    assert error.endswith("migration_job: stopped; run the same command again to go on where it was\n")
    assert "Traceback" not in error
    assert go_on(first)[0] == 0
