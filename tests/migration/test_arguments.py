"""What the command line takes and what it refuses, with a sentence that says what it wants."""

import pytest

from migration_job.arguments import parser


@pytest.mark.parametrize("given", [";", "semicolon", "tab", "\\t", "\t", "|", "§", " "])
def test_a_delimiter_is_a_character_or_its_name(job, given):
    character = {"semicolon": ";", "tab": "\t", "\\t": "\t"}.get(given, given)
    job.write("departments.csv", f"1{character}Law,Order\n")
    assert job("--delimiter", given, "--table", "departments")[0] == 0
    assert job.rows("departments") == [(1, "Law,Order")]


COLUMNS = (
    "must name all columns of one table (id,department; id,job; id,name,datetime,department_id,job_id), "
    "and _ for others"
)
REFUSED = {
    "two characters": ("--delimiter", ";;", "must be one character such as ';', or tab"),
    "none": ("--delimiter", "", "must be one character such as ';', or tab"),
    "a letter": ("--delimiter", "x", "must be one character such as ';', or tab"),
    "a digit": ("--delimiter", "7", "must be one character such as ';', or tab"),
    "a quote": ("--delimiter", '"', "must be one character such as ';', or tab"),
    "the end of a line": ("--delimiter", "\n", "must be one character such as ';', or tab"),
    "no encoding": ("--encoding", "utf-99", "utf-99 is no encoding that Python knows"),
    "a codec that is no encoding of texts": ("--encoding", "hex", "hex is no encoding that Python knows"),
    "no table": ("--table", "jobs,people", "must be of departments, jobs, hired_employees"),
    "no number": ("--max-rejects", "few", "must be a number of rows such as 100, or a share such as 5%"),
    "more than all": ("--max-rejects", "101%", "must be a number of rows such as 100, or a share such as 5%"),
    "columns of no table": ("--columns", "id,salary", COLUMNS),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_work_is_refused_with_2_before_anything_is_done(what, capsys):
    option, value, sentence = REFUSED[what]
    with pytest.raises(SystemExit) as ended:
        parser().parse_args([option, value])
    said = capsys.readouterr()
    assert (ended.value.code, said.out) == (2, "")
    assert said.err.splitlines()[-1].startswith("python -m migration_job: error: argument ")
    assert said.err.endswith(f": {sentence}\n")


@pytest.mark.parametrize("name", ["utf-8", "UTF8", "utf-8-sig"])
def test_utf_8_by_any_name_is_what_is_read_anyway(name):
    assert parser().parse_args(["--encoding", name]).encoding is None
