"""Files that are not what they should be: one clear sentence or reject each, and the tables as they were."""

from __future__ import annotations

import os

import pytest

from .test_job import employee, figures

SALES = [(1, "Sales"), (2, "Law")]


@pytest.fixture
def loaded(job):
    """The job after a first load; the folder has no files again."""
    job.files()
    job()
    for path in job.folder.iterdir():
        path.unlink()
    return job


def binary():
    return b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256)) * 40


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        pytest.param(binary(), "departments.csv is not a CSV file: it holds binary data", id="binary"),
        pytest.param(
            "1,Café\n".encode("latin-1") * 50,
            "departments.csv is not UTF-8: 50 of its 50 lines have other bytes. Save it as UTF-8, or name "
            "its encoding to the migration job, such as --encoding latin-1",
            id="latin-1",
        ),
        pytest.param(
            "id,budget\n1,Sales\n",
            "departments.csv: the header names only some columns of departments: found id, budget; missing "
            "department. Correct it, or name the columns to the migration job with --columns",
            id="part of a header",
        ),
        pytest.param(
            "id,department,Department\n1,Sales,Law\n",
            "departments.csv: the header names department 2 times: id, department, Department. Correct it, "
            "or name the columns to the migration job with --columns",
            id="a column twice",
        ),
    ],
)
def test_what_cannot_be_loaded_is_one_sentence_and_changes_nothing(loaded, content, sentence):
    loaded.write("departments.csv", content)
    status, output, error = loaded()
    assert (status, output) == (1, "")
    assert error.endswith(f"/{sentence}\n")
    assert "Traceback" not in error
    assert loaded.rows("departments") == SALES


def test_a_file_that_may_not_be_read(loaded):
    path = loaded.write("departments.csv", "1,Other\n")
    path.unlink()
    os.mkfifo(loaded.folder / "departments.csv")  # no file: even root cannot read it as one
    status, _, error = loaded()
    assert (status, loaded.rows("departments")) == (1, SALES)
    assert "has none of departments.csv" in error


def test_one_unreadable_file_stops_the_job_before_any_table_is_touched(loaded):
    loaded.files(employee(1), departments="3,New\n", jobs=binary())
    status, _, error = loaded()
    assert (status, loaded.rows("departments")) == (1, SALES)
    assert "jobs.csv is not a CSV file" in error


def test_an_encoding_that_is_named_is_read(job):
    job.write("departments.csv", "1,Café\n2,Señalización\n".encode("latin-1") * 1)
    assert job("--encoding", "latin-1", "--table", "departments")[0] == 0
    assert job.rows("departments") == [(1, "Café"), (2, "Señalización")]


@pytest.mark.parametrize("encoding", ["utf-16", "cp1252"])
def test_other_encodings(job, encoding):
    job.write("departments.csv", "id,department\n1,Café\n".encode(encoding))
    assert job("--encoding", encoding, "--table", "departments")[0] == 0
    assert job.rows("departments") == [(1, "Café")]


ROW = "{0},Ana,2021-07-27T12:00:00Z,1,1\n"


@pytest.mark.parametrize(
    ("line", "codes", "reason"),
    [
        pytest.param(
            b'2,"Bo,2021-07-27T12:00:00Z,1,1\n',
            "invalid_format",
            "a quote opens in this line and is not closed",
            id="unbalanced quote",
        ),
        pytest.param(
            b"2,Caf\xe9,2021-07-27T12:00:00Z,1,1\n",
            "invalid_characters",
            "byte 6 of the line is not UTF-8: 0xe9",
            id="a byte of latin-1",
        ),
        pytest.param(
            b"2,A\x00na,2021-07-27T12:00:00Z,1,1\n",
            "invalid_characters",
            "name must not contain the control character U+0000",
            id="NUL",
        ),
        pytest.param(
            b"2," + b"x" * 10_000_000 + b",2021-07-27T12:00:00Z,1,1\n",
            "too_long",
            "the line is longer than 393216 bytes",
            id="ten megabytes",
        ),
        pytest.param(
            b"2,Ana,2021-07-27T12:00:00Z,1\n", "column_count", "the line has 4 fields, not 5", id="short"
        ),
        pytest.param(
            b"2,Ana,2021-07-27T12:00:00Z,1,1,\n", "column_count", "the line has 6 fields, not 5", id="long"
        ),
    ],
)
def test_a_line_that_is_wrong_costs_only_itself(job, line, codes, reason):
    content = ROW.format(1).encode() + line + "".join(map(ROW.format, range(3, 200))).encode()
    job.files(content)
    status, output, error = job()
    assert (status, figures(output)["hired_employees"]) == (0, (199, 198, 0, 0, 1)), error
    [refused] = job.refused()
    assert (refused["line"], refused["record"], refused["codes"], refused["reasons"]) == (
        "2",
        "2",
        codes,
        reason,
    )
    assert len(error) < 10_000


SWAPPED = "".join(f"{row},Ana,2021-07-27T12:00:00Z,{3},{1 + row % 2}\n" for row in range(1, 30))


def test_a_header_that_its_content_contradicts_stops_the_job(job):
    job.files("id,name,datetime,department_id,job_id\n" + SWAPPED)
    for arguments in ((), ("--dry-run",)):
        status, _, error = job(*arguments)
        assert (status, job.rows("hired_employees")) == (1, [])
        assert error.endswith(
            "hired_employees.csv: the header seems to be wrong: most references are unknown, but not if "
            "department_id and job_id are exchanged. Correct it, or settle it with --columns\n"
        )
    status, output, _ = job("--columns", "id,name,datetime,job_id,department_id")
    assert (status, figures(output)["hired_employees"]) == (0, (29, 29, 0, 0, 0))
    assert job.rows("hired_employees")[0][3:] == (2, 3)


def test_columns_settle_it_either_way(job):
    job.files("id,name,datetime,department_id,job_id\n" + SWAPPED)
    status, output, _ = job("--columns", "id,name,datetime,department_id,job_id")
    assert (status, figures(output)["hired_employees"]) == (0, (29, 0, 0, 0, 29))


def test_without_a_header_columns_are_taken_by_position(job):
    job.write("departments.csv", "x,Sales,1\nx,Law,2\n")
    assert job("--columns", "_,department,id", "--table", "departments")[0] == 0
    assert job.rows("departments") == SALES
    with pytest.raises(SystemExit, match="2"):
        job("--columns", "id,department,job")


def test_a_million_columns_or_a_file_of_commas_is_no_harm(job):
    job.write("departments.csv", "1,Sales\n" + "," * 200_000 + "\n" + "1;" * 100_000 + "\n")
    status, output, _ = job("--table", "departments")
    assert (status, figures(output)["departments"]) == (0, (2, 1, 0, 0, 1))
