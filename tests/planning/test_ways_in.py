"""A batch, an upload and the job give the same rows the same outcomes: those of the rules, read plainly."""

from __future__ import annotations

import csv
import io
from datetime import datetime

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select

from hiring_api.csv_input.files import Choices, inspect, on_disk
from hiring_api.database.transactions import transaction
from hiring_api.loading import loader
from hiring_api.loading.task import Task
from hiring_api.model.tables import Department, Employee, Job
from hiring_api.rejects.record import Origin
from tests.conftest import empty, on_record

employees = Employee.__table__
COLUMNS = ["id", "name", "datetime", "department_id", "job_id"]
NOON = "2021-07-27T12:00:00Z"
RIGHT = (5, "Ana", NOON, 1, 1)

# Most rows are right and most ids stand more than once
row = st.tuples(
    st.sampled_from([0, 1, 2, 3, 4, 5, 5, 6]),
    st.sampled_from(["Ana", "Ana", "Bo", "Bo", "", "x" * 256]),
    st.sampled_from([NOON] * 5 + ["2021-07-27"]),
    st.sampled_from([1] * 5 + [9]),
    st.sampled_from([1] * 5 + [9]),
)
stored_names = st.dictionaries(st.integers(1, 4), st.sampled_from(["Ana", "Bo"]))


def outcomes(rows, stored, on_conflict):
    """What the rules say: for each row its status, or its errors by field and code; the names stored then."""
    table, seen, told = dict(stored), set(), []
    for row_id, name, instant, *parents in rows:
        wrong = [
            ("id", "out_of_range", row_id == 0),
            ("name", "required", name == ""),
            ("name", "too_long", len(name) > 255),
            ("datetime", "invalid_format", instant != NOON),
            ("department_id", "unknown_reference", parents[0] == 9),
            ("job_id", "unknown_reference", parents[1] == 9),
        ]
        errors = {(field, code) for field, code, holds in wrong if holds}
        same = not errors and stored.get(row_id) == name
        if row_id in seen:
            errors.add(("id", "duplicate_id"))
        elif row_id in stored and not same and on_conflict == "error":
            errors.add(("id", "already_exists"))
        if errors:
            told.append(errors)
            continue
        seen.add(row_id)
        stays = row_id in stored and (same or on_conflict == "skip")
        told.append("unchanged" if stays else "updated" if row_id in stored else "inserted")
        if not stays:
            table[row_id] = name
    return told, table


def fill(engine, stored):
    def work(connection):
        connection.execute(insert(Department.__table__), [{"id": 1, "department": "Sales"}])
        connection.execute(insert(Job.__table__), [{"id": 1, "job": "Clerk"}])
        for key, name in stored.items():
            values = {"id": key, "name": name, "datetime": datetime(2021, 7, 27, 12), "department_id": 1}
            connection.execute(insert(employees), values | {"job_id": 1})

    empty(engine)
    transaction(engine, work)


def names_stored(engine):
    with engine.connect() as connection:
        return dict(map(tuple, connection.execute(select(employees.c.id, employees.c.name))))


def codes(errors):
    found = [(error["field"], error["code"]) for error in errors]
    assert len(found) == len(set(found))
    return set(found)


def posted(client, rows, query):
    """The outcomes of a batch, as `outcomes` has them."""
    response = client.post(f"/employees?{query}", json=[dict(zip(COLUMNS, row, strict=True)) for row in rows])
    told = [
        codes(one["errors"]) if one["status"] == "failed" else one["status"].replace("skipped", "unchanged")
        for one in response.json["results"]
    ]
    taken = [one for one in told if type(one) is str]
    if "dry_run" not in query:
        assert response.status_code == (201 if len(taken) == len(told) else 207 if taken else 422)
    counts = {status: response.json[status] for status in ("inserted", "updated", "failed")}
    unchanged = response.json["skipped"]
    assert {**counts, "unchanged": unchanged} == {**figures(told), "failed": len(told) - len(taken)}
    return told


def figures(told):
    return {status: told.count(status) for status in ("inserted", "updated", "unchanged")}


def refused(told):
    return {number: one for number, one in enumerate(told, start=1) if type(one) is set}


def file_of(rows):
    text = io.StringIO()
    csv.writer(text).writerows([COLUMNS, *rows])
    return text.getvalue().encode()


def uploaded(client, rows, query):
    """The figures of an upload, and the errors of those refused by the number of the record."""
    report = client.post(f"/upload/employees?{query}", data=file_of(rows), content_type="text/csv").json
    rejects = {reject["record"]: codes(reject["errors"]) for reject in report["rejects"]}
    assert (report["read"], report["rejected"]) == (len(rows), len(rejects))
    return {status: report[status] for status in ("inserted", "updated", "unchanged")}, rejects


def loaded(engine, path, rows, on_conflict):
    """As `uploaded`, of the job's load."""
    path.write_bytes(file_of(rows))
    file = inspect(on_disk(path, path.name), employees, Choices())
    counts = loader.load(engine, Task(employees, file, Origin(path.name, "run"), on_conflict)).counts
    rejects = {reject["record"]: codes(reject["errors"]) for reject in on_record(engine)}
    assert (counts.read, counts.rejected) == (len(rows), len(rejects))
    return {status: getattr(counts, status) for status in ("inserted", "updated", "unchanged")}, rejects


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(row, min_size=1, max_size=12), stored_names, st.sampled_from(["error", "update", "skip"]))
@example([RIGHT, RIGHT], {}, "error")
@example([RIGHT, RIGHT], {5: "Ana"}, "update")
@example([RIGHT, (5, "Bo", *RIGHT[2:]), (5, "", *RIGHT[2:])], {5: "Bo"}, "error")
@example([RIGHT, (6, "Ana", *RIGHT[2:]), RIGHT], {5: "Bo", 6: "Ana"}, "skip")
@example([(5, "", *RIGHT[2:]), RIGHT, (4, "Ana", NOON, 9, 9)], {4: "Ana"}, "error")
def test_all_ways_in_give_the_same_rows_the_same_outcomes(
    client, engine, tmp_path, rows, stored, on_conflict
):
    told, table = outcomes(rows, stored, on_conflict)
    query = f"on_conflict={on_conflict}"
    fill(engine, stored)
    assert posted(client, rows, f"{query}&dry_run=true") == told
    assert posted(client, rows, query) == told
    assert names_stored(engine) == table
    if on_conflict == "skip":  # of batches alone
        return
    fill(engine, stored)
    assert uploaded(client, rows, f"{query}&dry_run=true") == (figures(told), refused(told))
    assert uploaded(client, rows, query) == (figures(told), refused(told))
    assert names_stored(engine) == table
    fill(engine, stored)
    assert loaded(engine, tmp_path / "employees.csv", rows, on_conflict) == (figures(told), refused(told))
    assert names_stored(engine) == table
