"""A row with the last id, once: when it is gone, ids are given again."""

import pytest
from sqlalchemy import text

from hiring_api.__main__ import main
from hiring_api.database.dialects.mysql import next_ids
from hiring_api.model.columns import MAX_ID
from hiring_api.model.tables import Job
from tests.rows_of_all import fill

JOBS = Job.__table__
AVRO = {"content_type": "application/avro"}


@pytest.fixture
def exhausted(client):
    """An API without an id left for jobs, and a backup of the jobs before that."""
    fill(client)
    saved = client.get("/backup/jobs").data
    assert client.post("/jobs", json=[{"id": MAX_ID, "job": "Last"}]).status_code == 201
    refused = client.post("/jobs", json=[{"job": "Cook"}])
    assert refused.status_code == 422
    assert refused.json["results"][0]["errors"][0]["code"] == "out_of_range"
    return client, saved


def given(client):
    """The id of a new job, None if there is none."""
    return client.post("/jobs", json=[{"job": "Cook"}]).json["results"][0]["id"]


@pytest.mark.parametrize("keep", ["true", "false"])
def test_a_restore_without_the_row_gives_ids_again(exhausted, keep):
    client, saved = exhausted
    report = client.post(f"/restore/jobs?keep={keep}", data=saved, **AVRO).json
    assert (report["deleted"], report["rows_after"]) == (1, 1)
    assert given(client) == 2


def test_a_merge_that_leaves_the_row_gives_none(exhausted):
    client, saved = exhausted
    assert client.post("/restore/jobs?mode=merge", data=saved, **AVRO).status_code == 200
    assert given(client) is None


def test_a_restore_into_an_emptied_table_gives_ids_again(exhausted, engine):
    client, saved = exhausted
    client.post("/restore/employees", data=client.get("/backup/employees").data, **AVRO)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM hired_employees"))
        connection.execute(text("DELETE FROM jobs"))
    assert client.post("/restore/jobs", data=saved, **AVRO).json["inserted"] == 1
    assert given(client) == 2


def test_an_operator_gives_ids_again_once_the_row_is_gone(exhausted, engine, settings, monkeypatch, capsys):
    client, _ = exhausted
    monkeypatch.setenv("DATABASE_URL", settings.database_url.render_as_string(hide_password=False))
    assert main(["reset-ids", "jobs"]) == 0
    assert given(client) is None  # it is still there
    with engine.begin() as connection:
        connection.execute(text(f"DELETE FROM jobs WHERE id = {MAX_ID}"))
    assert main(["reset-ids"]) == 0
    capsys.readouterr()
    assert given(client) == 2
    assert main(["reset-ids", "jobs", "departments"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [["table", "before", "after"], ["departments", "8", "8"], ["jobs", "3", "3"]]


def test_a_restore_does_not_give_the_ids_of_other_rows_again(client):
    fill(client)
    saved = client.get("/backup/jobs").data
    assert [given(client) for _ in range(3)] == [2, 3, 4]
    assert client.post("/restore/jobs", data=saved, **AVRO).json["deleted"] == 3
    assert given(client) == 5


def test_what_others_do_with_the_table_does_not_make_the_restore_fail(exhausted, engine, monkeypatch, caplog):
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite has no lock on what a table is like")
    client, saved = exhausted
    monkeypatch.setattr(next_ids, "_LOCK_SECONDS", 1)
    with engine.connect() as reader:
        reader.execute(text("SELECT 1 FROM jobs WHERE id = 1")).all()  # as long as its transaction is open
        assert client.post("/restore/jobs", data=saved, **AVRO).status_code == 200
    assert "jobs has few ids left to give: run python -m hiring_api reset-ids" in caplog.text
    assert given(client) in {None, MAX_ID}  # MySQL gives the last one again, for it is free
    assert client.post("/restore/jobs", data=saved, **AVRO).status_code == 200
    assert given(client) == 2
