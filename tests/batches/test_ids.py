"""Ids that a batch brings, and those that it is given."""

from __future__ import annotations

import pytest
from sqlalchemy import event, select

from hiring_api.model.tables import Job

HIGHEST = 2147483647


def names(engine):
    """What is stored, by id."""
    with engine.connect() as connection:
        return {row.id: row.job for row in connection.execute(select(Job.id, Job.job))}


def results(answer):
    return [(result["status"], result["id"]) for result in answer.json["results"]]


@pytest.mark.parametrize("present", [{1, 2}, {2}, {1, 2, 3}, {1, 3}, {2, 4}])
@pytest.mark.parametrize("on_conflict", ["error", "skip", "update"])
def test_ids_with_gaps_are_taken_or_free_each_for_itself(client, engine, present, on_conflict):
    client.post("/jobs", json=[{"id": number, "job": "Theirs"} for number in present])
    rows = [{"id": number, "job": "Ours"} for number in (1, 3)]
    answer = client.post(f"/jobs?on_conflict={on_conflict}", json=rows)
    status = {"error": "failed", "skip": "skipped", "update": "updated"}[on_conflict]
    assert results(answer) == [
        (status, None if status == "failed" else number) if number in present else ("inserted", number)
        for number in (1, 3)
    ]
    ours = {1, 3} if on_conflict == "update" else {1, 3} - present
    assert names(engine) == {
        number: "Ours" if number in ours else "Theirs" for number in sorted(present | {1, 3})
    }


def test_references_with_gaps_are_known_or_not_each_for_itself(client):
    client.post("/departments", json=[{"id": number, "department": "D"} for number in (1, 2)])
    client.post("/jobs", json={"id": 1, "job": "J"})
    row = {"name": "Ana", "datetime": "2021-07-27T16:02:08Z", "job_id": 1}
    answer = client.post("/employees", json=[{**row, "department_id": number} for number in (1, 3)])
    assert [result["status"] for result in answer.json["results"]] == ["inserted", "failed"]


@pytest.mark.parametrize(("on_conflict", "status"), [("update", "updated"), ("skip", "skipped")])
def test_where_some_rows_fail_and_no_other_is_new_some_were_taken(client, on_conflict, status):
    client.post("/jobs", json={"id": 1, "job": "Old"})
    rows = [{"id": 1, "job": "New"}, {"id": 2, "job": ""}]
    answer = client.post(f"/jobs?on_conflict={on_conflict}", json=rows)
    assert (answer.status_code, results(answer)) == (207, [(status, 1), ("failed", None)])
    answer = client.post(f"/batch?on_conflict={on_conflict}", json={"jobs": rows})
    assert answer.status_code == 207


@pytest.mark.parametrize("step", [2, 3])
def test_ids_that_the_server_gives_in_steps_are_those_that_are_told(app, client, engine, step):
    """As servers do that replicate to each other."""
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite gives one id after the other")
    from hiring_api.web.http.extensions import db

    def steps(connection, _record):
        connection.cursor().execute(f"SET auto_increment_increment = {step}, auto_increment_offset = 1")

    with app.app_context():
        db.engine.dispose()
        event.listen(db.engine, "connect", steps)
    rows = [{"job": f"Job {number}"} for number in range(1, 8)]
    answer = client.post("/jobs", json=rows)
    told = {result["id"]: row["job"] for result, row in zip(answer.json["results"], rows, strict=True)}
    assert told == names(engine)
    assert sorted(told) == list(range(min(told), min(told) + 7 * step, step))


def test_the_highest_id_can_be_brought_and_given(client, engine):
    try:
        assert client.post("/jobs", json={"id": HIGHEST - 3, "job": "Brought"}).status_code == 201
        answer = client.post("/jobs", json=[{"job": "a"}, {"job": "b"}, {"job": "c"}])
        assert results(answer) == [
            ("inserted", HIGHEST - 2),
            ("inserted", HIGHEST - 1),
            ("inserted", HIGHEST),
        ]
        assert names(engine)[HIGHEST] == "c"
        assert client.post("/jobs?on_conflict=update", json={"id": HIGHEST, "job": "d"}).status_code == 201
        assert names(engine)[HIGHEST] == "d"
    finally:
        with engine.begin() as connection:
            connection.execute(Job.__table__.delete())
