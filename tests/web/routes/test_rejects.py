"""`GET /rejects`: newest first, a page at a time, filtered, and as CSV."""

from __future__ import annotations

import csv
import io
import json
import re
import time

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


def refuse_batch(client, run, **names):
    """A batch of which every row is refused; each row says in `x` what it is called."""
    body = {name: [{"x": called} for called in all_called] for name, all_called in names.items()}
    assert client.post("/batch", json=body, headers={"X-Request-ID": run}).status_code == 422


@pytest.mark.parametrize("limit", [1, 2, 5, 6])
def test_pages_follow_each_other_without_gap_or_repetition_with_all_filters(client, limit):
    # What each of the filters keeps out, the others let through
    refuse_batch(client, "one", departments=["resolved"])
    file = client.get("/rejects?format=repair&table=departments").text
    assert (
        upload(client, "departments", re.sub("\n,,(.*),x=resolved", "\n1,Sales,\\1,", file)).status_code
        == 201
    )
    refuse_batch(client, "one", departments=["e", "d"], jobs=["another table"])
    client.post("/departments", json={"x": "another source"}, headers={"X-Request-ID": "one"})
    refuse_batch(client, "another run", departments=["another run"])
    refuse_batch(client, "one", departments=["c", "b", "a"])
    filters = "table=departments&source=POST+/batch&run=one&resolved=false"
    called, path = [], f"/rejects?limit={limit}&{filters}"
    while path:
        page = client.get(path)
        called += [item["row"]["x"] for item in page.json["items"]]
        path = page.json["next"]
        assert page.headers.get("Link") == (f'<{path}>; rel="next"' if path else None)
    assert "".join(called) == "abcde"


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


def repair(client, query):
    answer = client.get(f"/rejects?format=repair&{query}")
    assert (answer.status_code, answer.mimetype) == (200, "text/csv")
    return answer


def upload(client, resource, text):
    return client.post(f"/upload/{resource}", data=text.encode(), content_type="text/csv")


def test_rejects_are_given_back_as_a_file_that_is_corrected_and_uploaded_again(client):
    refuse(client, "departments", ['x,"Sa""les, Ltd"', "2,", "3,Law,too,many"], "one")
    client.post("/departments", json=[{"id": 4, "department": ""}, {"id": 5, "department": "Taken"}])
    refuse(client, "jobs", ["y,Clerk"], "two")
    answer = repair(client, "table=departments")
    name = r"attachment; filename=departments-\d{8}T\d{6}Z\.csv"
    assert re.fullmatch(name, answer.headers["Content-Disposition"])
    found = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    keys = [row.pop("reject") for row in found]
    assert len(set(keys)) == 4
    assert [[row["id"], row["department"], row["file"], row["line"], row["codes"]] for row in found] == [
        ["x", 'Sa"les, Ltd', "POST /upload/departments", "1", "invalid_format"],
        ["2", "", "POST /upload/departments", "2", "required"],
        ["3", "Law", "POST /upload/departments", "3", "column_count"],
        ["4", "", "POST /departments", "", "required"],
    ]
    assert found[2]["surplus"] == "too | many"
    again = upload(client, "departments", answer.text)
    assert (again.status_code, again.json["rejected"]) == (422, 4)
    mended = answer.text.replace("x,", "1,", 1).replace("2,,", "2,Legal,", 1).replace("4,,", "4,Care,", 1)
    assert upload(client, "departments", mended).json["inserted"] == 3
    stored = {row["id"]: row["department"] for row in client.get("/departments").json["items"]}
    assert stored == {1: 'Sa"les, Ltd', 2: "Legal", 4: "Care", 5: "Taken"}
    left = list(csv.DictReader(io.StringIO(repair(client, "table=departments").text)))
    assert [row["reject"] for row in left] == [keys[2]]
    all_of_them = csv.DictReader(io.StringIO(repair(client, "table=departments&resolved=true").text))
    assert [row["reject"] for row in all_of_them] == [keys[0], keys[1], keys[3]]


def test_json_rows_are_given_back_by_column_and_wait_for_what_no_file_can_show(client):
    rows = [
        {"department": "No id"},
        {"department": 7, "id": 1.5},
        {"id": 3, "department": "Half \ud800"},
        {"id": 4, "department": "Law", "\ud800more": [1, "é"]},
        "text",
    ]
    client.post("/departments", data=json.dumps(rows), content_type="application/json")
    answer = repair(client, "table=departments")
    found = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [(row["id"], row["department"], row["surplus"]) for row in found] == [
        ("1.5", "7", ""),
        ("3", "Half \\ud800", ""),
        ("4", "Law", '\\ud800more=[1, "é"]'),
        ("text", "", ""),
    ]
    assert upload(client, "departments", answer.text).json["rejected"] == 4
    mended = answer.text.replace("Half \\ud800,", "Whole,").replace('"\\ud800more=[1, ""é""]"', "")
    assert upload(client, "departments", mended).json["inserted"] == 2


