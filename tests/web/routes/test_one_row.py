"""One row: changed by the rules of batches and only as it was seen, deleted unless others refer to it."""

import json
import threading
from functools import partial

import pytest
from sqlalchemy import text

from hiring_api.database.transactions import snapshot
from tests.conftest import on_record

HIRED = {"id": 10, "name": "Ana", "datetime": "2021-07-27T16:02:08Z", "department_id": 1, "job_id": 1}
PATCH_TYPE = "application/merge-patch+json"


@pytest.fixture
def stored(client):
    """A client of an API with two departments, one job and one employee."""
    client.post("/departments", json=[{"id": number, "department": f"D{number}"} for number in (1, 2)])
    client.post("/jobs", json={"id": 1, "job": "Clerk"})
    assert client.post("/employees", json=HIRED).status_code == 201
    return client


@pytest.mark.parametrize(
    ("sent", "changed"),
    [
        ({}, {}),
        ({"name": " Zoë 😀 "}, {"name": "Zoë 😀"}),
        ({"department_id": 2, "id": 10}, {"department_id": 2}),
        ({"datetime": "2022-01-01T01:00:00.5+02:00"}, {"datetime": "2021-12-31T23:00:00.500000Z"}),
        ({**HIRED, "name": "B"}, {"name": "B"}),
    ],
)
@pytest.mark.parametrize("media_type", ["application/json", PATCH_TYPE, "application/json; charset=UTF-8"])
def test_the_columns_that_are_sent_are_changed_and_no_others(stored, sent, changed, media_type):
    answer = stored.patch("/employees/10", data=json.dumps(sent), content_type=media_type)
    assert (answer.status_code, answer.json) == (200, {**HIRED, **changed})
    now = stored.get("/employees/10")
    assert now.json == answer.json
    assert now.headers["ETag"] == answer.headers["ETag"]


@pytest.mark.parametrize(
    ("sent", "errors"),
    [
        ({"name": None}, [("name", "required")]),
        ({"name": "", "job_id": "1"}, [("name", "required"), ("job_id", "invalid_type")]),
        ({"name": "a\tb"}, [("name", "invalid_characters")]),
        ({"datetime": "2021-07-27"}, [("datetime", "invalid_format")]),
        (
            {"department_id": 99, "job_id": 98},
            [("department_id", "unknown_reference"), ("job_id", "unknown_reference")],
        ),
        ({"title": "x"}, [("title", "unknown_field")]),
        ({"id": 11}, [("id", "read_only")]),
        ({"id": True}, [("id", "read_only")]),
        ({"id": None, "name": 7}, [("id", "read_only"), ("name", "invalid_type")]),
    ],
)
def test_a_change_that_breaks_row_rules_is_refused_for_all_its_reasons_and_is_no_reject(
    stored, engine, sent, errors
):
    answer = stored.patch("/employees/10", json=sent)
    assert answer.status_code == 422
    assert [(error["field"], error["code"]) for error in answer.json["errors"]] == errors
    assert answer.json["detail"] == "; ".join(error["message"] for error in answer.json["errors"])
    assert stored.get("/employees/10").json == HIRED
    assert on_record(engine) == []


def test_the_errors_of_a_change_are_those_of_a_batch(stored):
    wrong = {"name": "x" * 256, "datetime": "2021-02-30T00:00:00Z", "department_id": 0, "job_id": 7, "z": 1}
    batch = stored.post("/employees?dry_run=true", json={"id": 11, **wrong}).json["results"][0]["errors"]
    assert stored.patch("/employees/10", json=wrong).json["errors"] == batch


