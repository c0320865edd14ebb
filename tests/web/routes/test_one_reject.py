"""Rejects one by one and by the number: counted by reason and run, filtered, corrected, erased."""

import json
import threading
from functools import partial

import pytest

from hiring_api.database import transactions
from hiring_api.rejects.record import Origin, Reject, keep
from tests.conftest import on_record

HIRED = {"id": 10, "name": "Ana", "datetime": "2021-07-27T16:02:08Z", "department_id": 1, "job_id": 1}


@pytest.fixture
def refused(client):
    """A client of an API that has refused rows of two tables in three runs."""
    client.post("/departments", json={"id": 1, "department": "D1"})
    client.post("/jobs", json={"id": 1, "job": "Clerk"})
    wrong = [
        {**HIRED, "id": 11, "name": ""},
        {**HIRED, "id": 12, "name": None, "department_id": 99},
        {**HIRED, "id": 13, "name": 'Zoë "%" O\'Neil', "department_id": 98},
    ]
    client.post("/employees", json=wrong, headers={"X-Request-ID": "one"})
    client.post("/jobs", json=[{"id": 5, "job": "x" * 300, "z": 1}], headers={"X-Request-ID": "two"})
    csv = (
        "id,name,datetime,department_id,job_id\n14,Bo,2021-07-27T16:02:08Z,1\n15,,2021-07-27T16:02:08Z,1,1\n"
    )
    client.post("/upload/employees", data=csv, content_type="text/csv", headers={"X-Request-ID": "three"})
    client.post("/employees", json={**HIRED, "id": 15, "name": "Bea"})  # resolves the last one
    return client


def reject_ids(client, query):
    answer = client.get(f"/rejects?{query}")
    assert answer.status_code == 200
    return [
        item["row"]["id"] if isinstance(item["row"], dict) else item["row"][0]
        for item in answer.json["items"]
    ]


def test_rejects_are_counted_by_reason_the_most_frequent_open_ones_first(refused):
    items = refused.get("/rejects/summary").json["items"]
    assert [(one["table"], one["field"], one["code"], one["rejects"], one["open"]) for one in items] == [
        ("employees", "name", "required", 3, 2),
        ("employees", "department_id", "unknown_reference", 2, 2),
        ("employees", None, "column_count", 1, 1),
        ("jobs", "job", "too_long", 1, 1),
        ("jobs", "z", "unknown_field", 1, 1),
    ]
    rejects = refused.get("/rejects").json["items"]
    assert items[0]["first"] == rejects[-1]["refused_at"]
    assert items[0]["last"] == rejects[0]["refused_at"]


def test_fields_that_differ_in_case_are_counted_apart(client):
    client.post("/jobs", json=[{"job": "x", "Z": 1}, {"job": "x", "z": 1}, {"job": "x", "z": 1}])
    items = client.get("/rejects/summary").json["items"]
    assert [(one["field"], one["rejects"]) for one in items] == [("z", 2), ("Z", 1)]


def test_rejects_are_counted_by_run_the_newest_first(refused):
    answer = refused.get("/rejects/summary?by=run").json
    assert [
        (one["table"], one["source"], one["run"], one["rejects"], one["open"]) for one in answer["items"]
    ] == [
        ("employees", "POST /upload/employees", "three", 2, 1),
        ("jobs", "POST /jobs", "two", 1, 1),
        ("employees", "POST /employees", "one", 3, 3),
    ]
    assert answer["next"] is None


