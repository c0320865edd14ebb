"""`/backups`: kept backups are listed, verified, restored and deleted; damaged ones are noticed."""

from dataclasses import replace
from pathlib import Path

import pytest

from hiring_api.errors import StorageFull
from tests.rows_of_all import EMPLOYEES, ROWS, everything, fill


@pytest.fixture
def filled(client):
    return fill(client)


def test_a_backup_is_kept_listed_restored_and_deleted(filled, settings):
    kept = filled.post("/backups")
    assert kept.status_code == 201
    name = kept.json["name"]
    assert kept.headers["Location"] == f"/backups/{name}"
    assert kept.json["rows"] == {"departments": 2, "jobs": 1, "employees": 3}
    assert kept.json["verified"] is None
    assert sorted(path.name for path in Path(settings.backup_dir).iterdir()) == [
        f"{name}.json",
        f"{name}.zip",
    ]
    assert filled.get("/backups").json == {"items": [kept.json], "next": None}
    assert described(filled, name) == kept.json
    before = everything(filled)
    filled.post("/employees", json=[{**EMPLOYEES[0], "id": 77}])
    restored = filled.post(f"/backups/{name}/restore")
    assert restored.status_code == 200
    assert restored.json["employees"]["deleted"] == 1
    assert everything(filled) == before
    assert filled.delete(f"/backups/{name}").status_code == 204
    assert filled.get(f"/backups/{name}").status_code == 404


def described(client, name):
    """What the API says of a kept backup."""
    return client.get(f"/backups/{name}", headers={"Accept": "application/json"}).json


@pytest.mark.parametrize("accept", [None, "*/*", "application/zip", "text/html,*/*;q=0.8"])
def test_a_kept_backup_can_be_downloaded_and_restored_elsewhere(filled, settings, accept):
    name = filled.post("/backups").json["name"]
    response = filled.get(f"/backups/{name}", headers={"Accept": accept} if accept else {})
    assert (response.status_code, response.content_type) == (200, "application/zip")
    assert response.headers["Content-Disposition"] == f"attachment; filename={name}.zip"
    assert response.headers["Vary"] == "Accept"
    assert response.data == (Path(settings.backup_dir) / f"{name}.zip").read_bytes()
    assert response.content_length == len(response.data)
    known = filled.get(f"/backups/{name}", headers={"If-None-Match": response.headers["ETag"]})
    assert (known.status_code, known.data) == (304, b"")
    again = filled.post("/restore/all", data=response.data, content_type="application/zip")
    assert again.status_code == 200
    assert [report["unchanged"] for report in again.json.values()] == [2, 1, 3]


@pytest.mark.parametrize("place", [0, 0.5, -1])
def test_a_damaged_backup_is_never_sent(filled, settings, place):
    name = filled.post("/backups").json["name"]
    path = Path(settings.backup_dir) / f"{name}.zip"
    data = bytearray(path.read_bytes())
    data[int(len(data) * place) if place > 0 else place] ^= 1
    path.write_bytes(data)
    for call in (filled.get, filled.head):
        assert call(f"/backups/{name}").status_code == 422
    refused = filled.get(f"/backups/{name}")
    assert refused.json["detail"] == f"the backup {name} is damaged: its bytes are not those that were kept"
    path.write_bytes(b"")
    assert filled.get(f"/backups/{name}").status_code == 422
    assert described(filled, name)["name"] == name


def test_a_backup_in_neither_form_is_not_acceptable(filled):
    name = filled.post("/backups").json["name"]
    refused = filled.get(f"/backups/{name}", headers={"Accept": "text/csv"})
    assert (refused.status_code, refused.json["detail"]) == (
        406,
        "the answer comes as application/zip or application/json: ask for that in Accept, or for */*",
    )


def test_what_a_replace_replaces_is_kept_and_undone_by_one_call(filled):
    saved = filled.get("/backup/employees").data
    filled.post("/employees", json=[{**EMPLOYEES[0], "id": 77}])
    changed = everything(filled)
    kept = filled.post("/restore/employees", data=saved, content_type="application/avro").json["kept"]
    [entry] = filled.get("/backups").json["items"]
    assert (entry["name"], entry["reason"], entry["rows"]) == (kept, "before restore", {"employees": 4})
    assert everything(filled) != changed
    undone = filled.post(f"/backups/{kept}/restore?keep=false")
    assert undone.status_code == 200
    assert list(undone.json) == ["employees"]
    assert everything(filled) == changed


