"""`POST /upload/{resource}`: the counts, the first rejects, and all or nothing where a limit is set."""

from __future__ import annotations

import gzip
import io

import pytest

ROWS = "1,Ana,2021-07-27T12:00:00Z,1,1\n2,,2021-07-27,99,1\n3,Bo,2021-07-27T12:00:00Z,1,1\n"


@pytest.fixture
def parents(client):
    client.post("/departments", json=[{"id": 1, "department": "Sales"}])
    client.post("/jobs", json=[{"id": 1, "job": "Clerk"}])
    return client


def upload(client, resource, text, query="", **headers):
    data = text if isinstance(text, bytes) else text.encode()
    return client.post(f"/upload/{resource}{query}", data=data, content_type="text/csv", headers=headers)


def ids(client, resource="employees"):
    return [row["id"] for row in client.get(f"/{resource}").json["items"]]


def counts(response):
    names = ("kept", "read", "inserted", "updated", "unchanged", "rejected")
    return tuple(response.json[name] for name in names)


def test_right_rows_go_in_and_refused_ones_are_answered_and_kept(parents):
    response = upload(parents, "employees", ROWS, **{"X-Request-ID": "first"})
    assert response.status_code == 207
    errors = [
        {"field": "name", "code": "required", "message": "name is required: it is empty"},
        {
            "field": "datetime",
            "code": "invalid_format",
            "message": "datetime must be a date and time such as 2021-07-27T16:02:08Z",
        },
        {
            "field": "department_id",
            "code": "unknown_reference",
            "message": "department_id 99 is not in departments",
        },
    ]
    refused = {"line": 2, "record": 2, "row": ["2", "", "2021-07-27", "99", "1"], "errors": errors}
    assert response.json == {
        "table": "employees",
        "run": "first",
        "dry_run": False,
        "kept": True,
        "read": 3,
        "inserted": 2,
        "updated": 0,
        "unchanged": 0,
        "rejected": 1,
        "repaired": 0,
        "blank": 0,
        "doubtful": 0,
        "rejects": [refused],
        "all_rejects": "/rejects?run=first",
    }
    assert ids(parents) == [1, 3]
    [kept] = parents.get(response.json["all_rejects"]).json["items"]
    assert {name: kept[name] for name in refused} == refused
    assert kept["source"] == "POST /upload/employees"


def test_a_form_with_the_file_is_the_same(parents):
    data = {"file": (io.BytesIO(b"id;department\n7;Law\n"), "Departments.CSV")}
    response = parents.post("/upload/departments", data=data)
    assert (response.status_code, counts(response)) == (201, (True, 1, 1, 0, 0, 0))
    assert ids(parents, "departments") == [1, 7]


def test_a_dry_run_reports_the_same_and_writes_nothing(parents):
    text = f"{ROWS}1,Ana,2021-07-27T12:00:00Z,1,1\n3,Other,2021-07-27T12:00:00Z,1,1\n"
    dry = upload(parents, "employees", text, "?dry_run=true")
    assert (dry.status_code, ids(parents)) == (200, [])
    assert parents.get("/rejects").json["items"] == []
    real = upload(parents, "employees", text)
    assert counts(real) == (True, 5, 2, 0, 0, 3)
    assert counts(dry)[1:] == counts(real)[1:]
    assert dry.json["rejects"] == real.json["rejects"]


@pytest.mark.parametrize(
    ("limit", "status", "kept"),
    [("0", 422, []), ("1", 207, [1, 3]), ("30%25", 422, []), ("34%25", 207, [1, 3])],
)
def test_more_rejects_than_the_limit_and_nothing_is_kept_but_the_rejects(parents, limit, status, kept):
    response = upload(parents, "employees", ROWS, f"?max_rejects={limit}")
    assert (response.status_code, ids(parents)) == (status, kept)
    assert counts(response) == ((True, 3, 2, 0, 0, 1) if kept else (False, 3, 0, 0, 0, 1))
    assert len(parents.get(response.json["all_rejects"]).json["items"]) == 1


def test_on_conflict(parents):
    upload(parents, "departments", "1,Sales\n2,Law\n")
    again = "1,Sales\n2,Lawyers\n"
    assert counts(upload(parents, "departments", again)) == (True, 2, 0, 0, 1, 1)
    assert counts(upload(parents, "departments", again, "?on_conflict=update")) == (True, 2, 0, 1, 1, 0)
    assert parents.get("/departments/2").json["department"] == "Lawyers"