@pytest.mark.parametrize(
    ("query", "counts"),
    [
        ("table=jobs", [1, 1]),
        ("run=one", [2, 2]),
        ("run=none", []),
        ("resolved=true", [1]),
        ("resolved=false&table=employees", [2, 2, 1]),
        ("by=run&reason=required", [1, 2]),
        ("by=run&limit=1", [2]),
        ("limit=1", [3]),
        ("until=2000-01-01", []),
    ],
)
def test_what_is_counted_can_be_chosen(refused, query, counts):
    assert [one["rejects"] for one in refused.get(f"/rejects/summary?{query}").json["items"]] == counts


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("reason=required", ["15", 12, 11]),
        ("reason=required&resolved=false", [12, 11]),
        ("reason=column_count", ["14"]),
        ("reason=require", []),
        ('reason=required"', []),
        ("field=department_id", [13, 12]),
        ("field=name&reason=unknown_reference", []),
        ("field=department_id&reason=unknown_reference", [13, 12]),
        ("field=z", [5]),
        ("search=zo%C3%AB", [13]),
        ("search=%22%25%22", [13]),
        ("search=o'neil", [13]),
        ("search=%25", [13]),
        ("search=_x", []),
        ("search=BO", ["14"]),
        ("table=employees&row_id=12", [12]),
        ("table=jobs&row_id=12", []),
        ("row_id=15", ["15"]),
    ],
)  # fmt: skip
def test_rejects_are_found_by_reason_field_and_text(refused, query, found):
    assert reject_ids(refused, query) == found
    assert refused.get(f"/rejects?count=true&limit=1&{query}").json["total"] == len(found)


def test_the_history_of_a_row_has_what_it_resolved(client):
    client.post("/jobs", json=[{"job": ""}, {"id": 9, "job": ""}])
    [first, second] = [item["id"] for item in client.get("/rejects").json["items"]]
    assert client.post(f"/rejects/{second}/row", json={"job": "Clerk"}).json["id"] == 1
    found = client.get("/rejects?table=jobs&row_id=1").json["items"]
    assert [(item["id"], item["resolved_at"] is None) for item in found] == [(second, False)]
    assert [item["id"] for item in client.get("/rejects?table=jobs&row_id=9").json["items"]] == [first]


def test_a_text_that_looks_like_an_error_is_none(client):
    trap = {"id": 1, "job": "", '", "code": "too_long': 1, "\\": 2}
    client.post("/jobs", json=trap)
    assert reject_ids(client, "reason=too_long") == []
    assert reject_ids(client, "reason=unknown_field") == [1]
    assert client.get("/rejects", query_string={"field": '", "code": "too_long'}).json["items"] != []


def test_a_reject_is_shown_by_its_id(refused):
    for item in refused.get("/rejects").json["items"]:
        assert refused.get(f"/rejects/{item['id']}").json == item
    for number in (0, 999, 2**53 - 1, 2**60):
        assert refused.get(f"/rejects/{number}").status_code == 404


def open_reject(client, row_id):
    [item] = [
        one
        for one in client.get("/rejects").json["items"]
        if isinstance(one["row"], dict) and one["row"]["id"] == row_id
    ]
    return item["id"]


def test_a_corrected_row_goes_in_and_its_reject_is_resolved(refused, engine):
    number = open_reject(refused, 12)
    before = len(on_record(engine))
    answer = refused.post(f"/rejects/{number}/row", json={**HIRED, "id": 12, "name": " Cleo "})
    stored = {**HIRED, "id": 12, "name": "Cleo"}
    assert (answer.status_code, answer.json, answer.headers["Location"]) == (201, stored, "/employees/12")
    assert refused.get("/employees/12").json == stored
    assert refused.get(f"/rejects/{number}").json["resolved_at"] is not None
    again = refused.post(f"/rejects/{number}/row", json={**HIRED, "id": 12})
    assert again.status_code == 409
    assert again.json["detail"] == f"reject {number} is resolved already, by the row with the id 12"
    assert refused.get("/employees/12").json == stored
    assert len(on_record(engine)) == before


def test_a_correction_may_leave_the_id_to_the_database_or_bring_another(refused):
    first, second = open_reject(refused, 11), open_reject(refused, 12)
    new = {name: value for name, value in HIRED.items() if name != "id"}
    answer = refused.post(f"/rejects/{first}/row", json=new)
    assert answer.status_code == 201
    assert refused.get(answer.headers["Location"]).json == answer.json == {**new, "id": answer.json["id"]}
    assert refused.post(f"/rejects/{second}/row", json={**HIRED, "id": 500}).status_code == 201
    for number in (first, second):
        assert refused.get(f"/rejects/{number}").json["resolved_at"] is not None