@pytest.mark.parametrize("query", ["keep=false", "dry_run=true", "mode=merge"])
def test_nothing_is_kept_where_nothing_is_replaced_or_it_is_not_wanted(filled, query):
    saved = filled.get("/backup/employees").data
    report = filled.post(f"/restore/employees?{query}", data=saved, content_type="application/avro")
    assert report.json["kept"] is None
    assert filled.get("/backups").json["items"] == []


def test_a_refused_restore_leaves_no_kept_backup(filled):
    saved = filled.get("/backup/departments").data
    filled.post("/departments", json=[{"id": 9, "department": "New"}])
    filled.post("/employees", json=[{**EMPLOYEES[0], "id": 77, "department_id": 9}])
    assert filled.post("/restore/departments", data=saved, content_type="application/avro").status_code == 409
    assert filled.get("/backups").json["items"] == []


@pytest.mark.parametrize("level", ["checksum", "decode", "restore"])
def test_verification_finds_a_whole_backup_whole_and_a_damaged_one_damaged(filled, settings, level):
    name = filled.post("/backups").json["name"]
    whole = filled.post(f"/backups/{name}/verify?level={level}")
    assert whole.status_code == 200
    assert (whole.json["verified"]["level"], whole.json["verified"]["ok"]) == (level, True)
    path = Path(settings.backup_dir) / f"{name}.zip"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    damaged = filled.post(f"/backups/{name}/verify?level={level}")
    assert damaged.status_code == 422
    assert damaged.json["detail"] == f"the backup {name} is damaged: its bytes are not those that were kept"
    assert described(filled, name)["verified"]["ok"] is False
    assert filled.post(f"/backups/{name}/restore").status_code == 422


def test_a_verification_that_cannot_be_done_says_nothing_about_the_backup(filled, monkeypatch):
    def fail(*_given):
        raise StorageFull("no room")

    name = filled.post("/backups").json["name"]
    monkeypatch.setattr("hiring_api.backup.verify.verify", fail)
    assert filled.post(f"/backups/{name}/verify").status_code == 507
    assert described(filled, name)["verified"] is None


@pytest.mark.parametrize(
    "name",
    ["20260101T000000Z-00000000", "x", "..", "%2e%2e%2fsecret", "20260101T000000Z-0000000G", "a" * 300],
)
def test_a_name_that_is_none_is_not_found(filled, name):
    for call in (
        filled.get(f"/backups/{name}"),
        filled.delete(f"/backups/{name}"),
        filled.post(f"/backups/{name}/verify"),
        filled.post(f"/backups/{name}/restore"),
    ):
        assert call.status_code in {404, 405}


def test_the_list_goes_on_on_the_next_page(filled):
    names = [filled.post("/backups").json["name"] for _ in range(3)]
    first = filled.get("/backups?limit=2").json
    second = filled.get(first["next"]).json
    assert sorted([item["name"] for item in first["items"] + second["items"]]) == sorted(names)
    assert second["next"] is None


def test_a_backup_folder_that_cannot_be_written_is_told(filled, settings):
    Path(settings.backup_dir).write_text("a file where the folder should be")
    response = filled.post("/backups")
    assert response.status_code == 503
    assert response.json["detail"] == "the backup folder cannot be written"
    assert ROWS


def test_six_restores_leave_as_many_backups_as_the_setting_says(filled, settings, app):
    app.config["SETTINGS"] = replace(settings, backup_keep=3)
    asked = [filled.post("/backups").json["name"] for _ in range(3)]
    for number in range(6):
        filled.post("/employees?on_conflict=update", json=[{**EMPLOYEES[0], "name": f"Wrecked {number}"}])
        kept = filled.post(f"/backups/{asked[-1]}/restore").json["employees"]["kept"]
        assert kept in [item["name"] for item in filled.get("/backups").json["items"]]
    left = [(item["name"], item["reason"]) for item in filled.get("/backups").json["items"]]
    assert [reason for _, reason in left] == ["before restore", "before restore", "requested"]
    assert left[2][0] == asked[-1]
