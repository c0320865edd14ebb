"""Lists: pages by keyset, filters, one row, ETags, links, and whole selections as a stream."""

import csv
import io
import json
import tracemalloc
from http.client import HTTPConnection

import pytest
import requests
from sqlalchemy import event, text
from werkzeug.test import EnvironBuilder, run_wsgi_app

from hiring_api.database.bulk_load import insert_all
from hiring_api.model.tables import Base
from tests.conftest import empty
from tests.serving import BROKEN, Serving

HIRED = {"name": 'Ana,\u2028 "Zoë"', "datetime": "2021-07-27T16:02:08Z", "department_id": 1, "job_id": 1}


@pytest.fixture
def stored(client):
    """A client of an API with five employees in two departments."""
    client.post("/departments", json=[{"id": number, "department": f"D{number}"} for number in (1, 2)])
    client.post("/jobs", json={"id": 1, "job": "Clerk"})
    rows = [
        {**HIRED, "id": 10},
        {**HIRED, "id": 20, "department_id": 2},
        {**HIRED, "id": 30, "datetime": "2021-12-31T23:59:59.999999Z"},
        {**HIRED, "id": 40, "datetime": "2022-01-01T00:00:00Z"},
        {**HIRED, "id": 2147483647, "department_id": 2, "datetime": "2020-12-31T19:00:00-05:00"},
    ]
    assert client.post("/employees", json=rows).status_code == 201
    return client


def ids(response):
    assert response.status_code == 200
    return [row["id"] for row in response.json["items"]]


def links(response):
    """The paths in the header Link, by their relation."""
    header = response.headers.get("Link", "")
    return {one["rel"]: one["url"] for one in requests.utils.parse_header_links(header)} if header else {}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [10, 20, 30, 40, 2147483647]),
        ("?after=20", [30, 40, 2147483647]),
        ("?after=2147483647", []),
        ("?department_id=2", [20, 2147483647]),
        ("?department_id=3", []),
        ("?job_id=1&department_id=1&after=10", [30, 40]),
        ("?hired_from=2021-12-31", [30, 40]),
        ("?hired_until=2021-01-01T00:00:00.000001Z", [2147483647]),
        ("?hired_from=2021-01-01&hired_until=2022-01-01", [10, 20, 30, 2147483647]),
        ("?hired_from=2022-01-01%2001:00:00%2B01:00", [40]),
    ],
)
def test_a_list_has_the_rows_that_its_filters_let_through(stored, query, expected):
    response = stored.get(f"/employees{query}")
    assert ids(response) == expected
    assert response.json["next"] is None
    assert set(links(response)) == ({"prev"} if "after=" in query else set())


@pytest.mark.parametrize("limit", [1, 2, 3, 5])
def test_pages_follow_their_links_to_the_end_with_all_filters(stored, limit):
    filters = "hired_from=2021-01-01&hired_until=2022-01-01T00:00:00Z&job_id=1&department_id=1"
    stored.post("/jobs", json={"id": 2, "job": "Cook"})
    earlier = {**HIRED, "id": 37, "datetime": "2020-12-31T23:59:59Z"}
    others = [{**HIRED, "id": 35}, {**HIRED, "id": 36}, earlier, {**HIRED, "id": 38, "job_id": 2}]
    assert stored.post("/employees", json=others).status_code == 201
    path, seen, pages = f"/employees?limit={limit}&{filters}", [], 0
    while path:
        response = stored.get(path)
        seen += ids(response)
        path, pages = response.json["next"], pages + 1
        assert links(response).get("next") == path
    assert seen == [10, 30, 35, 36]  # each filter keeps out a row that the others let through
    assert pages == -(-4 // limit)


def test_pages_miss_and_repeat_nothing_while_others_write(stored):
    first = stored.get("/employees?limit=2")
    stored.post("/employees", json=[{**HIRED, "id": 5}, {**HIRED, "id": 25}])
    assert ids(first) == [10, 20]
    assert ids(stored.get(first.json["next"])) == [25, 30]


def test_a_list_has_a_hundred_rows_unless_told_otherwise(client):
    client.post("/departments", json=[{"department": "x"}] * 1000)
    client.post("/departments", json={"department": "x"})
    assert len(ids(client.get("/departments"))) == 100
    page = client.get("/departments?limit=1000")
    assert (len(ids(page)), page.json["next"]) == (1000, "/departments?limit=1000&after=1000")


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5])
@pytest.mark.parametrize(
    "filters", ["", "&search=ANA", "&department_id=1", "&department_id=2&expand=references"]
)
def test_pages_go_back_the_way_they_came(stored, limit, filters):
    every = ids(stored.get(f"/employees?{filters.removeprefix('&')}"))
    page = stored.get(f"/employees?limit={limit}{filters}")
    while (following := page.json["next"]) is not None:
        page = stored.get(following)
    assert ids(page)[-1] == every[-1]
    back = [ids(page)]
    while "prev" in links(page):
        after = page.json["items"][0]["id"]
        page = stored.get(links(page)["prev"])
        assert len(ids(page)) == min(limit, len(every) - sum(map(len, back)))
        assert page.json["next"] is not None
        assert ids(stored.get(page.json["next"]))[0] == after
        back.insert(0, ids(page))
    assert sum(back, []) == every  # noqa: RUF017  # a handful


