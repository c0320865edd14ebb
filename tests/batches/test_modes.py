"""Modes, conflicts, dry runs and forms of the answer, on one table and on all of them at once."""

import json

import pytest

from tests.conftest import on_record

ROWS = [
    {"id": 1, "department": "New content"},
    {"id": 10, "department": "Tenth"},
    {"id": 11, "department": ""},
    {"department": "Without an id"},
]
EMPTY = [{"field": "department", "code": "required", "message": "department is required: it is empty"}]
TAKEN = [{"field": "id", "code": "already_exists", "message": "id 1 is already in departments"}]


@pytest.fixture
def stored(client):
    """A client of an API that has department 1, job 1."""
    client.post(
        "/batch", json={"departments": [{"id": 1, "department": "First"}], "jobs": [{"id": 1, "job": "J"}]}
    )
    return client


def result(index, status, row_id=None, errors=None):
    return {"index": index, "status": status, "id": row_id, **({"errors": errors} if errors else {})}


def answer(results, mode="partial", dry_run=False, table="departments"):
    counts = {
        status: sum(result["status"] == status for result in results)
        for status in ("inserted", "updated", "skipped", "failed")
    }
    head = {"table": table, "mode": mode, "dry_run": dry_run, "received": len(results)}
    return {**head, **counts, "results": results}


def state(client, engine):
    tables = [client.get(f"/{name}").json["items"] for name in ("departments", "jobs", "employees")]
    return tables, len(on_record(engine))


FAILED, NEW = result(2, "failed", None, EMPTY), result(1, "inserted", 10)
LAST = result(3, "inserted", 11)
CONFLICT = result(0, "failed", None, TAKEN)
BACK = [result(1, "rolled_back"), FAILED, result(3, "rolled_back")]
CASES = [
    ("", 207, [CONFLICT, NEW, FAILED, LAST], "First"),
    ("on_conflict=error", 207, [CONFLICT, NEW, FAILED, LAST], "First"),
    ("on_conflict=skip", 207, [result(0, "skipped", 1), NEW, FAILED, LAST], "First"),
    ("on_conflict=update", 207, [result(0, "updated", 1), NEW, FAILED, LAST], "New content"),
    ("mode=atomic", 422, [CONFLICT, *BACK], "First"),
    ("mode=atomic&on_conflict=skip", 422, [result(0, "rolled_back"), *BACK], "First"),
    ("mode=atomic&on_conflict=update", 422, [result(0, "rolled_back"), *BACK], "First"),
]  # fmt: skip


@pytest.mark.parametrize(("query", "status", "results", "content"), CASES)
def test_mode_and_conflicts_decide_what_becomes_of_a_row(stored, engine, query, status, results, content):
    mode = "atomic" if "atomic" in query else "partial"
    response = stored.post(f"/departments?{query}", json=ROWS)
    assert (response.status_code, response.json) == (status, answer(results, mode))
    [departments, *_], refused = state(stored, engine)
    assert departments[0] == {"id": 1, "department": content}
    assert [row["id"] for row in departments] == ([1] if mode == "atomic" else [1, 10, 11])
    assert refused == sum(one["status"] == "failed" for one in results)


@pytest.mark.parametrize(("query", "_status", "results", "_content"), CASES)
def test_a_dry_run_answers_as_the_real_call_and_writes_nothing(
    stored, engine, query, _status, results, _content
):
    before = state(stored, engine)
    mode = "atomic" if "atomic" in query else "partial"
    response = stored.post(f"/departments?{query}&dry_run=true", json=ROWS)
    planned = [{**one, "id": None} if one["id"] == 11 else one for one in results]
    assert (response.status_code, response.json) == (200, answer(planned, mode, dry_run=True))
    assert state(stored, engine) == before
    assert (
        stored.post("/departments", json={"department": "x"}).json["results"][0]["id"] == 2
    )  # no id was burnt


@pytest.mark.parametrize("mode", ["partial", "atomic"])
@pytest.mark.parametrize(
    ("rows", "on_conflict", "status"),
    [
        ([{"id": 7, "department": "x"}], "error", 201),
        ([{"id": 1, "department": "x"}], "skip", 201),
        ([{"id": 1, "department": "x"}], "update", 201),
        ([{"id": 1, "department": "x"}], "error", 422),
        ([{"department": ""}], "update", 422),
    ],
)
def test_the_status_is_201_when_all_were_taken_and_422_when_none_was(stored, mode, rows, on_conflict, status):
    response = stored.post(f"/departments?mode={mode}&on_conflict={on_conflict}", json=rows)
    assert response.status_code == status


