"""`GET /backup/…` and `POST /restore/…`: what comes out goes back in, and nothing else does."""

import io
import json
import re
import threading
import zipfile

import fastavro
import pytest

from hiring_api.database import bulk_load
from hiring_api.database.transactions import snapshot, transaction
from hiring_api.model.row_lines import to_lines
from hiring_api.model.tables import Job
from tests.rows_of_all import EMPLOYEES, ROWS, everything, fill, rows_of

AVRO = {"content_type": "application/avro"}
ZIP = {"content_type": "application/zip"}


@pytest.fixture
def filled(client):
    """A client of an API whose tables hold `ROWS`."""
    return fill(client)


@pytest.mark.parametrize("codec", ["deflate", "null"])
def test_other_avro_readers_read_the_rows_of_a_backup(filled, codec):
    response = filled.get(f"/backup/employees?codec={codec}")
    assert response.status_code == 200
    assert response.content_type == "application/avro"
    reader = fastavro.reader(io.BytesIO(response.data))
    assert reader.codec == codec
    assert reader.metadata["hiring.rows"] == "00000000000000000003"
    found = [{**row, "datetime": f"{row['datetime']:%Y-%m-%dT%H:%M:%S}"} for row in reader]
    expected = [{**row, "datetime": row["datetime"][:19]} for row in EMPLOYEES]
    assert [{**row, "datetime": row["datetime"].zfill(19)} for row in found] == expected


def test_a_restore_brings_back_exactly_the_rows_that_were_saved(filled):
    saved = filled.get("/backup/employees").data
    filled.post("/employees", json=[{**EMPLOYEES[0], "id": 9}])
    filled.post("/employees?on_conflict=update", json=[{**EMPLOYEES[1], "name": "Changed"}])
    response = filled.post("/restore/employees", data=saved, **AVRO)
    assert response.status_code == 200
    assert response.json == {
        "table": "employees",
        "mode": "replace",
        "dry_run": False,
        "checksum": "verified",
        "received": 3,
        "inserted": 0,
        "updated": 1,
        "unchanged": 2,
        "deleted": 1,
        "rows_before": 4,
        "rows_after": 3,
        "kept": filled.get("/backups").json["items"][0]["name"],
    }
    assert rows_of(filled, "employees") == EMPLOYEES
    assert filled.get("/backup/employees").data == saved


def test_all_tables_go_out_and_come_back_together(filled):
    saved = filled.get("/backup/all")
    assert saved.status_code == 200
    with zipfile.ZipFile(io.BytesIO(saved.data)) as archive:
        assert archive.namelist() == [
            "departments.avro",
            "jobs.avro",
            "hired_employees.avro",
            "manifest.json",
        ]
        manifest = json.loads(archive.read("manifest.json"))
    assert [(entry["table"], entry["rows"]) for entry in manifest["files"]] == [
        ("departments", 2),
        ("jobs", 1),
        ("hired_employees", 3),
    ]
    before = everything(filled)
    filled.post("/departments", json=[{"id": 8, "department": "New"}])
    filled.post("/employees?on_conflict=update", json=[{**EMPLOYEES[0], "department_id": 8}])
    response = filled.post("/restore/all", data=saved.data, **ZIP)
    assert response.status_code == 200
    counts = {name: (one["updated"], one["deleted"]) for name, one in response.json.items()}
    assert counts == {"departments": (0, 1), "jobs": (0, 0), "employees": (1, 0)}
    assert everything(filled) == before


def test_empty_tables_go_out_and_come_back(client):
    saved = client.get("/backup/all").data
    for resource, rows in ROWS.items():
        client.post(f"/{resource}", json=rows)
    response = client.post("/restore/all", data=saved, **ZIP)
    assert response.status_code == 200
    assert response.json["employees"]["deleted"] == 3
    assert everything(client) == {"departments": [], "jobs": [], "employees": []}


def test_departments_that_employees_need_stay(filled):
    before = everything(filled)
    filled.post("/restore/employees", data=filled.get("/backup/employees").data, **AVRO)
    empty = avro_file("departments", [{"id": 7, "department": "Año Nuevo 🎉"}])
    response = filled.post("/restore/departments", data=empty, **AVRO)
    assert response.status_code == 409
    assert (
        response.json["detail"]
        == "2 rows of hired_employees need rows of departments that are not in the file"
    )
    assert response.json["total"] == 2
    assert response.json["errors"][0] == {
        "table": "employees",
        "id": 1,
        "errors": [
            {
                "field": "department_id",
                "code": "unknown_reference",
                "message": "department_id 1 is not in departments",
            }
        ],
    }
    assert everything(filled) == before


def avro_file(name, rows, namespace="elsewhere"):
    """A file as another program would write it."""
    types = {"id": "long", "datetime": "string", "department_id": "int", "job_id": "int"}
    fields = [{"name": key, "type": types.get(key, "string")} for key in rows[0]]
    file = io.BytesIO()
    schema = {"type": "record", "name": name, "namespace": namespace, "fields": fields}
    fastavro.writer(file, schema, rows)
    return file.getvalue()