def test_when_every_row_is_refused_it_is_422(parents):
    response = upload(parents, "jobs", "x,Clerk\n")
    assert (response.status_code, counts(response)) == (422, (True, 1, 0, 0, 0, 1))


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        pytest.param(b"", "the file is empty", id="empty"),
        pytest.param(
            b"\x89PNG\r\n\x1a\n" + bytes(range(32)) * 9,
            "the file is not a CSV file: it holds binary data",
            id="binary",
        ),
        pytest.param(
            gzip.compress(b"1,Sales\n" * 99),
            "the file is not a CSV file: it is compressed (gzip). Unpack it first",
            id="gzip",
        ),
        pytest.param(
            "1,Café\n".encode("latin-1") * 20,
            "the file is not UTF-8: 20 of its 20 lines have other bytes. Save it as UTF-8, or name its "
            "encoding to the migration job, such as --encoding latin-1",
            id="latin-1",
        ),
        pytest.param(
            b"id,wrong\n1,Sales\n",
            "the file: the header names only some columns of departments: found id, wrong; missing "
            "department. Correct it, or name the columns to the migration job with --columns",
            id="part of a header",
        ),
        pytest.param(
            b"id,name,datetime,department_id,job_id\n7,Ana,2021-07-27T16:02:08Z,1,1\n",
            "the file: the header is that of hired_employees, not of departments: id, name, datetime, "
            "department_id, job_id. Correct it, or name the columns to the migration job with --columns",
            id="another table's header",
        ),
    ],
)
def test_what_is_no_such_file_is_one_sentence(parents, content, detail):
    response = upload(parents, "departments", content)
    assert (response.status_code, response.json["detail"]) == (422, detail)
    assert ids(parents, "departments") == [1]


def test_a_form_whose_part_is_text_is_told_so(parents):
    response = parents.post("/upload/departments", data={"file": "2,Law"}, content_type="multipart/form-data")
    assert response.status_code == 422
    assert response.json["detail"] == "the part 'file' is text without a filename: send it as a file"


@pytest.mark.parametrize("query", ["?max_rejects=many", "?max_rejects=101%25", "?on_conflict=skip", "?no=1"])
def test_wrong_parameters_are_refused(parents, query):
    assert upload(parents, "departments", "2,Law\n", query).status_code == 422
    assert ids(parents, "departments") == [1]


def test_other_content_types_are_refused(parents):
    assert parents.post("/upload/departments", json=[]).status_code == 415


def test_a_field_of_two_lines_is_one_record(parents):
    text = 'department,id\nSales,1\n"Research and\nDevelopment",2\nSupport,3\n'
    response = upload(parents, "departments", text)
    assert (response.status_code, counts(response)) == (207, (True, 3, 1, 0, 1, 1))
    [refused] = response.json["rejects"]
    assert (refused["line"], refused["record"], refused["row"]) == (3, 2, ["2", "Research and\nDevelopment"])
    assert refused["errors"] == [
        {
            "field": "department",
            "code": "invalid_characters",
            "message": "department must not contain the control character U+000A",
        }
    ]


@pytest.mark.parametrize("reference", ["7\n8", "7\r8", "\n", "7\x0b8", "\u0667"])
def test_a_reference_that_is_no_number_is_refused(parents, reference):
    rows = "".join(f'{row},Ana,2021-07-27T12:00:00Z,1,"{reference}"\n' for row in range(1, 30))
    response = upload(parents, "employees", f"{rows}30,Ana,2021-07-27T12:00:00Z,1,1\n")
    assert (response.status_code, counts(response)) == (207, (True, 30, 1, 0, 0, 29))
    assert {error["field"] for row in response.json["rejects"] for error in row["errors"]} == {"job_id"}


def test_blank_lines_and_texts_that_nobody_may_have_meant_are_counted(parents):
    text = '1,Sales\n2,NULL\n\n3, "Law"\n4,nan\n , \n5,Nancy\n6,"5"" pipes"\n'
    response = upload(parents, "departments", text)
    assert (response.status_code, counts(response)) == (201, (True, 6, 5, 0, 1, 0))
    assert (response.json["blank"], response.json["doubtful"]) == (2, 3)
    assert parents.get("/departments/3").json["department"] == '"Law"'


def test_a_right_row_repairs_no_row_that_the_same_upload_had_before(client, monkeypatch):
    monkeypatch.setattr("hiring_api.csv_input.records.BLOCK", 100)  # the two are in chunks of their own
    text = "1,\n" + "".join(f"{number},Department {number}\n" for number in range(2, 50)) + "1,Sales\n"
    response = upload(client, "departments", text)
    assert (response.status_code, counts(response)) == (207, (True, 50, 49, 0, 0, 1))
    [reject] = client.get("/rejects?resolved=false").json["items"]
    assert (reject["line"], reject["row"]) == (1, ["1", ""])