@pytest.mark.parametrize(
    ("query", "expected", "following"),
    [
        ("?before=30", [10, 20], "/employees?limit=100&after=20"),
        ("?before=30&limit=1", [20], "/employees?limit=1&after=20"),
        ("?before=10", [], "/employees?limit=100&after=9"),
        ("?before=2147483648&limit=1", [2147483647], None),
        ("?before=2147483647&department_id=1&limit=2", [30, 40], None),
        ("?before=1", [], "/employees?limit=100&after=0"),
    ],
)
def test_a_page_may_end_before_an_id(stored, query, expected, following):
    page = stored.get(f"/employees{query}")
    assert ids(page) == expected
    if following is None or "&department_id" in query:
        assert page.json["next"] is following
    else:
        assert page.json["next"] == following


def test_the_number_of_rows_on_all_pages_is_told_if_asked_for(stored):
    for query, total in (
        ("", 5),
        ("&department_id=2", 2),
        ("&search=nobody", 0),
        ("&before=20", 5),
        ("&after=20", 5),
        ("&after=999", 5),
        ("&before=1", 5),
    ):
        page = stored.get(f"/employees?total=true&limit=2{query}").json
        assert page["total"] == total
        assert set(page) == {"items", "next", "total"}
    for query, total in (("", 5), ("&after=20", 5), ("&before=999", 5), ("&department_id=2", 2)):
        assert stored.get(f"/employees?total=true&limit=100{query}").json["total"] == total
    assert set(stored.get("/employees?total=false").json) == {"items", "next"}
    following = stored.get("/employees?total=true&limit=2").json["next"]
    assert following == "/employees?total=true&limit=2&after=20"


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("ANA", ["Ana"]),
        ("an", ["Ana", "Hermann", "ÑANDÚ", "İstanbul"]),
        ("müLLER", ["Zoë MÜLLER"]),
        ("istan", ["İstanbul"]),
        ("İSTAN", ["İstanbul"]),
        ("muller", []),
        ("ZOË", ["Zoë MÜLLER"]),
        ("ñ", ["ÑANDÚ"]),
        ("жук", ["ЖУК"]),
        ("100%", ["100% sure"]),
        ("0%s", []),
        ("%", ["100% sure", "%"]),
        ("_", ["a_b"]),
        ("A_B", ["a_b"]),
        ("\\", ["a\\b"]),
        ("'", ["O'Neil"]),
        ("😀", ["😀 smile"]),
        ("😁", []),
        (" ", ["Zoë MÜLLER", "100% sure", "😀 smile"]),
        ("\0", []),
    ],
)
def test_a_search_finds_texts_whatever_their_case_and_takes_no_letter_for_a_pattern(client, search, found):
    names = [
        "Ana",
        "Hermann",
        "Zoë MÜLLER",
        "ÑANDÚ",
        "ЖУК",
        "100% sure",
        "%",
        "a_b",
        "a\\b",
        "O'Neil",
        "😀 smile",
        "İstanbul",
    ]
    client.post("/departments", json=[{"department": name} for name in names])
    page = client.get("/departments", query_string={"search": search})
    assert [row["department"] for row in page.json["items"]] == found
    lines = client.get(
        "/departments", query_string={"search": search}, headers={"Accept": "application/x-ndjson"}
    )
    assert [json.loads(line)["department"] for line in lines.get_data(as_text=True).splitlines()] == found


