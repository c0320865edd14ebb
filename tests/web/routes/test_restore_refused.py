"""What a restore refuses: it says why, and every table holds what it held before."""

import io
import json
import threading
import zipfile

import fastavro
import pytest

from hiring_api.database.lease import leased
from tests.rows_of_all import DEPARTMENTS, EMPLOYEES, everything, fill

AVRO = {"content_type": "application/avro"}
ZIP = {"content_type": "application/zip"}


@pytest.fixture
def filled(client):
    """A filled API; after the test it must hold what it held before."""
    fill(client)
    before = everything(client)
    yield client
    assert everything(client) == before
    assert client.get("/backups").json["items"] == []


def avro_file(rows, name="elsewhere"):
    """A file as another program would write it."""
    types = {"id": "long", "department_id": "int", "job_id": "int"}
    fields = [{"name": key, "type": types.get(key, "string")} for key in rows[0]]
    file = io.BytesIO()
    fastavro.writer(file, {"type": "record", "name": name, "fields": fields}, rows)
    return file.getvalue()


@pytest.mark.parametrize(
    ("path", "body", "status", "detail"),
    [
        ("/restore/jobs", b"id,job\n1,Clerk\n", 422, "not an Avro object container file"),
        ("/restore/jobs", b"", 422, "the file is empty"),
        ("/restore/all", b"not a zip", 422, "it is no zip, or cut short"),
        ("/restore/all", b"PK\x05\x06" + bytes(18), 422, "it must hold just departments.avro, jobs.avro"),
    ],
)
def test_a_body_that_is_no_backup(filled, path, body, status, detail):
    response = filled.post(path, data=body, content_type="application/octet-stream")
    assert response.status_code == status
    assert response.content_type == "application/problem+json"
    assert detail in response.json["detail"]


@pytest.mark.parametrize("content_type", ["text/csv", "application/json", "", "application/zip"])
def test_a_body_of_another_type(filled, content_type):
    response = filled.post("/restore/jobs", data=b"x", content_type=content_type)
    assert response.status_code == 415
    assert "application/avro" in response.json["detail"]


@pytest.mark.parametrize("query", ["mode=overwrite", "dry_run=yes", "mod=merge", "mode=merge&mode=merge"])
def test_a_parameter_that_is_wrong(filled, query):
    saved = filled.get("/backup/jobs").data
    assert filled.post(f"/restore/jobs?{query}", data=saved, **AVRO).status_code == 422


def test_rows_that_break_a_rule_are_told_with_their_number(filled):
    rows = [DEPARTMENTS[0], {"id": 2, "department": " "}, {"id": -3, "department": "x\0"}]
    response = filled.post("/restore/departments", data=avro_file(rows), **AVRO)
    assert response.status_code == 422
    assert response.json["detail"] == "2 rows of departments break the row rules"
    assert response.json["total"] == 2
    assert [(item["row"], [one["code"] for one in item["errors"]]) for item in response.json["errors"]] == [
        (2, ["required"]),
        (3, ["out_of_range", "invalid_characters"]),
    ]


@pytest.mark.parametrize("mode", ["replace", "merge"])
def test_references_that_do_not_resolve_are_told(filled, mode):
    rows = [{**EMPLOYEES[0], "job_id": 99}, EMPLOYEES[1], {**EMPLOYEES[2], "job_id": 98}]
    response = filled.post(f"/restore/employees?mode={mode}", data=avro_file(rows), **AVRO)
    assert response.status_code == 409
    assert response.json["detail"] == "2 rows of hired_employees refer to rows that are not in jobs"
    assert response.json["total"] == 2
    assert [(item["id"], item["errors"][0]["message"]) for item in response.json["errors"]] == [
        (1, "job_id 99 is not in jobs"),
        (300, "job_id 98 is not in jobs"),
    ]


def zip_of(client, change):
    """A zip from `/backup/all` after `change` of its (name, content) pairs."""
    with zipfile.ZipFile(io.BytesIO(client.get("/backup/all").data)) as archive:
        entries = change([(name, archive.read(name)) for name in archive.namelist()])
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return file.getvalue()


def swapped(entries):
    (first, one), (second, two), *rest = entries
    return [(first, two), (second, one), *rest]


def without_checks(entries):
    """Another manifest, which says nothing of the files."""
    return [*entries[:-1], ("manifest.json", json.dumps({"files": [{"table": "departments"}]}).encode())]


