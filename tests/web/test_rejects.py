"""`GET /rejects`: newest first, a page at a time, filtered, and as CSV."""

from __future__ import annotations

import csv
import io

import pytest


def refuse(client, resource, rows, run):
    body = "".join(f"{row}\n" for row in rows)
    headers = {"X-Request-ID": run}
    client.post(f"/upload/{resource}", data=body, content_type="text/csv", headers=headers)


def shown(client, query=""):
    items = client.get(f"/rejects{query}").json["items"]
    return [(item["table"], item["run"], item["line"]) for item in items]


def test_rejects_come_newest_first_and_by_what_is_asked_for(client):
    refuse(client, "departments", ["x,Sales", "1,"], "one")
    refuse(client, "jobs", ["y,Clerk"], "two")
    client.post("/jobs", json=[{"id": 1, "job": ""}], headers={"X-Request-ID": "three"})
    assert shown(client) == [
        ("jobs", "three", None),
        ("jobs", "two", 1),
        ("departments", "one", 2),
        ("departments", "one", 1),
    ]
    assert shown(client, "?table=departments") == [("departments", "one", 2), ("departments", "one", 1)]
    assert shown(client, "?run=two") == [("jobs", "two", 1)]
    assert shown(client, "?source=POST%20/jobs") == [("jobs", "three", None)]
    assert shown(client, "?resolved=true") == []
    assert len(shown(client, "?resolved=false")) == 4


def test_a_reject_names_its_table_as_urls_do(client):
    client.post("/employees", json=[{}])
    [item] = client.get("/rejects?table=employees").json["items"]
    assert item["table"] == "employees"
    [row] = csv.DictReader(io.StringIO(client.get("/rejects", headers={"Accept": "text/csv"}).text))
    assert row["table"] == "employees"
    assert client.get("/rejects?table=hired_employees").status_code == 422


@pytest.mark.parametrize("limit", [1, 2, 5, 6])
def test_pages_follow_each_other_without_gap_or_repetition_with_all_filters(client, limit):
    refuse(client, "jobs", ["x,Clerk"], "one")  # each filter keeps out what the others let through
    refuse(client, "departments", ["x,Sales"], "two")
    client.post("/departments", json=[{}], headers={"X-Request-ID": "one"})
    refuse(client, "departments", ["x,Sales"] * 5, "one")
    source = "source=POST+/upload/departments"
    lines, path = [], f"/rejects?limit={limit}&table=departments&run=one&{source}&resolved=false"
    while path:
        page = client.get(path)
        lines += [item["line"] for item in page.json["items"]]
        path = page.json["next"]
        assert page.headers.get("Link") == (f'<{path}>; rel="next"' if path else None)
    assert lines == [5, 4, 3, 2, 1]


def test_as_csv_all_are_streamed(client):
    refuse(client, "departments", ['x,"Sa""les"', "1,"], "one")
    client.post("/jobs", data='[{"id": 1, "\\ud800": 2}]', content_type="application/json")
    response = client.get("/rejects", headers={"Accept": "text/csv"})
    assert response.mimetype == "text/csv"
    rows = list(csv.DictReader(io.StringIO(response.text)))
    assert [row["codes"] for row in rows] == ["required unknown_field", "required", "invalid_format"]
    assert rows[0]["reasons"] == "job is required; \\ud800 is not a column of this table"
    assert rows[2]["row"] == '["x", "Sa\\"les"]'
    assert rows[2]["reasons"] == "id must be a whole number in digits"


def test_there_may_be_none(client):
    assert client.get("/rejects").json == {"items": [], "next": None}


def test_wrong_parameters_are_refused(client):
    for query in ("?limit=1001", "?table=none", "?before=0", "?source=", "?color=red"):
        assert client.get(f"/rejects{query}").status_code == 422