def test_rows_come_with_those_that_they_refer_to_where_that_is_asked_for(stored):
    plain = stored.get("/employees").json["items"]
    for accept in ("application/json", "application/x-ndjson"):
        answer = stored.get("/employees?expand=references", headers={"Accept": accept})
        text = answer.get_data(as_text=True)
        rows = (
            answer.json["items"] if accept == "application/json" else list(map(json.loads, text.splitlines()))
        )
        assert [row.pop("references") for row in rows] == [
            {
                "department_id": {"id": row["department_id"], "department": f"D{row['department_id']}"},
                "job_id": {"id": 1, "job": "Clerk"},
            }
            for row in plain
        ]
        assert rows == plain
    found = stored.get("/employees?expand=references&limit=2", headers={"Accept": "text/csv"})
    table = list(csv.DictReader(io.StringIO(found.get_data(as_text=True), newline="")))
    assert list(table[0])[-2:] == ["department_id.department", "job_id.job"]
    assert [(row["id"], row["department_id.department"], row["job_id.job"]) for row in table] == [
        ("10", "D1", "Clerk"),
        ("20", "D2", "Clerk"),
    ]


def test_a_page_with_references_takes_one_query(stored, app):
    from hiring_api.web.http.extensions import db

    asked = []
    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", lambda *call: asked.append(call[2]))
    stored.get("/employees?expand=references")
    assert (
        len([query for query in asked if query.lstrip().startswith("SELECT") and "hired_employees" in query])
        == 1
    )
    assert len([query for query in asked if "FROM departments" in query or "FROM jobs" in query]) == 0


@pytest.mark.parametrize(
    ("path", "accept"),
    [
        ("/employees?search=", "application/json"),
        ("/employees?expand=all", "application/json"),
        ("/departments?expand=references", "application/json"),
        ("/employees?total=yes", "application/json"),
        ("/employees?before=0", "application/json"),
        ("/employees?before=30&after=10", "application/json"),
        ("/employees?total=true", "text/csv"),
        ("/employees?before=30", "text/csv"),
    ],
)
def test_parameters_that_mean_nothing_there_are_refused(stored, path, accept):
    assert stored.get(path, headers={"Accept": accept}).status_code == 422


def test_one_row_is_answered_as_it_is_or_not_at_all(stored):
    assert stored.get("/employees/10").json == {"id": 10, **HIRED}
    for number in (0, 11):
        response = stored.get(f"/employees/{number}", headers={"X-Request-ID": "r"})
        assert response.status_code == 404
        assert response.json == {
            "type": "about:blank",
            "title": "Not Found",
            "status": 404,
            "detail": f"there is no id {number} in employees",
            "request_id": "r",
        }
    for path in ("/employees/-1", "/employees/2147483648", "/employees/x", "/people"):
        assert stored.get(path).status_code == 404


@pytest.mark.parametrize("path", ["/employees", "/employees/10"])
def test_what_the_client_has_already_is_not_sent_again(stored, path):
    first = stored.get(path)
    again = stored.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    stored.post("/employees?on_conflict=update", json={**HIRED, "id": 10, "name": "Other"})
    changed = stored.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (changed.status_code, changed.headers["ETag"] == first.headers["ETag"]) == (200, False)
    assert changed.headers["Vary"] == "Accept"


@pytest.mark.parametrize(
    ("name", "sent", "status"),
    [
        ("If-None-Match", "{tag}", 304),
        ("If-None-Match", "W/{tag}", 304),
        ("If-None-Match", '"other", {tag}', 304),
        ("If-None-Match", "*", 304),
        ("If-None-Match", '"other"', 200),
        ("If-None-Match", "{bare}", 200),
        ("If-None-Match", '{bare}, "other"', 200),
        ("If-Match", "{tag}", 200),
        ("If-Match", '"a,b", {tag}', 200),
        ("If-Match", "*", 200),
        ("If-Match", " * ", 200),
        ("If-Match", "W/{tag}", 412),
        ("If-Match", '"other"', 412),
        ("If-Match", "{bare}", 412),
    ],
)
@pytest.mark.parametrize("path", ["/employees", "/employees/10", "/backup/jobs"])
def test_preconditions_hold_for_quoted_tags_and_for_any(stored, path, name, sent, status):
    tag = stored.get(path).headers["ETag"]
    response = stored.get(path, headers={name: sent.format(tag=tag, bare=tag.strip('"'))})
    assert response.status_code == status