def test_the_answer_has_all_results_or_the_failed_ones_or_none(stored):
    def results(query="", **headers):
        response = stored.post(f"/departments?dry_run=true{query}", json=ROWS, headers=headers)
        assert (response.json["received"], response.json["failed"]) == (4, 2)
        found = response.json.get("results")
        return (found and [one["index"] for one in found], response.headers.get("Preference-Applied"))

    assert results() == ([0, 1, 2, 3], None)
    assert results("&return=all") == ([0, 1, 2, 3], None)
    assert results("&return=failed") == ([0, 2], None)
    assert results("&return=summary") == (None, None)
    assert results(Prefer="return=minimal") == (None, "return=minimal")
    assert results(Prefer="handling=lenient, Return = Minimal") == (None, "return=minimal")
    assert results("&return=failed", Prefer="return=minimal") == ([0, 2], None)
    assert results(Prefer="return=representation") == ([0, 1, 2, 3], None)


def hired(**values):
    return {"name": "Ana", "datetime": "2021-07-27T16:02:08Z", "department_id": 1, "job_id": 1, **values}


def unknown(column, number, table):
    message = f"{column} {number} is not in {table}"
    return {"field": column, "code": "unknown_reference", "message": message}


def test_children_may_refer_to_parents_of_the_same_request(stored):
    body = {
        "employees": [hired(department_id=5), hired(department_id=6, job_id=7), hired(department_id=1)],
        "jobs": [{"job": ""}],
        "departments": [{"id": 5, "department": "Fifth"}, {"id": 6, "department": "\x00"}],
    }
    response = stored.post("/batch", json=body)
    nul = "department must not contain the control character U+0000"
    no_job = [{"field": "job", "code": "required", "message": "job is required: it is empty"}]
    assert response.status_code == 207
    assert json.loads(response.data) == {
        "departments": answer(
            [
                result(0, "inserted", 5),
                result(
                    1, "failed", None, [{"field": "department", "code": "invalid_characters", "message": nul}]
                ),
            ]
        ),
        "jobs": answer([result(0, "failed", None, no_job)], table="jobs"),
        "employees": answer(
            [
                result(0, "inserted", 1),
                result(
                    1,
                    "failed",
                    None,
                    [unknown("department_id", 6, "departments"), unknown("job_id", 7, "jobs")],
                ),
                result(2, "inserted", 2),
            ],
            table="employees",
        ),
    }
    assert list(response.json) == ["departments", "jobs", "employees"]


def test_an_atomic_batch_of_all_tables_is_all_or_nothing(stored, engine):
    before, _ = state(stored, engine)
    body = {
        "departments": [{"id": 5, "department": "Fifth"}, {"id": 1, "department": "Other"}],
        "employees": [hired(department_id=5), hired(department_id=6)],
    }
    response = stored.post("/batch?mode=atomic&on_conflict=update", json=body)
    assert response.status_code == 422
    assert response.json == {
        "departments": answer([result(0, "rolled_back"), result(1, "rolled_back")], "atomic"),
        "employees": answer(
            [
                result(0, "rolled_back"),
                result(1, "failed", None, [unknown("department_id", 6, "departments")]),
            ],
            "atomic",
            table="employees",
        ),
    }
    assert state(stored, engine) == (before, 1)
    body["employees"].pop()
    response = stored.post("/batch?mode=atomic&on_conflict=update&return=summary", json=body)
    assert response.status_code == 201
    assert [(one["inserted"], one["updated"]) for one in response.json.values()] == [(1, 1), (1, 0)]


def test_a_dry_run_of_all_tables_knows_the_parents_that_would_come(stored, engine):
    before = state(stored, engine)
    body = {
        "departments": [{"id": 5, "department": "x"}],
        "employees": [hired(department_id=5), hired(job_id=3)],
    }
    response = stored.post("/batch?dry_run=true", json=body)
    assert response.status_code == 200
    assert [one["status"] for one in response.json["employees"]["results"]] == ["inserted", "failed"]
    assert state(stored, engine) == before


def test_every_refused_row_is_kept_with_its_place_and_all_its_errors(stored, engine):
    row = {"id": 1, "department": 5, "head": "Zoë"}
    stored.post("/departments", json=[{"department": "x"}, row], headers={"X-Request-ID": "run-7"})
    [kept] = on_record(engine)
    assert {name: kept[name] for name in ("table", "source", "run", "line", "record")} == {
        "table": "departments",
        "source": "POST /departments",
        "run": "run-7",
        "line": None,
        "record": 2,
    }
    assert kept["row"] == row
    assert [error["code"] for error in kept["errors"]] == [
        "invalid_type",
        "unknown_field",
        "already_exists",
    ]


def test_a_refused_row_is_one_line_of_the_log_whatever_is_in_it(stored, caplog):
    stored.post("/departments", json=[{"department": "x", "a\nb\r[forged] \x1b[31m": "\n\ud800"}])
    [record] = [record for record in caplog.records if record.name == "hiring_api.rejects.record"]
    message = record.getMessage()
    assert message.isprintable()
    assert "unknown_field" in message
