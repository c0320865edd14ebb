"""`python -m migration_job`: what goes in, what is refused, what is said."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import datetime

import pytest
from sqlalchemy import delete, make_url, update

from hiring_api import __version__
from hiring_api.database import schema
from hiring_api.database.engine import open_engine
from hiring_api.database.lease import leased
from hiring_api.database.transactions import transaction
from hiring_api.model.tables import Department, Employee
from migration_job.__main__ import main
from tests.conftest import on_record

NOON = datetime(2021, 7, 27, 12)


def employee(row_id, name="Ana", when="2021-07-27T12:00:00Z", department=1, job=1):
    return f"{row_id},{name},{when},{department},{job}\n"


def figures(output):
    """The counts of the printed summary by table: read, inserted, updated, unchanged, rejected."""
    lines = [re.split(r"  +", line) for line in output.splitlines() if re.match(r"\w+  +\d", line)]
    return {line[0]: tuple(int(cell.replace(",", "")) for cell in line[1:6]) for line in lines}


def test_files_are_loaded_parents_first_and_refused_rows_come_with_every_reason(job):
    job.files(employee(1, "José Ñandú 😀") + employee(2, "", "2021-07-27", 99, "") + employee(3, job=3))
    status, output, _ = job()
    assert status == 0
    assert figures(output) == {
        "departments": (2, 2, 0, 0, 0),
        "jobs": (3, 3, 0, 0, 0),
        "hired_employees": (3, 2, 0, 0, 1),
    }
    assert job.rows("hired_employees") == [(1, "José Ñandú 😀", NOON, 1, 1), (3, "Ana", NOON, 1, 3)]
    [refused] = job.refused()
    key = refused.pop("reject")
    assert int(key) > 0
    assert refused == {
        "id": "2",
        "name": "",
        "datetime": "2021-07-27",
        "department_id": "99",
        "job_id": "",
        "file": str(job.folder / "hired_employees.csv"),
        "line": "2",
        "record": "2",
        "codes": "required invalid_format unknown_reference",
        "reasons": "name is required: it is empty; "
        "datetime must be a date and time such as 2021-07-27T16:02:08Z; "
        "job_id is required: it is empty; department_id 99 is not in departments",
        "surplus": "",
    }


def test_running_it_again_changes_nothing(job):
    job.files(employee(1) + employee(2, "") + employee(1) + employee(1, "Other"))
    job()
    first = job.refused()
    assert [(row["line"], row["codes"]) for row in first] == [
        ("2", "required"),
        ("3", "duplicate_id"),
        ("4", "duplicate_id"),
    ]
    status, output, _ = job()
    assert status == 0
    assert figures(output)["hired_employees"] == (4, 0, 0, 1, 3)
    assert job.refused() == first
    assert len(on_record(job.engine)) == 3


def test_what_the_api_wrote_since_is_not_overwritten(job):
    job.files()
    job()
    change = update(Department.__table__).where(Department.id == 1).values(department="Written since")
    transaction(job.engine, lambda connection: connection.execute(change))
    status, output, _ = job()
    assert status == 0
    assert figures(output)["departments"] == (2, 0, 0, 1, 1)
    assert job.rows("departments") == [(1, "Written since"), (2, "Law")]
    assert [row["codes"] for row in job.refused("departments")] == ["already_exists"]


def test_on_conflict_update_overwrites(job):
    job.files()
    job()
    job.files(departments="1,Sales\n2,Lawyers\n2,Other\n")
    status, output, _ = job("--on-conflict", "update")
    assert status == 0
    assert figures(output)["departments"] == (3, 0, 1, 1, 1)
    assert job.rows("departments") == [(1, "Sales"), (2, "Lawyers")]
    assert [(row["line"], row["codes"]) for row in job.refused("departments")] == [("3", "duplicate_id")]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("1,Sales\n2,Law", id="no final newline"),
        pytest.param("1,Sales\r\n2,Law\r\n", id="CRLF"),
        pytest.param("1,Sales\r2,Law\r", id="CR alone"),
        pytest.param("\ufeff1,Sales\n2,Law\n", id="byte order mark"),
        pytest.param("\ufeffid,department\n1,Sales\n2,Law\n", id="byte order mark and header"),
        pytest.param("DEPARTMENT;ID\nSales;1\nLaw;2\n", id="header reordered, in capitals, semicolons"),
        pytest.param('"Id", "Department Name"\n"1","Sales"\n"2","Law"\n', id="quoted, the header padded"),
        pytest.param('1,Sales,\n2,"Law",,\n', id="empty fields beyond the last column"),
        pytest.param('"Id","Department\nName"\n1,Sales\n2,Law\n', id="header of two lines"),
        pytest.param('id,note,department\n1,"a,\nb\n2,Law",Sales\n2,,Law\n', id="a note of many lines"),
        pytest.param("0,1\n1,Sales\n2,Law\n", id="header of numbers"),
        pytest.param("1\tSales\n2\tLaw\n", id="tabs"),
        pytest.param("1|Sales\n2|Law\n", id="bars"),
        pytest.param("\n \n1,Sales\n,\n  ,  \n2,Law\n\n", id="blank lines"),
        pytest.param(" 1 , Sales \n2.0,\tLaw\n", id="white space around, id of a float column"),
        pytest.param("id,department,note\n1,Sales,x\n2,Law,\n", id="a column more, in the header"),
    ],
)
def test_the_same_rows_in_any_dialect(job, content):
    job.files(departments=content)
    status, output, error = job("--table", "departments")
    assert (status, job.rows("departments")) == (0, [(1, "Sales"), (2, "Law")]), error
    assert figures(output)["departments"] == (2, 2, 0, 0, 0)


def test_without_files_nothing_is_done_and_the_names_are_said(job):
    status, output, error = job()
    assert (status, output) == (1, "")
    expected = f"{job.folder} has no file for departments, jobs, hired_employees: it is empty"
    assert error == f"migration_job: {expected}. A file is found by its table's name in its own\n"


def test_a_file_of_zero_bytes_is_an_empty_table(job):
    job.files(departments="")
    status, output, _ = job("--table", "departments")
    assert status == 0
    assert f"{job.folder}/departments.csv has no rows\n" in output


def test_a_second_job_says_that_one_is_running(job, monkeypatch):
    monkeypatch.setattr("hiring_api.database.lease._RENEWED_EVERY", 0.2)
    job.files()
    with leased(job.engine, "migration"):
        status, output, error = job()
    assert (status, output) == (1, "")
    assert "another migration is running on this database" in error


def test_it_says_its_version(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"hiring-api {__version__}\n"


def test_wrong_settings_and_wrong_arguments_are_wrong_usage(job, monkeypatch):
    monkeypatch.setenv("DATABASE_WAIT_SECONDS", "soon")
    status, _, error = job()
    assert status == 2
    assert error.startswith("migration_job: wrong settings: DATABASE_WAIT_SECONDS='soon' must be")
    with pytest.raises(SystemExit, match="2"):
        main(["--no-such"])


def test_it_waits_for_the_database_and_gives_up(job, monkeypatch):
    job.files()
    monkeypatch.setenv("DATABASE_URL", "mysql://nobody:secret@127.0.0.1:1/none")
    monkeypatch.setenv("DATABASE_WAIT_SECONDS", "1")
    status, output, error = job()
    assert (status, output) == (1, "")
    assert "no database after 1 s" in error
    assert "secret" not in error


def test_it_brings_an_empty_database_up_to_date(job, monkeypatch, tmp_path):
    job.files()
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/new.db")
    assert job()[0] == 0
    engine = open_engine(make_url(f"sqlite:///{tmp_path}/new.db"))
    with engine.connect() as connection:
        assert schema.is_current(connection)
    engine.dispose()


def test_it_runs_without_flask():
    code = "import sys, migration_job.__main__; sys.exit('flask' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_corrected_rejects_file_is_loaded_and_resolves_its_rejects(job):
    job.files(employee(1) + employee(2, "") + employee(3, department=77) + "4,short\n")
    job()
    path = job.rejects_file()
    text = path.read_text()
    path.write_text(text.replace("2,,2021", "2,Bo,2021").replace("Z,77,", "Z,88,"))
    status, output, _ = job("--table", "employees", source=path)
    assert status == 0
    assert figures(output)["hired_employees"] == (3, 1, 0, 0, 2)
    assert [row[0] for row in job.rows("hired_employees")] == [1, 2]
    kept = on_record(job.engine)
    assert [(one["line"], one["resolved_at"] is None) for one in kept] == [(2, False), (3, True), (4, True)]
    assert "88" in kept[1]["row"]


def test_a_file_corrected_in_place_resolves_its_rejects(job):
    job.files(employee(1) + employee(2, "") + employee(3, department=77))
    job()
    job.files(employee(1) + employee(2, "Bo") + employee(3, department=77))
    status, output, _ = job()
    assert (status, figures(output)["hired_employees"]) == (0, (3, 1, 0, 1, 1))
    assert [row["id"] for row in job.refused()] == ["3"]
    job.files(employee(1) + employee(2, "Bo") + employee(3, department=2))
    job()
    assert job.refused() == []
    assert len(job.rejects_files()) == 2


def test_another_file_of_the_same_name_resolves_nothing(job):
    job.files(employee(1) + employee(2, ""))
    job()
    job.files(employee(1) + employee(7, "Cy", when="2022-01-01T00:00:00Z"))
    job()
    assert (job.refused(), still_open(job)) == ([], [2])
    assert len(job.rejects_files()) == 1


def still_open(job):
    """The lines of the rejects on record that nothing has resolved."""
    return [one["line"] for one in on_record(job.engine) if one["resolved_at"] is None]


WRONG = (
    employee(1)
    + employee(2, "")
    + employee(3, department=77)
    + employee(4, job=3)
    + "5,short\n"
    + employee("x")
    + employee(2, "Later")
)
EVERY_WAY = [(), ("--max-rejects", "100"), ("--dry-run",)]


def told(job, *arguments):
    """What a run says: the figures and the rejects with their reasons."""
    status, output, error = job(*arguments)
    assert status == 0, error
    refused = [(row["line"], row["codes"], row["reasons"]) for row in job.refused()]
    return figures(output)["hired_employees"], refused


@pytest.mark.parametrize("way", EVERY_WAY)
def test_every_run_on_the_same_files_tells_the_same_of_each_refused_row(job, way):
    job.files(WRONG)
    (read, *_, rejected), first = told(job)
    assert (read, rejected) == (7, 4)
    assert [line for line, *_ in first] == ["2", "3", "5", "6"]
    for _ in range(2):
        assert told(job, *way) == ((7, 0, 0, 3, 4), first)
    assert still_open(job) == [2, 3, 5, 6]


def test_a_row_whose_id_was_taken_is_told_the_same_on_every_run(job):
    job.files(employee(1, "Ana"), departments="1,Sales\n2,Law\n2,Other\n")
    job()
    job.files(employee(1, "Somebody else"), departments="1,Sales\n2,Law\n2,Other\n")
    told(job)
    first = [(row["line"], row["reasons"]) for row in job.refused()]
    assert first == [("1", "id 1 is already in hired_employees")]
    for _ in range(2):
        assert told(job)[0] == (1, 0, 0, 0, 1)
        assert [(row["line"], row["reasons"]) for row in job.refused()] == first
        [twice] = job.refused("departments")
        assert twice["codes"] == "duplicate_id"


def test_a_row_that_is_right_now_resolves_nothing_where_its_table_is_not_kept(job):
    job.files(employee(1) + employee(2, "") + employee(3, ""))
    job()
    job.files(employee(1) + employee(2, "Bo") + employee(3, ""))
    assert job("--max-rejects", "0")[0] == 3
    assert still_open(job) == [2, 3]


def repaired(job):
    """The figure of the printed summary."""
    _, output, _ = job()
    [line] = [line for line in output.splitlines() if line.startswith("hired_employees")]
    return int(line.split()[6])


@pytest.mark.parametrize("way", EVERY_WAY)
def test_rows_that_were_repaired_are_not_refused_anew(job, way):
    rows = WRONG.replace(employee(2, "Later"), "")
    job.files(rows)
    job()
    text = job.rejects_file().read_text()
    text = text.replace("2,,2021", "2,Bo,2021").replace(",77,", ",2,").replace("\nx,", "\n9,")
    path = job.write("given back", text.replace("5,short,,,,", "5,Di,2021-07-27T12:00:00Z,1,1,"))
    assert figures(job("--table", "employees", source=path)[1])["hired_employees"] == (4, 4, 0, 0, 0)
    stored = job.rows("hired_employees")
    assert ([row[0] for row in stored], still_open(job)) == ([1, 2, 3, 4, 5, 9], [])
    path.unlink()
    for _ in range(2):
        assert told(job, *way) == ((6, 0, 0, 2, 0), [])
        assert repaired(job) == 4
    assert (job.rows("hired_employees"), still_open(job), len(on_record(job.engine))) == (stored, [], 4)


@pytest.mark.parametrize("way", EVERY_WAY)
def test_rows_that_came_repaired_with_nothing_but_their_ids_are_not_refused_anew(job, client, way):
    job.files(WRONG.replace(employee(2, "Later"), "") + employee(8, "") + employee(10, ""))
    job()
    common = {"datetime": "2021-07-27T12:00:00Z", "job_id": 1}
    rows = [
        {**common, "id": 2, "name": "Bo", "department_id": 1},
        {**common, "id": 3, "name": "Ana", "department_id": 2},
        {**common, "id": 8, "name": "Somebody else", "department_id": 2},
    ]
    assert client.post("/employees", json=rows).json["inserted"] == 3
    for _ in range(2):
        assert told(job, *way)[0] == (8, 0, 0, 2, 4)
        assert [row["line"] for row in job.refused()] == ["5", "6", "7", "8"]
        assert repaired(job) == 2
    assert still_open(job) == [5, 6, 7, 8]


def test_a_repaired_row_that_somebody_deleted_is_refused_again(job):
    job.files(employee(1) + employee(2, "") + employee(3, ""))
    job()
    before = [(row["line"], row["reasons"]) for row in job.refused()]
    job.files(employee(1) + employee(2, "Bo") + employee(3, "Cy"))
    job()
    table = Employee.__table__
    transaction(job.engine, lambda connection: connection.execute(delete(table).where(table.c.id == 2)))
    job.files(employee(1) + employee(2, "") + employee(3, ""))
    assert repaired(job) == 1
    assert [(row["line"], row["reasons"]) for row in job.refused()] == before[:1]
    assert still_open(job) == [2]
    assert repaired(job) == 1
    assert still_open(job) == [2]


def test_a_line_that_is_blank_now_or_has_another_id_repairs_nothing(job):
    job.files(employee(1) + "2,short\n" + "3,short\n" + employee(4, ""))
    job()
    job.files(employee(1) + "\n" + employee(7) + ",,,,\n")
    job()
    assert (still_open(job), job.refused()) == ([2, 3, 4], [])
