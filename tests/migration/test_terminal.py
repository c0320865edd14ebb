"""What the job shows on a terminal: a bar for each table; and Ctrl-C there."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from migration_job.__main__ import main
from tests.conftest import empty
from tests.migration.test_job import employee, figures
from tests.migration.test_killed import CODE, left
from tests.terminal import CTRL_C, Terminal

ROWS = 60_000
# Done of all lines, time since and left, rate, refused rows
BAR = r"\r{}: +{}%\|[^|\r]*\| {}/{} \[\d\d:\d\d<\d\d:\d\d, +[\d.]+k? rows/s, rejected={}\]"


@pytest.fixture
def files(job):
    """Employees, every thousandth of them wrong."""
    job.files("".join(employee(row, "" if row % 1000 == 0 else "Ana") for row in range(1, ROWS + 1)))
    return job


def test_each_table_has_a_bar_with_rows_rate_and_time_left(files):
    with Terminal(sys.executable, "-c", CODE, str(files.folder)) as terminal:
        assert terminal.end() == 0
        shown, output = terminal.shown, terminal.output
    for name, lines, refused in (("departments", "2", 0), ("jobs", "3", 0), ("hired_employees", "60.0k", 60)):
        assert re.search(BAR.format(name, 100, lines, lines, refused) + r"\r\n", shown), shown
    assert re.search(BAR.format("hired_employees", r"[1-9]\d?", r"[\d.]+k", "60.0k", r"\d+"), shown), shown
    [path] = files.rejects_folder.iterdir()
    assert re.search(rf"WARNING 60 rows of hired_employees are refused: {path}\r\n", shown), shown
    assert "refused line" not in shown
    assert figures(output)["hired_employees"] == (ROWS, ROWS - 60, 0, 0, 60)
    assert re.fullmatch(r"[ -~\n]*", output), "the summary alone"
    assert output.startswith("table ")


def test_a_dry_run_has_bars_as_well(files):
    with Terminal(sys.executable, "-c", CODE, str(files.folder), "--dry-run") as terminal:
        assert terminal.end() == 0
        assert re.search(BAR.format("hired_employees", 100, "60.0k", "60.0k", 60), terminal.shown)


def test_a_terminal_that_says_it_has_no_columns_has_a_bar_as_well(files):
    with Terminal(sys.executable, "-c", CODE, str(files.folder), size=(0, 0)) as terminal:
        assert terminal.end() == 0
        assert re.search(r"\rhired_employees: +100%\|[^|\r]+\| 60.0k/60.0k ", terminal.shown), terminal.shown


def test_without_a_terminal_there_is_no_bar(files):
    command = [sys.executable, "-c", CODE, str(files.folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert figures(done.stdout)["hired_employees"] == (ROWS, ROWS - 60, 0, 0, 60)
    assert done.stdout.startswith("table ")
    assert not re.search(r"[\r\x1b|%]|rows/s", done.stdout + done.stderr)
    assert all(
        re.match(r"\d{4}-\d\d-\d\d .* WARNING refused line", line) for line in done.stderr.splitlines()
    )


def test_ctrl_c_ends_it_cleanly_and_running_it_again_completes_it(files):
    assert main([str(files.folder)]) == 0
    undisturbed = left(files)
    assert len(undisturbed[0][2]) == ROWS - 60
    empty(files.engine)
    with Terminal(sys.executable, "-c", CODE, str(files.folder)) as terminal:
        terminal.until(BAR.format("hired_employees", r"[1-9]\d?", r"[\d.]+k", "60.0k", r"\d+"))
        terminal.type(CTRL_C)
        assert terminal.end() == 130
        shown, output = terminal.shown, terminal.output
    assert shown.endswith("\r\nmigration_job: stopped; run the same command again to go on where it was\r\n")
    assert "Traceback" not in shown
    assert list(figures(output)) == ["departments", "jobs"]
    kept = len(files.rows("hired_employees"))
    assert 0 < kept < ROWS - 60
    with Terminal(sys.executable, "-c", CODE, str(files.folder)) as terminal:
        assert terminal.end() == 0
        assert re.search(r"INFO going on with .*hired_employees.csv after line [1-9]\d*\r\n", terminal.shown)
    assert left(files) == undisturbed
