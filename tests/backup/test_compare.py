"""Whether a backup and the database hold the same rows: over HTTP and on the command line."""

import json
from pathlib import Path

import pytest
from sqlalchemy import text

from hiring_api.__main__ import main
from tests.rows_of_all import EMPLOYEES, everything, fill

FIGURES = ("rows_in_backup", "rows_stored", "equal", "different", "missing", "added")


@pytest.fixture
def filled(client, settings, monkeypatch):
    """A client of a filled API, and an environment in which the commands use the same database."""
    monkeypatch.setenv("DATABASE_URL", settings.database_url.render_as_string(hide_password=False))
    monkeypatch.setenv("BACKUP_DIR", settings.backup_dir)
    return fill(client)


@pytest.fixture
def kept(filled):
    """The name of a backup of all rows."""
    return filled.post("/backups").json["name"]


def compared(client, name):
    answer = client.post(f"/backups/{name}/compare")
    assert answer.status_code == 200
    tables = {one["table"]: tuple(one[figure] for figure in FIGURES) for one in answer.json["tables"]}
    assert [one["same"] for one in answer.json["tables"]] == [not any(one[3:]) for one in tables.values()]
    assert answer.json["same"] == all(one["same"] for one in answer.json["tables"])
    return answer.json["same"], tables


def test_a_fresh_backup_is_the_same(filled, kept):
    same = {"departments": (2, 2, 2, 0, 0, 0), "jobs": (1, 1, 1, 0, 0, 0), "employees": (3, 3, 3, 0, 0, 0)}
    assert compared(filled, kept) == (True, same)


def test_what_was_changed_is_counted_and_agrees_with_the_dry_run_of_a_restore(filled, kept):
    filled.patch("/employees/1", json={"name": "Ana O'neil"})
    filled.patch("/employees/5", json={"datetime": "1000-01-01T00:00:00.000001Z"})
    filled.delete("/employees/300")
    filled.post("/jobs", json=[{"id": 2, "job": "Clerk"}, {"id": 3, "job": "Cook"}])
    before = everything(filled)
    same, tables = compared(filled, kept)
    assert not same
    assert tables == {
        "departments": (2, 2, 2, 0, 0, 0),
        "jobs": (1, 3, 1, 0, 0, 2),
        "employees": (3, 2, 0, 2, 1, 0),
    }
    dry = filled.post(f"/backups/{kept}/restore?dry_run=true").json
    for name, (received, stored, equal, different, missing, added) in tables.items():
        report = dry[name]
        assert (report["received"], report["rows_before"], report["unchanged"]) == (received, stored, equal)
        assert (report["updated"], report["inserted"], report["deleted"]) == (different, missing, added)
    assert everything(filled) == before
    filled.post(f"/backups/{kept}/restore")
    assert compared(filled, kept)[0]


@pytest.mark.parametrize("other", ["Sales ", "sales", "Sáles"])
def test_texts_are_compared_to_the_byte(filled, kept, engine, other):
    with engine.begin() as connection:
        connection.execute(text("UPDATE departments SET department = :other WHERE id = 1"), {"other": other})
    assert compared(filled, kept)[1]["departments"] == (2, 2, 1, 1, 0, 0)


def test_an_empty_database_misses_every_row(filled, kept):
    for path in ("employees/1", "employees/5", "employees/300", "jobs/1", "departments/1", "departments/7"):
        assert filled.delete(f"/{path}").status_code == 204
    assert compared(filled, kept)[1]["employees"] == (3, 0, 0, 0, 3, 0)


def test_a_damaged_or_unknown_backup_is_told(filled, kept, settings):
    assert filled.post("/backups/20200101T000000Z-00000000/compare").status_code == 404
    with Path(settings.backup_dir, f"{kept}.zip").open("r+b") as file:
        file.seek(100)
        file.write(b"\0\0\0\0")
    assert filled.post(f"/backups/{kept}/compare").status_code == 422
    assert main(["compare", kept]) == 3


def test_the_command_says_by_its_exit_status_whether_they_are_the_same(filled, kept, capsys, tmp_path):
    assert main(["--json", "compare", kept]) == 0
    assert [(one["table"], one["same"]) for one in json.loads(capsys.readouterr().out)] == [
        ("departments", True),
        ("jobs", True),
        ("employees", True),
    ]
    avro = tmp_path / "employees.avro"
    avro.write_bytes(filled.get("/backup/employees").data)
    archive = tmp_path / "all.zip"
    archive.write_bytes(filled.get("/backup/all").data)
    filled.patch(f"/employees/{EMPLOYEES[0]['id']}", json={"name": "Other"})
    for name in (kept, "newest", str(avro), str(archive)):
        assert main(["compare", name]) == 6
        lines = [line.split() for line in capsys.readouterr().out.splitlines()]
        assert lines[0] == ["table", "same", *FIGURES]
        assert lines[-1] == ["employees", "False", "3", "3", "2", "1", "0", "0"]
    assert main(["compare", "nothing.avro"]) == 1
