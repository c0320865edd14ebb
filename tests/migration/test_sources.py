"""Where files may be: folders with names as in the wild, single files, standard input, the web, S3."""

from __future__ import annotations

import gzip
import io
import os
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
import zstandard
from sqlalchemy import make_url

from hiring_api.database import schema
from hiring_api.database.engine import open_engine
from tests.migration.test_job import employee, figures

SALES = [(1, "Sales"), (2, "Law")]


def test_names_as_in_the_wild(job):
    job.write("Departments.CSV", "1,Sales\n2,Law\n")
    job.write("jobs (3).csv", "1,Clerk\n")
    job.write("Hired Employees.csv.gz", gzip.compress(employee(1).encode()))
    job.write("notes.txt", "not a table")
    assert job()[0] == 0
    assert job.rows("departments") == SALES
    assert len(job.rows("hired_employees")) == 1


@pytest.mark.parametrize(
    "compress", [gzip.compress, zstandard.ZstdCompressor().compress], ids=["gzip", "zstandard"]
)
def test_compressed_files_are_known_by_their_content(job, compress):
    rows = "".join(f"{row},Department {row}\n" for row in range(1, 50_001))
    path = job.write("departments.csv", compress(rows.encode()))
    assert job(source=path)[0] == 0
    assert len(job.rows("departments")) == 50_000


def test_a_damaged_compressed_file_is_one_sentence(job):
    rows = "".join(f"{row},Department {row * 7919}\n" for row in range(1, 20_001))
    path = job.write("departments.csv.gz", gzip.compress(rows.encode())[:-2000])
    status, _, error = job(source=path)
    assert (status, job.rows("departments")) == (1, [])
    assert "is compressed and damaged" in error


WILD = [
    "hired_employees__1_.csv",
    "Copy of hired_employees.csv",
    "Copy of hired_employees (1).csv",
    "hired_employees_2021.csv",
    "hired_employees-20211107.csv",
    "2021-11-07 Hired Employees FINAL.TXT",
    "hiredemployees.csv",
    "hiredEmployees.csv.gz",
    "Employees.tsv",
    "hired_employees\udcff.csv",
]


@pytest.mark.parametrize("name", WILD)
def test_a_file_is_found_by_its_tables_name_anywhere_in_its_own(job, name):
    job.files(employees=None)
    text = employee(1).encode() + employee(2, "").encode()
    path = job.write(name, gzip.compress(text) if name.endswith("gz") else text)
    status, output, error = job()
    assert status == 0, error
    assert len(job.rows("hired_employees")) == 1
    shown = os.fsencode(path).decode(errors="backslashreplace")
    assert shown in output
    assert [row["file"] for row in job.refused()] == [shown]


def missing(job, unused, found="departments,jobs"):
    return (
        f"migration_job: {job.folder} has no file for hired_employees; not used: {unused}. "
        f"A file is found by its table's name in its own; --tables {found} says that no more are meant\n"
    )


def test_a_table_without_a_file_ends_it_before_anything_is_loaded(job):
    job.files(employees=None)
    job.write("staff.csv", employee(1))
    job.write("hired_employees.xlsx", "PK")
    job.write("departments_jobs_employees.csv", "whose?")
    job.write("._hired_employees.csv", "a system's")
    expected = "._hired_employees.csv, departments_jobs_employees.csv, hired_employees.xlsx, staff.csv"
    assert job() == (1, "", missing(job, expected))
    assert (job.rows("departments"), job.rows("jobs")) == ([], [])


def test_fewer_tables_may_be_meant(job):
    job.files(employees=None)
    status, output, error = job("--tables", "jobs,departments")
    assert (status, list(figures(output))) == (0, ["departments", "jobs"]), error
    assert job("--tables", "employees")[0] == 1
    with pytest.raises(SystemExit, match="2"):
        job("--tables", "departments,towns")


def test_an_empty_folder_may_be_allowed(job, monkeypatch, tmp_path):
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/new.db")
    job.write(".gitkeep", "")
    assert job("--allow-empty")[:2] == (0, "")
    engine = open_engine(make_url(f"sqlite:///{tmp_path}/new.db"))
    with engine.connect() as connection:
        assert schema.is_current(connection)
    engine.dispose()
    job.write("departments.csv", "1,Sales\n")
    status, _, error = job("--allow-empty")
    assert status == 1
    assert "has no file for jobs, hired_employees" in error


def test_a_file_of_a_tables_name_that_cannot_be_read_ends_it(job):
    job.files(employees=None)
    path = job.folder / "hired_employees.csv"
    path.symlink_to(job.folder / "gone.csv")
    assert job() == (1, "", missing(job, "hired_employees.csv (a link to nothing)"))
    path.unlink()
    path.mkdir()
    assert job() == (1, "", missing(job, "hired_employees.csv (a folder)"))
    assert job.rows("departments") == []


