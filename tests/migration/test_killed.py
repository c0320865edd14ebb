"""A job that is killed anywhere and run again leaves what an undisturbed one leaves."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from operator import itemgetter

import pytest

from migration_job.__main__ import main
from tests.conftest import empty, expire, on_record

ROUNDS = int(os.environ.get("KILL_ROUNDS", "3"))
ROWS = int(os.environ.get("KILL_ROWS", "10000"))
# Blocks of 32 KiB instead of 640: many more places between two commits
CODE = (
    "import sys, hiring_api.csv_input.records as r; r.BLOCK = 32768; "
    "from migration_job.__main__ import main; sys.exit(main(sys.argv[1:]))"
)


@pytest.fixture
def files(job):
    """Some ten thousand employees, every 25th of them wrong, some twice."""
    names = ["Ana", "", "José", "Bo", "Cy"] + ["Dora"] * 45
    lines = [
        f"{row},{names[row % 50]},2021-07-27T12:00:{row % 60:02}Z,{1 + row % 2},{1 + row % 3}\n"
        for row in range(1, ROWS + 1)
    ]
    lines += lines[100:200] + [line.replace("Dora", "Other") for line in lines[300:400]]
    job.files("".join(lines))
    return job


def left(job):
    """The tables and the rejects, without what differs between any two runs."""
    kept = itemgetter("table", "line", "record", "row", "errors")
    refused = sorted(map(kept, on_record(job.engine)), key=itemgetter(0, 1))
    tables = [job.rows(name) for name in ("departments", "jobs", "hired_employees")]
    files = [{**row, "reject": ""} for row in job.refused()]
    return tables, refused, files


def test_killed_at_random_points_and_run_again(files):
    begun = time.monotonic()
    assert subprocess.run([sys.executable, "-c", CODE, str(files.folder)], check=False).returncode == 0
    took = time.monotonic() - begun
    undisturbed = left(files)
    assert len(undisturbed[0][2]) > 0.9 * ROWS
    dice = random.Random(os.environ.get("KILL_SEED"))
    killed = 0
    for _ in range(ROUNDS):
        empty(files.engine)
        for _ in range(2):
            process = subprocess.Popen(
                [sys.executable, "-c", CODE, str(files.folder)], stderr=subprocess.DEVNULL
            )
            time.sleep(dice.uniform(0.2, 0.9) * took)
            process.send_signal(signal.SIGKILL)
            killed += process.wait() == -signal.SIGKILL
            expire(files.engine)
        assert main([str(files.folder)]) == 0
        assert left(files) == undisturbed
    assert killed > 0


def test_a_job_that_is_stopped_says_how_to_go_on(files):
    process = subprocess.Popen(
        [sys.executable, "-c", CODE, str(files.folder)], stderr=subprocess.PIPE, text=True
    )
    while not any("hired_employees" in line for line in iter(process.stderr.readline, "")):
        pass
    process.send_signal(signal.SIGTERM)
    _, error = process.communicate()
    assert process.returncode == 130
    assert error.endswith("migration_job: stopped; run the same command again to go on where it was\n")
    assert main([str(files.folder)]) == 0