def test_any_content_is_none_where_there_is_none(stored):
    assert stored.get("/employees/11", headers={"If-Match": "*"}).status_code == 404


def test_a_selection_is_streamed_as_csv_or_lines_of_json(stored):
    rows = stored.get("/employees?department_id=1").json["items"]
    found = stored.get("/employees?department_id=1", headers={"Accept": "text/csv"})
    assert (found.mimetype, found.headers["Vary"]) == ("text/csv", "Accept")
    table = list(csv.DictReader(io.StringIO(found.get_data(as_text=True), newline="")))
    numbers = ("id", "department_id", "job_id")
    assert [row | {key: int(row[key]) for key in numbers} for row in table] == rows
    found = stored.get("/employees?department_id=1&limit=2", headers={"Accept": "application/x-ndjson"})
    assert [json.loads(line) for line in found.get_data(as_text=True).split("\n")[:-1]] == rows[:2]
    none = stored.get("/employees?department_id=3", headers={"Accept": "text/csv"})
    assert none.get_data(as_text=True) == "id,name,datetime,department_id,job_id\r\n"


def test_what_was_streamed_can_be_posted_again(stored):
    for accept in ("text/csv", "application/x-ndjson"):
        found = stored.get("/employees", headers={"Accept": accept})
        again = stored.post("/employees?on_conflict=update", data=found.data, content_type=accept)
        assert (again.status_code, again.json["skipped"]) == (201, 5)


def fill(engine, count):
    """Departments of about 220 bytes each."""
    rows = [(number, f"Department {number}" + "x" * 200) for number in range(1, count + 1)]
    with engine.begin() as connection:
        insert_all(connection, Base.metadata.tables["departments"], rows)


def streamed(app):
    """The pieces of all departments as CSV, as a WSGI server gets them, one after the other."""
    headers = {"Accept": "text/csv"}
    environ = EnvironBuilder("/departments", headers=headers, auth=("tester", "correct horse")).get_environ()
    pieces, status, _ = run_wsgi_app(app, environ)
    assert status == "200 OK"
    return pieces


def test_a_stream_needs_as_much_memory_for_many_rows_as_for_few(app, engine):
    fill(engine, 40_000)
    for _ in range(2):  # the first time warms caches
        tracemalloc.start()
        pieces = streamed(app)
        size = sum(map(len, pieces))
        pieces.close()
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert size > 8_000_000
    assert most < 3_000_000


def test_a_stream_that_is_abandoned_leaves_a_usable_connection(app, client, engine):
    fill(engine, 20_000)
    for _ in range(3):
        pieces = streamed(app)
        next(iter(pieces))
        pieces.close()
    assert client.get("/departments/20000").status_code == 200


def test_a_database_that_is_away_is_told_before_a_stream_begins(app, client, engine):
    from hiring_api.web.http.extensions import db

    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE departments RENAME TO away"))
    try:
        response = client.get("/departments", headers={"Accept": "text/csv"})
        assert response.status_code == 503
        assert response.mimetype == "application/problem+json"
    finally:
        with app.app_context():
            db.engine.dispose()
        with engine.begin() as connection:
            connection.execute(text("ALTER TABLE away RENAME TO departments"))


def test_a_stream_that_breaks_off_is_no_whole_answer(root, database_url, tmp_path):
    if database_url.get_backend_name() == "sqlite":
        pytest.skip("there is no connection that could be killed")
    url = database_url.render_as_string(hide_password=False)
    with Serving(root, url, tmp_path) as api:
        empty(api.engine)
        fill(api.engine, 100_000)
        connection = HTTPConnection("127.0.0.1", api.port, timeout=60)
        headers = {"Authorization": "Basic dTpw", "Accept": "text/csv"}
        connection.request("GET", "/departments", headers=headers)
        response = connection.getresponse()
        assert (response.status, len(response.read(1000))) == (200, 1000)
        with api.engine.connect() as killer:
            own = killer.execute(text("SELECT CONNECTION_ID()")).scalar()
            query = text("SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> :own")
            for number in killer.execute(query, {"own": own}).scalars().all():
                killer.execute(text(f"KILL {number}"))
        with pytest.raises(BROKEN):
            response.read()
        connection.close()