CHANGES = {
    "a file left out": lambda entries: entries[1:],
    "no manifest": lambda entries: entries[:-1],
    "an extra file": lambda entries: [*entries, ("more.avro", b"")],
    "a doubled file": lambda entries: [*entries[:-1], entries[0]],
    "a path that leads out": lambda entries: [("../departments.avro", entries[0][1]), *entries[1:]],
    "an absolute path": lambda entries: [("/tmp/departments.avro", entries[0][1]), *entries[1:]],
    "a folder": lambda entries: [("departments.avro/", b""), *entries[1:]],
    "two files swapped": swapped,
    "a changed file": lambda entries: [(entries[0][0], entries[0][1][:-1] + b"x"), *entries[1:]],
    "a manifest of something else": without_checks,
    "a manifest that is no JSON": lambda entries: [*entries[:-1], ("manifest.json", b"[" * 9000)],
    "a manifest that is a list": lambda entries: [*entries[:-1], ("manifest.json", b"[]")],
    "many files": lambda entries: [*entries, *((f"{number}.avro", b"") for number in range(5000))],
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("what", CHANGES)
def test_a_zip_that_is_not_what_it_should_be(filled, what):
    response = filled.post("/restore/all", data=zip_of(filled, CHANGES[what]), **ZIP)
    assert response.status_code == 422
    assert response.json["detail"].startswith("the zip is not a readable backup: ")


def test_every_file_of_another_backup_of_the_same_tables(filled):
    old = zipfile.ZipFile(io.BytesIO(filled.get("/backup/all").data))
    other = filled.get("/backup/departments?codec=null").data
    changed = zip_of(filled, lambda entries: [("departments.avro", other), *entries[1:]])
    assert filled.post("/restore/all", data=changed, **ZIP).status_code == 422
    old.close()


def test_an_encrypted_zip(filled):
    data = bytearray(zip_of(filled, lambda entries: entries))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        at = archive.start_dir
    data[at + 8] |= 1
    response = filled.post("/restore/all", data=bytes(data), **ZIP)
    assert response.status_code == 422
    assert "departments.avro is encrypted" in response.json["detail"]


def test_a_zip_bomb(filled):
    def blown_up(entries):
        return [("departments.avro", bytes(300_000_000)), *entries[1:]]

    with zipfile.ZipFile(io.BytesIO(filled.get("/backup/all").data)) as archive:
        entries = blown_up([(name, archive.read(name)) for name in archive.namelist()])
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    response = filled.post("/restore/all", data=file.getvalue(), **ZIP)
    assert response.status_code == 422
    assert "departments.avro would grow too large" in response.json["detail"]


def test_a_zip_with_any_bit_changed_is_refused(filled):
    whole = filled.get("/backup/all").data
    for place in [*range(0, len(whole), 97), *range(len(whole) - 120, len(whole))]:
        data = bytearray(whole)
        data[place] ^= 1 << (place % 8)
        response = filled.post("/restore/all?keep=false", data=bytes(data), **ZIP)
        assert response.status_code == 422, f"byte {place}"


@pytest.mark.parametrize(
    ("parts", "status"),
    [
        ({"file": "backup"}, 200),
        ({"other": "backup"}, 422),
        ({"file": "backup", "note": "text"}, 422),
        ({"file": "text"}, 422),
        ({}, 422),
    ],
)
def test_a_form_must_have_the_file_and_nothing_else(filled, parts, status):
    saved = filled.get("/backup/jobs").data
    data = {
        name: (io.BytesIO(saved), "jobs.avro") if what == "backup" else what for name, what in parts.items()
    }
    response = filled.post("/restore/jobs?keep=false", data=data, content_type="multipart/form-data")
    assert response.status_code == status


@pytest.mark.parametrize("end", [10, 100, 200])
def test_a_form_that_is_cut_short(filled, end):
    body = b'--B\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
    body += filled.get("/backup/jobs").data + b"\r\n--B--\r\n"
    response = filled.post("/restore/jobs", data=body[:-end], content_type="multipart/form-data; boundary=B")
    assert response.status_code in {400, 422}


def test_a_file_over_the_limit(settings, engine):
    from dataclasses import replace

    from hiring_api.web.app import create_app
    from tests.conftest import Client

    client = Client(create_app(replace(settings, max_upload=1000)))
    response = client.post("/restore/jobs", data=b"x" * 1001, **AVRO)
    assert response.status_code == 413


def test_a_second_restore_at_the_same_time_is_told_to_wait(filled, engine):
    saved = filled.get("/backup/jobs").data
    with leased(engine, "restore") as held:
        assert held
        response = filled.post("/restore/jobs", data=saved, **AVRO)
    assert response.status_code == 409
    assert response.headers["Retry-After"] == "5"
    assert filled.post("/restore/jobs?keep=false", data=saved, **AVRO).status_code == 200


def test_backups_are_of_one_moment_while_others_write(client):
    """Each writer adds a department, then an employee in it: no backup may have the one without the other."""
    fill(client)
    stop = threading.Event()
    failures = []

    def write(number):
        for count in range(1000):
            if stop.is_set():
                return
            row_id = 1000 * number + count + 1000
            body = {
                "departments": [{"id": row_id, "department": f"D{row_id}"}],
                "employees": [{**EMPLOYEES[0], "id": row_id, "department_id": row_id}],
            }
            response = client.post("/batch", json=body)
            if response.status_code != 201:
                failures.append(response.json)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(8):
            with zipfile.ZipFile(io.BytesIO(client.get("/backup/all").data)) as archive:
                ids = {
                    name: {row["id"] for row in fastavro.reader(io.BytesIO(archive.read(f"{name}.avro")))}
                    for name in ("departments", "hired_employees")
                }
            assert ids["departments"] - {7} == ids["hired_employees"] - {5, 300}
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert failures == []
