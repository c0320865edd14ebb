"""`--max-rejects`, `--dry-run`, `--report`: all or nothing of a table, and figures without a row written."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from sqlalchemy import select

from hiring_api.database.bookkeeping import loads
from tests.conftest import on_record
from tests.migration.test_job import employee, figures

MIXED = employee(1) + employee(2, "") + employee(3) + employee(4, department=9)


def count(engine, table):
    with engine.connect() as connection:
        return len(connection.execute(select(table)).all())


@pytest.mark.parametrize("limit", ["1", "0", "49.9%"])
def test_more_rejects_than_allowed_keep_nothing_of_that_table(job, limit):
    job.files(MIXED)
    status, output, error = job("--max-rejects", limit)
    assert status == 3
    assert error.endswith(
        "hired_employees has more refused rows than --max-rejects allows: none of it was kept\n"
    )
    assert figures(output)["departments"] == (2, 2, 0, 0, 0)
    assert job.rows("hired_employees") == []
    assert [row["line"] for row in job.refused()] == ["2", "4"]
    assert job("--max-rejects", limit)[0] == 3
    assert len(on_record(job.engine)) == 2


@pytest.mark.parametrize("limit", ["2", "50%", "100%"])
def test_as_many_rejects_as_allowed_are_no_failure(job, limit):
    job.files(MIXED)
    status, output, _ = job("--max-rejects", limit)
    assert (status, figures(output)["hired_employees"]) == (0, (4, 2, 0, 0, 2))
    assert [row[0] for row in job.rows("hired_employees")] == [1, 3]


@pytest.mark.parametrize("limit", ["-1", "x", "101%", "1.5"])
def test_a_limit_that_is_none_is_wrong_usage(job, limit):
    with pytest.raises(SystemExit, match="2"):
        job(f"--max-rejects={limit}")


def without_keys(rows):
    return [{name: text for name, text in row.items() if name != "reject"} for row in rows]


def test_a_dry_run_refuses_and_counts_as_the_load_would_and_writes_no_row(job, tmp_path):
    job.files(MIXED + employee(1) + employee(3, "Other") + employee(3))
    status, output, _ = job("--dry-run", "--report", str(tmp_path / "dry.json"))
    assert status == 0
    assert output.endswith("nothing was loaded: this was a dry run\n")
    dry = without_keys(job.refused())
    assert [job.rows(name) for name in ("departments", "jobs", "hired_employees")] == [[], [], []]
    assert (len(on_record(job.engine)), count(job.engine, loads)) == (0, 0)
    _, real, _ = job("--report", str(tmp_path / "real.json"))
    assert (
        figures(output)
        == figures(real)
        == {
            "departments": (2, 2, 0, 0, 0),
            "jobs": (3, 3, 0, 0, 0),
            "hired_employees": (7, 2, 0, 0, 5),
        }
    )
    assert without_keys(job.refused()) == dry


def test_a_report_has_all_figures_and_what_proves_them(job, tmp_path):
    job.files(departments="Department;ID\nSales;1\n;;\nLaw;x\n")
    status, _, _ = job("--table", "departments", "--report", str(tmp_path / "report.json"))
    report = json.loads((tmp_path / "report.json").read_text())
    [table] = report.pop("tables")
    assert report == {
        "source": str(job.folder),
        "exit_status": status,
        "error": None,
        "dry_run": False,
        "on_conflict": "error",
    }
    assert {name: table[name] for name in ("read", "inserted", "rejected", "blank")} == {
        "read": 2,
        "inserted": 1,
        "rejected": 1,
        "blank": 1,
    }
    assert (table["delimiter"], table["header"], table["columns"]) == (";", True, ["department", "id"])
    assert table["proof"]["stored_equals_read"] is True
    assert table["proof"]["written"]["rows"] == 1


def test_a_report_on_standard_output_is_all_that_is_there(job):
    job.files(MIXED)
    status, output, error = job("--report", "-")
    assert (status, json.loads(output)["tables"][2]["rejected"]) == (0, 2)
    assert figures(error)["hired_employees"] == (4, 2, 0, 0, 2)
    assert not Path("-").exists()


@pytest.mark.parametrize("name", ["no/such/folder.json", "."])
def test_a_report_that_cannot_be_written_is_told_before_anything_is_loaded(job, name):
    job.files(MIXED)
    path = job.folder / name
    status, output, error = job("--report", str(path))
    assert (status, output, job.rows("departments")) == (1, "", [])
    assert re.fullmatch(rf"migration_job: {path} cannot be written: .*; nothing was loaded\n", error)


def test_an_earlier_report_is_there_until_the_next_one_is_written(job, tmp_path):
    path = tmp_path / "report.json"
    path.write_text("earlier")
    with pytest.raises(SystemExit):
        job("--report", str(path), "--no-such")
    assert path.read_text() == "earlier"
    job("--report", str(path))
    assert json.loads(path.read_text())["exit_status"] == 1


def test_a_report_of_a_failed_run_says_why(job, tmp_path):
    status, _, _ = job("--report", str(tmp_path / "report.json"))
    report = json.loads((tmp_path / "report.json").read_text())
    assert (status, report["exit_status"]) == (1, 1)
    assert "has no file for departments, jobs, hired_employees: it is empty" in report["error"]


def test_each_run_that_refuses_something_has_a_file_of_its_own(job):
    job.files(MIXED)
    job()
    first = job.rejects_file()
    assert re.fullmatch(r"hired_employees-20\d{6}T\d{6}Z\.csv", first.name)
    edited = first.read_text().replace("2,,", "2,Half done,")
    first.write_text(edited)
    for arguments in ((), ("--dry-run",), ("--max-rejects", "0")):
        job(*arguments)
        assert [row["line"] for row in job.refused()] == ["2", "4"]
    job.files(employee(1))
    job()
    assert job.rejects_file() is None
    assert (len(job.rejects_files()), first.read_text()) == (4, edited)
    assert not [path for path in job.rejects_folder.iterdir() if path.suffix != ".csv"]


def test_of_a_table_of_which_nothing_was_kept_nothing_is_told_as_inserted(job, tmp_path):
    job.files(employee(1))
    job()
    job.files(MIXED)
    status, output, _ = job("--max-rejects", "1", "--report", str(tmp_path / "report.json"))
    assert (status, figures(output)["hired_employees"]) == (3, (4, 0, 0, 1, 2))
    source = job.folder / "hired_employees.csv"
    assert f"nothing of {source} was kept: it has too many refused rows\n" in output
    table = json.loads((tmp_path / "report.json").read_text())["tables"][-1]
    assert [table[name] for name in ("kept", "inserted", "updated", "unchanged")] == [False, 0, 0, 1]