@pytest.mark.parametrize(
    ("data", "media_type", "status"),
    [
        ("[]", "application/json", 422),
        ("7", "application/json", 422),
        ("null", PATCH_TYPE, 422),
        ("", "application/json", 400),
        ("{", "application/json", 400),
        ('{"name": "a", "name": "b"}', "application/json", 400),
        (b'{"name": "\xff"}', "application/json", 400),
        ('{"name": "\\ud800"}', "application/json", 422),
        ("name,x", "text/csv", 415),
        ("{}", "application/json; charset=latin-1", 415),
    ],
)
def test_a_body_that_is_no_object_is_refused(stored, data, media_type, status):
    answer = stored.patch("/employees/10", data=data, content_type=media_type)
    assert answer.status_code == status
    assert stored.get("/employees/10").json == HIRED


@pytest.mark.parametrize("method", ["patch", "delete"])
def test_there_is_nothing_to_change_under_an_unknown_id(stored, method):
    for path in ("/employees/11", "/employees/0", "/employees/2147483648", "/employees/x"):
        body = {"json": {"name": "x"}} if method == "patch" else {}
        assert getattr(stored, method)(path, headers={"If-Match": "*"}, **body).status_code == 404
    assert stored.get("/employees/10").json == HIRED


@pytest.mark.parametrize("method", ["patch", "delete"])
@pytest.mark.parametrize(
    ("sent", "met"),
    [
        ("{tag}", True),
        ("*", True),
        ('"other", {tag}', True),
        ('"other"', False),
        ("W/{tag}", False),
        ("{bare}", False),
        ("", False),
    ],
)
def test_only_the_row_that_was_seen_is_changed_or_deleted(stored, engine, method, sent, met):
    tag = stored.get("/employees/10").headers["ETag"]
    body = {"json": {"name": "x"}} if method == "patch" else {}
    headers = {"If-Match": sent.format(tag=tag, bare=tag.strip('"'))}
    answer = getattr(stored, method)("/employees/10", headers=headers, **body)
    if met:
        assert answer.status_code == (200 if method == "patch" else 204)
        assert getattr(stored, method)("/employees/10", headers={"If-Match": tag}, **body).status_code in {
            412,
            404,
        }
    else:
        assert answer.status_code == 412
        assert answer.json["detail"] == "id 10 of employees is not, or no longer, what If-Match asks for"
        assert stored.get("/employees/10").json == HIRED


def test_what_is_wrong_in_itself_is_told_before_a_precondition(stored):
    headers = {"If-Match": '"other"'}
    assert stored.patch("/employees/10", json={"job_id": 9}, headers=headers).status_code == 422
    assert stored.delete("/departments/1", headers=headers).status_code == 409


def test_a_row_that_others_refer_to_is_not_deleted(stored):
    stored.post("/employees", json={**HIRED, "id": 11})
    for path in ("departments", "jobs"):
        answer = stored.delete(f"/{path}/1")
        assert answer.status_code == 409
        assert answer.json["detail"] == (
            f"id 1 of {path} is in use: 2 of employees refer to it. Change or delete these first"
        )
        field = {"departments": "department_id", "jobs": "job_id"}[path]
        assert answer.json["errors"] == [{"table": "employees", "field": field, "rows": 2}]
        assert stored.get(f"/{path}/1").status_code == 200
    assert stored.delete("/departments/2").status_code == 204
    for row_id in (10, 11):
        assert stored.delete(f"/employees/{row_id}").status_code == 204
    assert stored.delete("/departments/1").status_code == 204
    assert stored.get("/departments").json["items"] == []


def test_the_id_of_a_deleted_row_is_not_given_again(stored):
    new = {name: value for name, value in HIRED.items() if name != "id"}
    first = stored.post("/employees", json=new).json["results"][0]["id"]
    assert stored.delete(f"/employees/{first}").status_code == 204
    assert stored.post("/employees", json=new).json["results"][0]["id"] == first + 1


def test_a_change_that_corrects_a_row_resolves_its_reject(stored, engine):
    refused = {**HIRED, "name": "Other"}
    assert stored.post("/employees", json=refused).status_code == 422
    assert stored.patch("/employees/10", json={"job_id": 1}).status_code == 200
    assert on_record(engine)[0]["resolved_at"] is None
    assert stored.patch("/employees/10", json={"name": "Other"}).status_code == 200
    assert on_record(engine)[0]["resolved_at"] is not None


