"""The overview says what the other routes say, in one answer."""

from datetime import UTC, datetime

import pytest

from hiring_api.errors import DatabaseUnavailable
from hiring_api.settings import read_settings
from hiring_api.web.app import create_app
from tests.conftest import Client

NAMES = ["departments", "jobs", "employees"]


def test_an_empty_database_has_nothing_to_tell(client):
    none = {"rows": 0, "rejects": {"open": 0, "resolved": 0, "last": None}, "last_load": None}
    assert client.get("/overview").json == {
        "database": {"writable": True, "problem": None},
        "tables": [{"table": name, **none} for name in NAMES],
        "backups": {"newest": None, "problem": None},
    }


def test_the_figures_are_those_of_the_other_routes(client):
    csv = "id,department\n1,Sales\n2,Law\n3,\n"
    first = client.post("/upload/departments", data=csv, content_type="text/csv").json
    dry = client.post("/upload/departments?dry_run=true", data=csv, content_type="text/csv")
    assert dry.status_code == 200
    client.post("/jobs", json=[{"id": 1, "job": "Clerk"}, {"id": 2, "job": ""}])
    kept = client.post("/backups").json
    verified = client.post(f"/backups/{kept['name']}/verify").json
    answer = client.get("/overview").json
    departments, jobs, employees = answer["tables"]
    assert [one["rows"] for one in answer["tables"]] == [2, 1, 0]
    load = departments["last_load"]
    counts = ("read", "inserted", "updated", "unchanged", "rejected", "repaired", "blank", "doubtful", "run")
    assert {name: load[name] for name in counts} == {name: first[name] for name in counts}
    assert load["source"] == "POST /upload/departments"
    assert load["begun_at"] <= load["ended_at"]
    assert (jobs["last_load"], employees["last_load"]) == (None, None)
    [reject] = client.get("/rejects?table=jobs").json["items"]
    assert jobs["rejects"] == {"open": 1, "resolved": 0, "last": reject["refused_at"]}
    assert departments["rejects"]["open"] == 1
    newest = answer["backups"]["newest"]
    age = newest.pop("age_seconds")
    assert newest == verified
    assert 0 <= age <= (datetime.now(UTC) - datetime.fromisoformat(kept["time"])).total_seconds() + 1
    again = client.post("/upload/departments", data="3,Art\n", content_type="text/csv").json
    load = client.get("/overview").json["tables"][0]["last_load"]
    assert (load["run"], load["inserted"]) == (again["run"], 1)


def test_a_backup_that_a_restore_kept_is_not_the_newest_one(client):
    client.post("/departments", json={"department": "x"})
    asked = client.post("/backups").json["name"]
    client.post("/departments", json={"department": "y"})
    restored = client.post(f"/backups/{asked}/restore").json
    assert restored["departments"]["kept"] is not None
    assert client.get("/overview").json["backups"]["newest"]["name"] == asked


def test_what_is_wrong_is_told_and_the_rest_as_well(app, client, monkeypatch):
    from hiring_api.web.routes import overview

    def refuse(_engine):
        raise DatabaseUnavailable("the database server can only be read")

    monkeypatch.setattr(overview, "require_writable", refuse)
    answer = client.get("/overview").json
    assert answer["database"] == {"writable": False, "problem": "the database server can only be read"}
    assert len(answer["tables"]) == len(NAMES)


def test_a_place_of_backups_that_cannot_be_read_is_told(engine, database_url, tmp_path):
    (tmp_path / "file").write_text("")
    url = database_url.render_as_string(hide_password=False)
    bare = {"DATABASE_URL": url, "API_USER": "tester", "API_PASS": "correct horse"}
    client = Client(create_app(read_settings({**bare, "BACKUP_DIR": str(tmp_path / "file")})))
    answer = client.get("/overview")
    assert answer.status_code == 200
    assert answer.json["backups"]["newest"] is None


def test_a_database_that_is_away_is_a_503(tmp_path):
    bare = {
        "DATABASE_URL": f"sqlite:///{tmp_path}/none/x.db",
        "API_USER": "tester",
        "API_PASS": "correct horse",
    }
    client = Client(create_app(read_settings(bare)))
    assert client.get("/overview").status_code == 503
    assert client.get("/overview", auth=None).status_code == 401


@pytest.mark.parametrize("query", ["?x=1", "?limit=1"])
def test_it_takes_no_parameter(client, query):
    assert client.get(f"/overview{query}").status_code == 422