def test_a_byte_order_mark_comes_where_it_is_asked_for_and_is_taken_again(client):
    refuse(client, "departments", ["x,Año"], "one")
    plain = repair(client, "table=departments")
    marked = repair(client, "table=departments&bom=true")
    assert marked.data == b"\xef\xbb\xbf" + plain.data
    again = client.post(
        "/upload/departments", data=marked.data.replace(b"x,", b"1,"), content_type="text/csv"
    )
    assert (again.status_code, again.json["inserted"]) == (201, 1)
    listed = client.get("/rejects?bom=true", headers={"Accept": "text/csv"})
    assert listed.data.startswith(b"\xef\xbb\xbfid,table,")


def test_thousands_of_rejects_come_in_one_file_in_the_order_of_their_lines(client):
    refuse(client, "departments", [f"x,{number}" for number in range(5003)], "one")
    refuse(client, "departments", ["x,5003"], "two")
    found = csv.DictReader(io.StringIO(repair(client, "table=departments").text))
    assert [row["department"] for row in found] == [str(number) for number in range(5004)]
    some = csv.DictReader(io.StringIO(repair(client, "table=departments&run=two").text))
    assert [row["department"] for row in some] == ["5003"]


def test_none_to_repair_is_a_header(client):
    text = "id,job,reject,file,line,record,codes,reasons,surplus\r\n"
    assert repair(client, "table=jobs").text == text


def test_rejects_are_chosen_by_when_they_were_refused(client):
    refuse(client, "departments", ["x,Sales"], "one")
    time.sleep(0.01)
    refuse(client, "departments", ["x,Law"], "two")
    second, first = (item["refused_at"] for item in client.get("/rejects").json["items"])
    for query, runs in (
        (f"since={second}", ["two"]),
        (f"until={second}", ["one"]),
        (f"since={first}&until={second}", ["one"]),
        (f"since={first}", ["two", "one"]),
        (f"until={first}", []),
        ("since=2999-01-01", []),
        ("until=2999-01-01", ["two", "one"]),
    ):
        page = client.get(f"/rejects?count=true&{query}").json
        assert ([item["run"] for item in page["items"]], page["total"]) == (runs, len(runs))
        lines = csv.DictReader(io.StringIO(repair(client, f"table=departments&{query}").text))
        assert len(list(lines)) == len(runs)


def test_the_total_counts_what_is_on_all_pages(client):
    refuse(client, "departments", ["x,Sales"] * 5, "one")
    refuse(client, "jobs", ["x,Clerk"] * 2, "two")
    assert "total" not in client.get("/rejects").json
    path, totals = "/rejects?limit=2&count=true&table=departments", []
    while path:
        page = client.get(path).json
        totals.append(page["total"])
        path = page["next"]
    assert totals == [5, 5, 5]
    file = repair(client, "table=jobs").text
    upload(client, "jobs", file.replace("x,", "1,", 1))
    for query, total in (("", 7), ("&resolved=true", 1), ("&resolved=false", 6), ("&run=none", 0)):
        assert client.get(f"/rejects?count=true{query}").json["total"] == total


@pytest.mark.parametrize(
    ("query", "accept", "status", "detail"),
    [
        ("format=repair", "*/*", 422, "table: format=repair needs the table whose columns the file has"),
        (
            "format=repair&table=jobs&limit=1",
            "*/*",
            422,
            "limit: format=repair gives all rejects in one file",
        ),
        (
            "format=repair&table=jobs&before=9",
            "*/*",
            422,
            "before: format=repair gives all rejects in one file",
        ),
        (
            "format=repair&table=jobs&count=true",
            "*/*",
            422,
            "count: format=repair gives all rejects in one file",
        ),
        ("format=csv", "*/*", 422, "format: must be one of repair"),
        ("bom=true", "*/*", 422, "bom: JSON has none: ask for text/csv"),
        ("count=true", "text/csv", 422, "count: the total is part of a page in JSON"),
        (
            "since=yesterday",
            "*/*",
            422,
            "since: must be a date or a date and time such as 2021-07-27T16:02:08Z",
        ),
    ],
)
def test_parameters_that_do_not_fit_each_other_are_refused(client, query, accept, status, detail):
    answer = client.get(f"/rejects?{query}", headers={"Accept": accept})
    assert (answer.status_code, answer.json["detail"]) == (status, f"query parameter {detail}")


def test_a_file_to_repair_is_no_json(client):
    answer = client.get("/rejects?format=repair&table=jobs", headers={"Accept": "application/json"})
    assert answer.status_code == 406