def test_a_backup_has_a_name_a_length_and_a_tag(filled):
    whole = filled.get("/backup/employees")
    name = whole.headers["Content-Disposition"]
    assert re.fullmatch(r"attachment; filename=employees-[0-9]{8}T[0-9]{6}Z\.avro", name)
    assert int(whole.headers["Content-Length"]) == len(whole.data)
    head = filled.head("/backup/employees")
    assert (head.status_code, head.data) == (200, b"")
    assert head.headers["Content-Length"] == whole.headers["Content-Length"]
    tag = whole.headers["ETag"]
    assert head.headers["ETag"] == filled.get("/backup/employees").headers["ETag"] == tag
    assert filled.get("/backup/employees", headers={"If-None-Match": tag}).status_code == 304
    assert filled.get("/backup/employees?codec=null").headers["ETag"] != tag
    filled.post("/employees", json=[{**EMPLOYEES[0], "id": 9}])
    assert filled.get("/backup/employees", headers={"If-None-Match": tag}).status_code == 200


def test_the_tag_of_a_zip_tells_its_rows_not_its_time(filled):
    whole = filled.get("/backup/all")
    assert int(whole.headers["Content-Length"]) == len(whole.data)
    assert re.search(r"filename=all-[0-9]{8}T[0-9]{6}Z\.zip", whole.headers["Content-Disposition"])
    assert filled.get("/backup/all").headers["ETag"] == whole.headers["ETag"]
    manifest = json.loads(zipfile.ZipFile(io.BytesIO(whole.data)).read("manifest.json"))
    assert manifest["revision"]
    assert manifest["format"] == 1
    assert all(len(entry["sha256"]) == len(entry["checksum"]) == 64 for entry in manifest["files"])


def test_a_merge_keeps_the_other_rows_and_a_dry_run_changes_nothing(filled):
    file = avro_file("staff", [{**EMPLOYEES[0], "name": "Renamed"}, {**EMPLOYEES[1], "id": 6}])
    expected = {
        "table": "employees",
        "mode": "merge",
        "dry_run": True,
        "checksum": "absent",
        "received": 2,
        "inserted": 1,
        "updated": 1,
        "unchanged": 0,
        "deleted": 0,
        "rows_before": 3,
        "rows_after": 4,
        "kept": None,
    }
    assert filled.post("/restore/employees?mode=merge&dry_run=true", data=file, **AVRO).json == expected
    assert rows_of(filled, "employees") == EMPLOYEES
    assert filled.post("/restore/employees?dry_run=true", data=file, **AVRO).json == {
        **expected,
        "mode": "replace",
        "deleted": 2,
        "rows_after": 2,
    }
    assert rows_of(filled, "employees") == EMPLOYEES
    merged = filled.post("/restore/employees?mode=merge", data=file, **AVRO)
    assert merged.json == {**expected, "dry_run": False}
    assert [(row["id"], row["name"]) for row in rows_of(filled, "employees")] == [
        (1, "Renamed"),
        (5, "José"),
        (6, "José"),
        (300, "Zoë"),
    ]


def test_trailing_blanks_and_case_written_by_hand_are_differences(filled, engine):
    saved = filled.get("/backup/departments").data
    transaction(
        engine,
        lambda connection: (
            connection.exec_driver_sql(
                "UPDATE departments SET department = CASE id WHEN 1 THEN 'Sales ' ELSE 'AÑO NUEVO 🎉' END"
            )
            and None
        ),
    )
    report = filled.post("/restore/departments", data=saved, **AVRO).json
    assert (report["updated"], report["unchanged"]) == (2, 0)
    assert filled.get("/backup/departments").data == saved


def test_readers_see_the_old_rows_until_the_new_ones_are_whole(filled, engine):
    old = [(number, f"name {number}") for number in range(1000, 9000)]
    transaction(engine, lambda connection: bulk_load.load(connection, to_lines(Job.__table__, old)))
    saved = filled.get("/backup/jobs").data
    transaction(
        engine, lambda connection: bulk_load.load(connection, to_lines(Job.__table__, [(10**6, "one more")]))
    )
    stop, seen = threading.Event(), set()

    def read():
        while not stop.is_set():
            with snapshot(engine) as connection:
                seen.add(connection.exec_driver_sql("SELECT COUNT(*), MAX(job) FROM jobs").one()[0])

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for _ in range(2):
            assert filled.post("/restore/jobs?keep=false", data=saved, **AVRO).status_code == 200
            transaction(
                engine,
                lambda connection: bulk_load.load(connection, to_lines(Job.__table__, [(10**6, "one more")])),
            )
    finally:
        stop.set()
        reader.join()
    assert seen <= {8001, 8002}
    assert seen
