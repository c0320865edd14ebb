"""A repair resolves the reject of its row when it comes with nothing but the row's id, whichever way."""

import pytest
from sqlalchemy import event

from hiring_api.model.tables import Employee
from hiring_api.rejects import resolve
from tests.conftest import on_record

ANN = {"id": 7, "name": "Ann", "datetime": "2021-07-27T16:02:08Z", "department_id": 1, "job_id": 1}
PARENTS = {"departments": [{"id": 1, "department": "Law"}], "jobs": [{"id": 1, "job": "Clerk"}]}
LINE = "7,Ann,2021-07-27 16:02:08,{},1\n"


@pytest.fixture
def refused(engine, client):
    """Employee 7, refused in a batch for its department; its department and job are there."""
    assert client.post("/batch", json=PARENTS).status_code == 201
    client.post("/employees", json={**ANN, "department_id": 99})
    assert still_open(engine) == [True]


def still_open(engine):
    return [reject["resolved_at"] is None for reject in on_record(engine)]


def upload(client, data, resource="employees", query=""):
    answer = client.post(f"/upload/{resource}{query}", data=data, content_type="text/csv")
    assert answer.status_code in {200, 201, 207, 422}
    return answer.json


WAYS = {
    "a row": lambda client, row: client.post("/employees", json=row),
    "a batch": lambda client, row: client.post("/employees", json=[{**row, "id": 6}, row, {"id": 8}]),
    "rows of several tables": lambda client, row: client.post("/batch", json={"employees": [row]}),
    "an upload": lambda client, row: upload(
        client, f"id,name,datetime,department_id,job_id\n{','.join(map(str, row.values()))}\n"
    ),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_repaired_row_resolves_its_reject_at_once(engine, client, refused, way):
    way(client, ANN)
    assert still_open(engine)[0] is False


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("other", [{"name": "Anne"}, {"datetime": "2021-07-27T16:02:09Z"}])
def test_a_row_whose_other_values_differ_is_another_row(engine, client, refused, way, other):
    way(client, {**ANN, **other})
    assert still_open(engine)[0] is True


def test_an_instant_may_come_in_another_form(engine, client, refused):
    client.post("/employees", json={**ANN, "datetime": "2021-07-27T11:02:08-05:00"})
    assert still_open(engine) == [False]


NOT_TAKEN = {
    "a dry run": ("?dry_run=true", [ANN]),
    "an atomic batch that is refused": ("?mode=atomic", [ANN, {}]),
    "the same wrong row": ("", [{**ANN, "department_id": 99}]),
    "a row with another id": ("", [{**ANN, "id": 8}]),
}


@pytest.mark.parametrize(("query", "rows"), NOT_TAKEN.values(), ids=NOT_TAKEN)
def test_what_is_not_stored_under_its_id_resolves_nothing(engine, client, refused, query, rows):
    client.post(f"/employees{query}", json=rows)
    assert all(still_open(engine))


def test_a_row_that_gets_the_id_from_the_database_is_another_row(engine, client):
    client.post("/departments", json=[{"id": 1, "department": ""}])
    assert client.post("/departments", json=[{"department": "Law"}]).json["results"][0]["id"] == 1
    assert still_open(engine) == [True]
    client.post("/departments?on_conflict=skip", json=[{"id": 1, "department": "Law"}])
    assert still_open(engine) == [True]
    client.post("/departments?on_conflict=update", json=[{"id": 1, "department": "Law"}])
    assert still_open(engine) == [False]


def test_a_row_whose_id_was_taken_is_repaired_when_it_overwrites_what_was_there(engine, client):
    client.post("/departments", json=[{"id": 1, "department": "Law"}])
    client.post("/departments", json=[{"id": 1, "department": "Sales"}])
    client.post("/departments?on_conflict=update", json=[{"id": 1, "department": "Care"}])
    assert still_open(engine) == [True]
    client.post("/departments?on_conflict=update", json=[{"id": 1, "department": "Sales"}])
    assert still_open(engine) == [False]


def test_a_row_that_had_the_id_of_another_in_its_request_is_not_repaired_by_any(engine, client):
    row = {"id": 1, "department": "Law"}
    client.post("/departments", json=[row, {"id": 1, "department": "Sales"}])
    client.post("/departments?on_conflict=update", json=[row])
    assert still_open(engine) == [True]


def test_a_line_that_was_wrong_as_a_whole_waits_for_its_number(engine, client):
    upload(client, "1,Research, Development\n", "departments")
    client.post("/departments", json=[{"id": 1, "department": "Research"}])
    assert still_open(engine) == [True]


def test_a_row_that_is_too_long_to_be_kept_whole_waits_for_its_number(engine, client):
    client.post("/departments", json=[{"id": 1, "department": ["x" * 1_100_000]}])
    client.post("/departments", json=[{"id": 1, "department": "Law"}])
    assert still_open(engine) == [True]


def test_lines_of_one_file_repair_each_other_neither_now_nor_when_it_comes_again(engine, client):
    data = "1,\n1,Law\n"
    for _ in range(2):
        upload(client, data, "departments")
    # The second upload has the row that the first one lacked; its own line stays wrong
    assert still_open(engine) == [False, True]


def test_a_reject_that_is_resolved_stays_as_it_is(engine, client, refused):
    client.post("/employees", json=ANN)
    before = on_record(engine)
    client.post("/employees?on_conflict=update", json=ANN)
    assert on_record(engine) == before


@pytest.mark.parametrize("step", [1, 3, 50_000])
def test_of_many_rows_each_resolves_its_own_reject(engine, client, step, monkeypatch):
    monkeypatch.setattr(resolve, "_TOGETHER", 7)
    ids = range(5, 5 + 40 * step, step)
    client.post("/departments", json=[{"id": row_id, "department": ""} for row_id in ids])
    client.post("/jobs", json=[{"id": row_id, "job": ""} for row_id in ids])
    repaired = [{"id": row_id, "department": f"D {row_id}"} for row_id in ids[::2]]
    assert client.post("/departments", json=[{"id": 1, "department": "x"}, *repaired]).status_code == 201
    with engine.connect() as connection:
        query = "SELECT table_name, row_id, resolved_by FROM rejects WHERE resolved_at IS NOT NULL"
        found = sorted(tuple(row) for row in connection.exec_driver_sql(query))
    assert found == [("departments", row_id, row_id) for row_id in ids[::2]]


def test_a_table_without_open_rejects_is_asked_one_question(engine):
    asked = []
    with engine.connect() as connection:
        event.listen(connection, "before_cursor_execute", lambda *given: asked.append(given[2]))
        resolve.resolve_by_id(connection, Employee.__table__, range(1, 1001))
    assert len([statement for statement in asked if "rejects" in statement]) == 1