def test_a_correction_that_is_wrong_again_changes_nothing(refused, engine):
    number = open_reject(refused, 12)
    before = on_record(engine)
    answer = refused.post(f"/rejects/{number}/row", json={"id": 12, "name": "", "department_id": 99, "x": 1})
    assert answer.status_code == 422
    assert [(error["field"], error["code"]) for error in answer.json["errors"]] == [
        ("name", "required"),
        ("datetime", "required"),
        ("job_id", "required"),
        ("x", "unknown_field"),
        ("department_id", "unknown_reference"),
    ]
    assert on_record(engine) == before
    assert refused.get("/employees/12").status_code == 404


def test_a_correction_writes_over_another_row_only_if_told_so(refused):
    refused.post("/employees", json={**HIRED, "id": 11, "name": "There", "job_id": 1})
    number = open_reject(refused, 12)
    row = {**HIRED, "id": 11, "name": "Other"}
    answer = refused.post(f"/rejects/{number}/row", json=row)
    assert [error["code"] for error in answer.json["errors"]] == ["already_exists"]
    assert refused.get("/employees/11").json["name"] == "There"
    answer = refused.post(f"/rejects/{number}/row?on_conflict=update", json=row)
    assert (answer.status_code, answer.json) == (200, row)
    assert refused.get("/employees/11").json == row


def test_a_row_that_is_stored_already_resolves_its_reject(refused):
    number = open_reject(refused, 13)
    stored = {**HIRED, "id": 700}
    refused.post("/employees", json=stored)
    assert refused.post(f"/rejects/{number}/row", json=stored).status_code == 200
    assert refused.get(f"/rejects/{number}").json["resolved_at"] is not None


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"json": [HIRED]}, 422),
        ({"data": "{", "content_type": "application/json"}, 400),
        ({"data": "x", "content_type": "text/csv"}, 415),
        ({"json": HIRED, "headers": {"Sec-Fetch-Site": "cross-site"}}, 403),
        ({"json": HIRED, "auth": None}, 401),
    ],
)
def test_a_correction_is_one_row_of_json_from_here(refused, sent, status):
    number = open_reject(refused, 12)
    assert refused.post(f"/rejects/{number}/row", **sent).status_code == status
    assert refused.post("/rejects/999/row", json=HIRED).status_code == 404
    assert refused.post(f"/rejects/{number}/row?on_conflict=skip", json=HIRED).status_code == 422
    assert refused.get(f"/rejects/{number}").json["resolved_at"] is None


def test_of_two_corrections_at_once_one_is_taken(refused):
    number = open_reject(refused, 12)
    together, answers = threading.Barrier(4), []

    def correct(row_id):
        together.wait()
        answers.append(refused.post(f"/rejects/{number}/row", json={**HIRED, "id": row_id}))

    threads = [threading.Thread(target=partial(correct, row_id)) for row_id in range(801, 805)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    page = refused.get("/employees?after=800")
    assert len(page.json["items"]) == 1


def test_a_reject_is_erased_for_good(refused):
    number = open_reject(refused, 12)
    assert refused.delete(f"/rejects/{number}").status_code == 204
    assert refused.get(f"/rejects/{number}").status_code == 404
    assert refused.delete(f"/rejects/{number}").status_code == 404
    assert refused.post(f"/rejects/{number}/row", json=HIRED).status_code == 404


def test_the_summary_of_many_rejects_is_made_by_the_database(engine, client):
    from hiring_api.model.row_errors import RowError
    from hiring_api.model.tables import Base

    table = Base.metadata.tables["hired_employees"]
    rows = [
        Reject(
            [str(number), "", "x"],
            [RowError("name", "required", f"name is required {number}")],
            number,
            number,
        )
        for number in range(1, 20_001)
    ]
    transactions.transaction(engine, lambda connection: keep(connection, table, Origin("f.csv", "r"), rows))
    [one] = client.get("/rejects/summary").json["items"]
    assert (one["rejects"], one["open"], one["code"]) == (20_000, 20_000, "required")
    assert json.loads(client.get("/rejects/summary?by=run").data)["items"][0]["rejects"] == 20_000