def test_a_link_is_called_by_its_own_name_wherever_it_leads(job, tmp_path):
    (tmp_path / "v7").write_text("1,Sales\n2,Law\n")
    job.files(employee(1), departments=None)
    (job.folder / "departments.csv").symlink_to(tmp_path / "v7")
    status, output, error = job()
    assert (status, job.rows("departments")) == (0, SALES), error
    assert f"{job.folder}/departments.csv\n" in output


@pytest.mark.parametrize("source", ["x" * 5000, "x" * 100 + "/departments.csv"])
def test_a_source_that_cannot_be_is_one_sentence(job, source):
    status, output, error = job(source=source)
    assert (status, output, error.count("\n")) == (1, "", 1)


def test_two_files_for_one_table_are_listed(job):
    job.write("departments.csv", "1,Sales\n")
    job.write("Departments (1).csv", "1,Sales\n")
    status, _, error = job()
    assert (status, job.rows("departments")) == (1, [])
    assert "has several files for departments: Departments (1).csv, departments.csv. Keep one" in error


def test_a_single_file_needs_a_table_unless_its_name_says_it(job):
    path = job.write("list.csv", "1,Sales\n2,Law\n")
    status, _, error = job(source=path)
    assert status == 2
    assert "name the table it is for with --table" in error
    assert job("--table", "departments", source=path)[0] == 0
    assert job.rows("departments") == SALES


def test_standard_input(job, monkeypatch):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"1,Sales\n2,Law\n")))
    assert job("--table", "departments", source="-")[0] == 0
    assert job.rows("departments") == SALES
    status, _, error = job(source="-")
    assert status == 2
    assert "standard input has no name: say with --table what it is for" in error


def test_a_pipe_such_as_a_shell_makes_of_commands(job):
    path = job.folder / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_text, args=("1,Sales\n2,Law\n",))
    writer.start()
    status, output, error = job("--table", "departments", source=path)
    writer.join()
    assert (status, job.rows("departments")) == (0, SALES), error
    assert str(path) in output


@pytest.fixture
def web(job):
    """The address of a web server of the folder."""
    handler_class = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    handler = partial(handler_class, directory=str(job.folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_file_of_the_web(job, web):
    job.files()
    assert job(source=f"{web}/departments.csv?signature=secret")[0] == 0
    assert job.rows("departments") == SALES
    status, _, error = job("--table", "jobs", source=f"{web}/missing")
    assert status == 1
    assert error.endswith(
        f"{web}/missing cannot be read: the server answered 404: there is nothing at this address\n"
    )


@pytest.fixture
def bucket(s3):
    """Puts objects into a bucket that the job reads."""
    s3.create_bucket(Bucket="history")
    return lambda key, text: s3.put_object(Bucket="history", Key=key, Body=text.encode())


def test_a_prefix_in_s3(job, bucket):
    bucket("2021/departments.csv", "1,Sales\n2,Law\n")
    bucket("2021/Jobs (1).csv", "1,Clerk\n")
    bucket("2021/old/departments.csv", "9,Old\n")
    bucket("2021/hired_employees.csv", employee(1) + employee(2, ""))
    for source in ("s3://history/2021", "s3://history/2021/"):
        status, output, error = job(source=source)
        assert status == 0, error
        assert "s3://history/2021/hired_employees.csv" in output
    assert job.rows("departments") == SALES
    assert [row["file"] for row in job.refused()] == ["s3://history/2021/hired_employees.csv"]


def test_a_prefix_in_s3_that_lacks_a_table_says_what_was_not_used(job, bucket):
    prefix = job.folder.parent.name
    bucket(f"{prefix}/", "")
    bucket(f"{prefix}/departments.csv", "1,Sales\n2,Law\n")
    bucket(f"{prefix}/jobs.csv", "1,Clerk\n")
    bucket(f"{prefix}/hired_employees.csv/part-0", employee(1))
    status, output, error = job(source=f"s3://history/{prefix}")
    assert (status, output, job.rows("departments")) == (1, "", [])
    assert "has no file for hired_employees; not used: hired_employees.csv (a folder). A file" in error
    bucket(f"{prefix}/Copy of hired_employees (1).csv", employee(1))
    status, _, error = job(source=f"s3://history/{prefix}")
    assert (status, job.rows("departments")) == (1, [])
    assert (
        "several files for hired_employees: Copy of hired_employees (1).csv, hired_employees.csv (a" in error
    )
    assert job("--tables", "departments", source=f"s3://history/{prefix}")[0] == 0
    assert job.rows("departments") == SALES


def test_one_object_of_s3(job, bucket):
    bucket("list", "1,Sales\n2,Law\n")
    assert job("--table", "departments", source="s3://history/list")[0] == 0
    assert job.rows("departments") == SALES


def test_a_bucket_that_is_not_there_is_one_sentence(job, bucket):
    status, _, error = job(source="s3://no-such-bucket/x")
    assert (status, job.rows("departments")) == (1, [])
    assert "migration_job: s3://no-such-bucket/x " in error
    assert "Traceback" not in error
