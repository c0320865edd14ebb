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

from .test_job import employee

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


def test_one_object_of_s3(job, bucket):
    bucket("list", "1,Sales\n2,Law\n")
    assert job("--table", "departments", source="s3://history/list")[0] == 0
    assert job.rows("departments") == SALES


def test_a_bucket_that_is_not_there_is_one_sentence(job, bucket):
    status, _, error = job(source="s3://no-such-bucket/x")
    assert (status, job.rows("departments")) == (1, [])
    assert "migration_job: s3://no-such-bucket/x " in error
    assert "Traceback" not in error
