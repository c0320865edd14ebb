"""Files that are not what they should be: one clear sentence or reject each, and the tables as they were."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import zstandard

from migration_job.main import main
from tests.migration.test_job import employee, figures

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


def workbook():
    """A zip, as an .xlsx file is."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr("xl/workbook.xml", "<workbook/>" * 100)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        pytest.param(binary(), "departments.csv is not a CSV file: it holds binary data", id="binary"),
        pytest.param(
            "1,Café\n2,Law\n".encode("utf-16"),
            "departments.csv is not a CSV file: it is UTF-16. Save it as UTF-8, or name its encoding to the "
            "migration job: --encoding utf-16",
            id="UTF-16",
        ),
        pytest.param(
            "1,Café\n2,Law\n".encode("utf-16-be"),
            "departments.csv is not a CSV file: it is UTF-16. Save it as UTF-8, or name its encoding to the "
            "migration job: --encoding utf-16-be",
            id="UTF-16 without a mark",
        ),
        pytest.param(
            workbook(),
            "departments.csv is not a CSV file: it is a workbook (.xlsx, .ods) or another zip. Save it as "
            "CSV in UTF-8",
            id="xlsx",
        ),
        pytest.param(bytes(512), "departments.csv is not a CSV file: it holds binary data", id="NULs alone"),
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
    loaded.files(departments=content)
    status, output, error = loaded()
    assert (status, output) == (1, "")
    assert error.endswith(f"/{sentence}\n")
    assert "Traceback" not in error
    assert loaded.rows("departments") == SALES


def test_a_file_that_may_not_be_read(loaded):
    loaded.files(departments=None, jobs="7,Other\n")
    os.mkfifo(loaded.folder / "departments.csv")  # no file: even root cannot read it as one
    status, _, error = loaded()
    assert (status, loaded.rows("departments"), len(loaded.rows("jobs"))) == (1, SALES, 3)
    assert "has no file for departments; not used: departments.csv (no file). A file is found" in error


def test_one_unreadable_file_stops_the_job_before_any_table_is_touched(loaded):
    loaded.files(employee(1), departments="3,New\n", jobs=binary())
    status, _, error = loaded()
    assert (status, loaded.rows("departments")) == (1, SALES)
    assert "jobs.csv is not a CSV file" in error


def test_an_encoding_that_is_named_is_read(job):
    job.write("departments.csv", "1,Café\n2,Señalización\n".encode("latin-1") * 1)
    assert job("--encoding", "latin-1", "--table", "departments")[0] == 0
    assert job.rows("departments") == [(1, "Café"), (2, "Señalización")]


@pytest.mark.parametrize("content", [b"1,Law\n", b"\xff\xfe1\0,\0A"])
def test_what_is_not_in_the_encoding_that_is_named(job, content):
    job.write("departments.csv", content)
    status, output, error = job("--encoding", "utf-16", "--table", "departments")
    assert (status, output, error.count("\n")) == (1, "", 1)
    assert "departments.csv is not in the encoding utf-16: " in error


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_a_compressed_file_that_is_cut_anywhere_is_refused(job, pack):
    whole = pack(b"1,Sales\n2,Law\n")
    for end in range(5, len(whole)):
        job.write("departments.csv", whole[:end])
        status, _, error = job("--table", "departments")
        assert (status, error.count("\n")) == (1, 1), end
        assert "departments.csv is compressed and damaged: " in error
    job.write("departments.csv", whole + pack(b"3,Care\n"))
    assert job("--table", "departments")[0] == 0
    assert job.rows("departments") == [*SALES, (3, "Care")]


@pytest.mark.parametrize("encoding", ["utf-16", "cp1252"])
def test_other_encodings(job, encoding):
    job.write("departments.csv", "id,department\n1,Café\n".encode(encoding))
    assert job("--encoding", encoding, "--table", "departments")[0] == 0
    assert job.rows("departments") == [(1, "Café")]


def test_nul_bytes_at_the_end_of_a_file_cost_a_line(job):
    """As a file that a tape or a crashed disk has filled up."""
    job.write("departments.csv", b"1,Sales\n2,Law\n" + bytes(512))
    status, output, error = job("--table", "departments")
    assert (status, figures(output)["departments"]) == (0, (3, 2, 0, 0, 1)), error
    assert job.rows("departments") == SALES
    [written] = job.rejects_folder.iterdir()
    assert job("--table", "departments", source=written)[0] == 0


