"""What the commands write, and how they end where it cannot be written."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAMS = {
    "backups": ["hiring_api", "--json", "backups"],
    "help": ["hiring_api", "--help"],
    "job": ["migration_job", "--dry-run"],
    "help of the job": ["migration_job", "--help"],
}


@pytest.fixture
def run(tmp_path, root):
    """Runs a program on a database and a folder of its own."""
    (tmp_path / "departments.csv").write_text("1,Sales\n")
    (tmp_path / "jobs.csv").write_text("1,Recruiter\n")
    (tmp_path / "hired_employees.csv").write_text("1,Ana,2021-07-27T16:02:08Z,1,1\n")
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(root),
        "DATABASE_URL": f"sqlite:///{tmp_path}/hiring.db",
        "BACKUP_DIR": str(tmp_path / "backups"),
        "CSV_SOURCE": str(tmp_path),
        "LOG_LEVEL": "ERROR",
    }
    subprocess.run(
        [sys.executable, "-m", "hiring_api", "migrate"], env=environ, check=True, capture_output=True
    )

    def run(command, output, **values):
        return subprocess.run(
            [sys.executable, "-m", *command],
            env={**environ, **values},
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    run.folder = tmp_path
    return run


@pytest.mark.parametrize(
    ("command", "unbuffered"),
    [*((command, "") for command in PROGRAMS.values()), (PROGRAMS["backups"], "1"), (PROGRAMS["job"], "1")],
)
def test_a_program_whose_output_nobody_reads_ends_without_a_word(run, command, unbuffered):
    reading, writing = os.pipe()
    os.close(reading)
    done = run(command, writing, PYTHONUNBUFFERED=unbuffered)
    os.close(writing)
    told = f"there are no backups in {run.folder}/backups: the command backup keeps one\n"
    assert (done.returncode, done.stderr) == (141, told if "backups" in command else "")


def test_a_report_is_written_though_nobody_reads_the_summary(run):
    reading, writing = os.pipe()
    os.close(reading)
    report = run.folder / "report.json"
    assert run(["migration_job", "--report", str(report)], writing).returncode == 141
    os.close(writing)
    assert json.loads(report.read_text())["exit_status"] == 0


@pytest.mark.parametrize("command", [PROGRAMS["backups"], PROGRAMS["help"], PROGRAMS["help of the job"]])
def test_output_that_cannot_be_written_is_told_in_a_sentence(run, command):
    with Path("/dev/full").open("w") as full:
        done = run(command, full)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "standard output: No space left on device"
