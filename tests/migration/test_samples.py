"""The sample data: in the exercise's shape, validated by the project's own rules, the same each time."""

import csv
from collections import Counter

import pytest

from hiring_api.model.tables import kinds, tables
from hiring_api.model.validation import validate_fields
from migration_job.samples.generate import main, write


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("samples")
    assert write(made) == {"departments": 12, "jobs": 183, "hired_employees": 1999}
    return made


def read(folder, table):
    with (folder / f"{table.name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def validated(folder, table):
    return [validate_fields(table, list(kinds(table)), fields) for fields in read(folder, table)]


def test_parents_are_right_dense_and_different(folder):
    for table, count in zip(tables()[:2], (12, 183), strict=True):
        rows = validated(folder, table)
        assert not any(row.errors for row in rows)
        assert [row.values["id"] for row in rows] == list(range(1, count + 1))
        assert len({tuple(row.raw[1:]) for row in rows}) == count


def test_seventy_hirings_lack_exactly_one_field_and_the_others_are_right(folder):
    rows = validated(folder, tables()[2])
    assert [row.raw[0] for row in rows] == [str(number) for number in range(1, 2000)]
    wrong = [row.errors for row in rows if row.errors]
    assert {len(errors) for errors in wrong} == {1}
    found = Counter((errors[0].field, errors[0].code) for errors in wrong)
    assert found == {
        ("department_id", "required"): 21,
        ("name", "required"): 19,
        ("job_id", "required"): 16,
        ("datetime", "required"): 14,
    }


def test_hirings_are_of_2021_and_2022_and_refer_to_rows_that_exist(folder):
    hirings = [fields for fields in read(folder, tables()[2]) if all(fields)]
    assert {fields[2][:4] for fields in hirings} == {"2021", "2022"}
    assert {int(fields[3]) for fields in hirings} == set(range(1, 13))
    assert 100 < len({int(fields[4]) for fields in hirings}) <= 183
    assert max(int(fields[4]) for fields in hirings) <= 183


def test_texts_have_accents_apostrophes_and_ampersands(folder):
    text = "".join((folder / f"{table.name}.csv").read_text(encoding="utf-8") for table in tables())
    for letters in ("Zoë", "O'Brien", "Públicas", "Drivers'", "&", "GIS ", "General "):
        assert letters in text


def test_two_of_three_files_end_without_a_newline_and_none_has_a_carriage_return(folder):
    ends = [(folder / f"{table.name}.csv").read_bytes()[-1:] == b"\n" for table in tables()]
    assert ends == [True, False, False]
    assert not any(b"\r" in path.read_bytes() for path in folder.iterdir())


def test_a_seed_always_gives_the_same_bytes_and_another_seed_others(folder, tmp_path):
    write(tmp_path / "again")
    write(tmp_path / "other", seed=7)
    for name, same in (("departments.csv", True), ("hired_employees.csv", False)):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()
        assert ((tmp_path / "other" / name).read_bytes() == (folder / name).read_bytes()) is same


@pytest.mark.parametrize(
    ("employees", "share", "rows", "wrong"),
    [(0, 0.5, 0, 0), (1, 0, 1, 0), (1, 1, 1, 1), (1000, 0.25, 1000, 250), (50, 1, 50, 50)],
)
def test_the_number_of_hirings_and_the_share_of_wrong_ones_are_as_asked(
    tmp_path, employees, share, rows, wrong
):
    write(tmp_path, employees=employees, wrong_share=share)
    found = validated(tmp_path, tables()[2])
    assert (len(found), sum(bool(row.errors) for row in found)) == (rows, wrong)


def test_the_command_writes_the_files_and_says_how_many_rows(tmp_path, capsys):
    assert main([str(tmp_path), "--employees", "5"]) == 0
    assert capsys.readouterr().out == "".join(
        f"{tmp_path}/{name}.csv: {rows} rows\n"
        for name, rows in (("departments", 12), ("jobs", 183), ("hired_employees", 5))
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "departments.csv",
        "hired_employees.csv",
        "jobs.csv",
    ]


def test_a_folder_that_cannot_be_made_ends_with_1_and_a_sentence(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main([str(tmp_path / "file" / "folder")]) == 1
    assert capsys.readouterr().err.endswith("Not a directory\n")


@pytest.mark.parametrize(
    "wrong", [[], ["x", "--employees", "-1"], ["x", "--wrong-share", "1.1"], ["x", "--wrong-share", "nan"]]
)
def test_wrong_usage_ends_with_2(wrong):
    with pytest.raises(SystemExit) as ended:
        main(wrong)
    assert ended.value.code == 2