def test_the_summary_tells_of_blank_lines_and_of_texts_that_nobody_may_have_meant(job, caplog):
    job.write("departments.csv", '1,Sales\n\n2,NULL\n,\n3, "Law"\n')
    for _ in range(2):
        caplog.clear()
        status, output, _ = job("--table", "departments")
        *_, blank, doubtful = output.splitlines()
        source = job.folder / "departments.csv"
        assert (status, blank) == (0, f"blank lines of {source}: 2")
        assert doubtful == f"texts of {source} such as NULL or in quotes, taken as they are: 2"
        assert caplog.messages == [f"{source}: texts such as NULL or in quotes, taken as they are: 2"]
    assert job.rows("departments") == [(1, "Sales"), (2, "NULL"), (3, '"Law"')]


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
            "the record is longer than 1048576 bytes",
            id="ten megabytes",
        ),
        pytest.param(
            b"2,Ana,2021-07-27T12:00:00Z,1\n", "column_count", "the line has 4 fields, not 5", id="short"
        ),
        pytest.param(
            b"2,Ana,2021-07-27T12:00:00Z,1,1,x\n", "column_count", "the line has 6 fields, not 5", id="long"
        ),
        pytest.param(b"Ana\n", "column_count", "the line has 1 field, not 5", id="one field"),
        pytest.param(
            b'2,"Bo\nAna",2021-07-27T12:00:00Z,1,1\n',
            "invalid_characters",
            "name must not contain the control character U+000A",
            id="a name of two lines",
        ),
        pytest.param(
            b'2,Bo,2021-07-27T12:00:00Z,"7\n8",1\n',
            "invalid_format",
            "department_id must be a whole number in digits",
            id="a reference of two lines",
        ),
        pytest.param(
            b'2,Bo,"2021-07-27\n12:00:00Z",1,1\n',
            "invalid_format",
            "datetime must be a date and time such as 2021-07-27T16:02:08Z",
            id="an instant of two lines",
        ),
        pytest.param(
            b'2,Bo,"' + b"\n" * 20 + b'",1,1\n',
            "required",
            "datetime is required: it is empty",
            id="an instant of twenty empty lines",
        ),
        pytest.param(b"\0" * 512 + b"\n", "column_count", "the line has 1 field, not 5", id="NULs"),
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
            "hired_employees.csv: the header seems to be wrong: of the first 29 rows 0 are right, but 29 if "
            "department_id and job_id are exchanged. Correct it, or name the columns to the migration job "
            "with --columns\n"
        )
    status, output, _ = job("--columns", "id,name,datetime,job_id,department_id")
    assert (status, figures(output)["hired_employees"]) == (0, (29, 29, 0, 0, 0))
    assert job.rows("hired_employees")[0][3:] == (2, 3)


def test_one_column_of_unknown_references_is_enough_to_contradict_a_header(job):
    """Departments are few, jobs are many: where the two are exchanged, all the jobs' ids are known."""
    job.files(
        "id,name,datetime,job_id,department_id\n"
        + "".join(f"{row},Ana,2021-07-27T12:00:00Z,{1 + row % 3},{row}\n" for row in range(1, 101)),
        departments="".join(f"{row},D\n" for row in range(1, 4)),
        jobs="".join(f"{row},J\n" for row in range(1, 101)),
    )
    status, _, error = job()
    assert (status, job.rows("hired_employees")) == (1, [])
    assert "of the first 100 rows 3 are right, but 100 if department_id and job_id are exchanged" in error


HEADERS = [
    ("name,id,datetime,department_id,job_id", "id and name"),
    ("id,datetime,name,department_id,job_id", "name and datetime"),
    ("department_id,name,datetime,id,job_id", "id and department_id"),
    ("id,name,job_id,department_id,datetime", "datetime and job_id"),
]


@pytest.mark.parametrize(("header", "pair"), HEADERS)
def test_any_two_columns_may_be_exchanged(job, header, pair):
    rows = "".join(f"{row},Ana,2021-07-27T12:00:00Z,{1 + row % 2},2\n" for row in range(101, 131))
    job.files(f"{header}\n{rows}")
    status, _, error = job()
    assert (status, job.rows("hired_employees")) == (1, [])
    assert f"of the first 30 rows 0 are right, but 30 if {pair} are exchanged" in error


def test_a_table_without_references_may_have_a_wrong_header(job):
    job.write("departments.csv", "department,id\n" + "".join(f"{row},Sales\n" for row in range(1, 31)))
    status, _, error = job("--table", "departments")
    assert (status, job.rows("departments")) == (1, [])
    assert "of the first 30 rows 0 are right, but 30 if id and department are exchanged" in error