def test_a_persons_rejects_go_with_the_row_where_that_is_asked_for(stored, engine):
    others = [{**HIRED, "id": 12, "name": ""}, {**HIRED, "name": "Taken"}, {"name": "Without an id"}]
    assert stored.post("/employees", json=others).status_code == 422
    csv = "id,name,datetime,department_id,job_id\nx,Bo,2021-07-27T16:02:08Z,1,1\n"
    assert stored.post("/upload/employees", data=csv, content_type="text/csv").json["rejected"] == 1
    number = on_record(engine)[-1]["id"]
    repaired = f"id,name,datetime,department_id,job_id,reject\n13,Bo,2021-07-27T16:02:08Z,1,1,{number}\n"
    assert stored.post("/upload/employees", data=repaired, content_type="text/csv").json["inserted"] == 1
    assert stored.delete("/employees/10").status_code == 204
    assert len(on_record(engine)) == 4
    assert stored.delete("/employees/10?rejects=true").status_code == 204  # what is left of it
    assert stored.delete("/employees/10?rejects=true").status_code == 404
    assert stored.delete("/employees/13?rejects=true").status_code == 204  # whose reject had no id
    assert [reject["row"].get("id") for reject in on_record(engine)] == [12, None]
    assert stored.delete("/departments/12?rejects=true").status_code == 404  # rejects of another table
    assert stored.delete("/employees/12?rejects=maybe").status_code == 422


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}])
def test_another_site_changes_and_deletes_nothing(stored, headers):
    assert stored.patch("/employees/10", json={"name": "x"}, headers=headers).status_code == 403
    assert stored.delete("/employees/10", headers=headers).status_code == 403
    assert stored.patch("/employees/10", json={"name": "x"}, auth=None).status_code == 401
    assert stored.delete("/employees/10", auth=None).status_code == 401
    assert stored.get("/employees/10").json == HIRED


def at_once(*calls):
    """The answers to calls that begin at the same time."""
    together, answers = threading.Barrier(len(calls)), [None] * len(calls)

    def run(at, call):
        together.wait()
        answers[at] = call()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_of_those_who_saw_the_same_row_one_alone_changes_it(stored):
    for _ in range(5):
        tag = stored.get("/employees/10").headers["ETag"]
        seen = {"If-Match": tag}
        bodies = [{"name": f"{tag[:9]} {name}"} for name in "abcd"]
        answers = at_once(*(partial(stored.patch, "/employees/10", json=one, headers=seen) for one in bodies))
        assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412]
        [won] = [answer for answer in answers if answer.status_code == 200]
        assert stored.get("/employees/10").json == won.json


def test_changes_of_different_columns_at_once_are_both_kept(stored):
    for number in range(5):
        day = f"2021-07-0{number + 1}T00:00:00Z"
        answers = at_once(
            partial(stored.patch, "/employees/10", json={"name": f"N{number}"}),
            partial(stored.patch, "/employees/10", json={"datetime": day}),
        )
        assert [answer.status_code for answer in answers] == [200, 200]
        assert stored.get("/employees/10").json == {**HIRED, "name": f"N{number}", "datetime": day}


def test_a_parent_is_deleted_or_gets_a_child_but_not_both(stored, engine):
    for number in range(50, 62):
        stored.post("/departments", json={"id": number, "department": "x"})
        deleted, changed = at_once(
            partial(stored.delete, f"/departments/{number}"),
            partial(stored.patch, "/employees/10", json={"department_id": number}),
        )
        assert (deleted.status_code, changed.status_code) in {(204, 422), (409, 200)}
        there = stored.get(f"/departments/{number}").status_code
        assert there == (404 if deleted.status_code == 204 else 200)
    with snapshot(engine) as connection:
        query = "SELECT count(*) FROM hired_employees WHERE department_id NOT IN (SELECT id FROM departments)"
        assert connection.execute(text(query)).scalar() == 0