# Wrong as they are, and right with the two references exchanged; then right as they are
WRONG, RIGHT = "{},Ana,2021-07-27T12:00:00Z,3,1\n", "{},Ana,2021-07-27T12:00:00Z,1,1\n"
BOTH_WRONG = "{},Ana,2021-07-27T12:00:00Z,9,1\n"


@pytest.mark.parametrize(
    ("rows", "status"),
    [
        pytest.param([WRONG] * 3, 0, id="three rows"),
        pytest.param([WRONG] * 19, 0, id="19 rows"),
        pytest.param([WRONG] * 20, 1, id="20 rows"),
        pytest.param([WRONG] * 18 + [BOTH_WRONG] * 2, 1, id="nearly all right when exchanged"),
        pytest.param([WRONG] * 17 + [BOTH_WRONG] * 3, 0, id="not as many right when exchanged"),
        pytest.param([WRONG] * 18 + [RIGHT] * 2, 1, id="nearly all wrong"),
        pytest.param([WRONG] * 17 + [RIGHT] * 3, 0, id="not as many wrong"),
        pytest.param([BOTH_WRONG] * 40, 0, id="departments that nobody knows"),
    ],
)
def test_only_evidence_stops_the_job(job, rows, status):
    lines = "".join(row.format(number) for number, row in enumerate(rows, start=1))
    job.files(f"id,name,datetime,department_id,job_id\n{lines}")
    assert job()[0] == status


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


def test_a_rejects_folder_that_cannot_be_is_told_before_anything_is_loaded(job, monkeypatch):
    job.files(employee(1))
    monkeypatch.setenv("REJECTS_DIR", str(job.folder / "jobs.csv"))
    status, output, error = job()
    reason = f"the refused rows cannot be written into {job.folder}/jobs.csv (File exists): set REJECTS_DIR"
    assert (status, output, error) == (1, "", f"migration_job: {reason}\n")
    assert job.rows("departments") == []


# From when the last file's refused rows are written no file may have more than 100,000 bytes
NO_ROOM = """
import resource, sys
from migration_job import job, main
write = job.write_rejects
def limited(engine, task, *given):
    if task.table.name == "hired_employees":
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    return write(engine, task, *given)
job.write_rejects = limited
sys.exit(main.main(sys.argv[1:]))
"""


def test_a_disk_without_room_for_the_refused_rows_is_told(job):
    """The size that a file may have stands for the room on a disk: both end in an OSError."""
    job.files("".join(employee(row, "") for row in range(1, 2001)))
    command = [sys.executable, "-c", NO_ROOM, str(job.folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    sentence = f"migration_job: there is no room left in {job.rejects_folder} for the refused rows"
    assert done.stderr.splitlines()[-1] == sentence
    assert list(job.rejects_folder.iterdir()) == []
    assert job()[0] == 0
    assert len(job.refused()) == 2000


def test_what_is_no_database_is_told_at_once(job, monkeypatch):
    job.files()
    path = job.write("h.db", "some text, not a database" * 100)
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{path}")
    other = "DATABASE_URL or MYSQL_HOST names another"
    assert job() == (1, "", f"migration_job: no database in {path}: file is not a database; {other}\n")
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{path}/h.db")
    assert job() == (
        1,
        "",
        f"migration_job: no database in {path}/h.db: unable to open database file; {other}\n",
    )


def test_without_a_source_it_says_how_to_name_one(job, monkeypatch):
    monkeypatch.chdir(job.folder)
    monkeypatch.delenv("CSV_SOURCE", raising=False)
    sentence = "csv does not exist: SOURCE, or else CSV_SOURCE, names a folder or a file"
    assert main([]) == 1
    assert job.capsys.readouterr() == ("", f"migration_job: {sentence}\n")


def test_a_summary_that_cannot_be_written_is_told(job):
    job.files()
    command = [sys.executable, "-m", "migration_job", str(job.folder)]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    sentence = "migration_job: the summary cannot be written: No space left on device\n"
    assert (done.returncode, done.stderr) == (1, sentence)
    assert job.rows("departments") == SALES


def test_a_report_that_cannot_be_written_at_the_end_is_told_by_the_exit_status(job):
    job.files()
    status, output, error = job("--report", "/dev/full")
    assert (status, error) == (1, "migration_job: /dev/full cannot be written: No space left on device\n")
    assert "departments" in output
    assert job.rows("departments") == SALES
