"""`/health/metrics`: each figure moves with each way in."""

import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import update

from hiring_api.database import events
from hiring_api.database.bookkeeping import loads
from hiring_api.database.dialects.failures import busy
from hiring_api.database.transactions import transaction
from hiring_api.settings import read_settings
from hiring_api.web.app import create_app
from hiring_api.web.http import gauges
from tests.rows_of_all import EMPLOYEES, fill


def figures(client, name):
    """The values of a figure by the values of its labels, as Prometheus' own reader understands them."""
    text = client.get("/health/metrics", auth=None).text
    return {
        tuple(label for _, label in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }


def moved(client, send):
    """What `send` added to the counts of rows, by status and table."""
    before = figures(client, "hiring_rows_total")
    answer = send()
    after = figures(client, "hiring_rows_total")
    assert answer.status_code < 500
    return {
        labels: value - before.get(labels, 0)
        for labels, value in after.items()
        if value != before.get(labels)
    }


def run(settings, root, *command):
    """Runs a command of the program on the test's database."""
    environ = {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": settings.database_url.render_as_string(hide_password=False),
        "BACKUP_DIR": settings.backup_dir,
        "REJECTS_DIR": settings.rejects_dir,
    }
    done = subprocess.run(
        [sys.executable, "-m", *command], env=environ, cwd=root, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_rows_are_counted_whichever_way_they_come_over_http(client):
    batch = [{"id": 1, "job": "Clerk"}, {"id": 2, "job": ""}]
    csv = {"content_type": "text/csv"}
    for send, counts in (
        (lambda: client.post("/jobs", json=batch), {("inserted", "jobs"): 1, ("failed", "jobs"): 1}),
        (lambda: client.post("/jobs?on_conflict=skip", json=batch[0]), {("skipped", "jobs"): 1}),
        (lambda: client.post("/batch", json={"jobs": {"job": "Cook"}}), {("inserted", "jobs"): 1}),
        (
            lambda: client.post("/upload/jobs", data="1,Clerk\n7,Maid\n8,\n", **csv),
            {("unchanged", "jobs"): 1, ("inserted", "jobs"): 1, ("failed", "jobs"): 1},
        ),
        (
            lambda: client.post("/upload/jobs?max_rejects=0", data="9,New\nx,\n", **csv),
            {("failed", "jobs"): 1},
        ),
        (lambda: client.post("/jobs?dry_run=true", json=batch), {}),
        (lambda: client.post("/upload/jobs?dry_run=true", data="9,New\n", **csv), {}),
    ):
        assert moved(client, send) == counts


def test_rows_that_a_restore_brings_back_are_counted(client):
    fill(client)
    one = {"data": client.get("/backup/employees").data, "content_type": "application/avro"}
    everything = {"data": client.get("/backup/all").data, "content_type": "application/zip"}
    name = client.post("/backups").json["name"]
    client.post("/employees", json={**EMPLOYEES[0], "id": 77})
    counts = {("unchanged", "employees"): 3, ("deleted", "employees"): 1}
    assert moved(client, lambda: client.post("/restore/employees?dry_run=true", **one)) == {}
    assert moved(client, lambda: client.post("/restore/employees", **one)) == counts
    others = {("unchanged", "departments"): 2, ("unchanged", "jobs"): 1}
    client.post("/employees?on_conflict=update", json={**EMPLOYEES[0], "name": "Other"})
    found = moved(client, lambda: client.post("/restore/all", **everything))
    assert found == {**others, ("unchanged", "employees"): 2, ("updated", "employees"): 1}
    client.post("/employees", json={**EMPLOYEES[0], "id": 77})
    assert moved(client, lambda: client.post(f"/backups/{name}/restore")) == {**others, **counts}


def test_a_repeated_request_is_counted_once(client):
    def send():
        return client.post("/jobs", json={"job": "Clerk"}, headers={"Idempotency-Key": "one"})

    assert moved(client, send) == {("inserted", "jobs"): 1}
    assert moved(client, send) == {}


def test_refused_rows_are_told_whoever_sent_them(client, settings, root, tmp_path):
    def told():
        return figures(client, "hiring_rejects"), figures(client, "hiring_last_reject_timestamp_seconds")

    none = {(flag, name): 0 for flag in ("true", "false") for name in ("departments", "jobs", "employees")}
    assert told() == (none, {})
    client.post("/jobs", json={})
    counts, last = told()
    assert counts == {**none, ("false", "jobs"): 1}
    [item] = client.get("/rejects").json["items"]
    assert last == {("jobs",): datetime.fromisoformat(item["refused_at"]).timestamp()}
    client.post("/upload/jobs", data="8,\n", content_type="text/csv")
    (counts, last), before = told(), last
    assert (counts[("false", "jobs")], last[("jobs",)] > before[("jobs",)]) == (2, True)
    (tmp_path / "jobs.csv").write_text("1,Clerk\n9,\n10,\n")
    run(settings, root, "migration_job", str(tmp_path / "jobs.csv"), "--table", "jobs")
    (counts, last), before = told(), last
    assert (counts[("false", "jobs")], last[("jobs",)] > before[("jobs",)]) == (4, True)
    file = client.get("/rejects?format=repair&table=jobs").data
    client.post("/upload/jobs", data=file.replace(b"\n9,,", b"\n9,Maid,"), content_type="text/csv")
    counts, _ = told()
    assert (counts[("false", "jobs")], counts[("true", "jobs")]) == (3, 1)


def test_the_last_backup_is_told_whoever_kept_it(client, settings, root):
    def told():
        return figures(client, "hiring_last_backup_timestamp_seconds")

    assert told() == {}
    kept = client.post("/backups").json
    first = datetime.fromisoformat(kept["time"]).timestamp()
    assert told() == {("requested",): first}
    client.post("/jobs", json={"job": "Clerk"})
    assert client.post(f"/backups/{kept['name']}/restore").json["jobs"]["deleted"] == 1
    [newest, _] = client.get("/backups").json["items"]
    restored = datetime.fromisoformat(newest["time"]).timestamp()
    assert told() == {("requested",): first, ("before restore",): restored}
    run(settings, root, "hiring_api", "backup")
    [newest, *_] = client.get("/backups").json["items"]
    assert told()[("requested",)] == datetime.fromisoformat(newest["time"]).timestamp()
    for item in client.get("/backups").json["items"]:
        client.delete(f"/backups/{item['name']}")
    assert told() == {}


def test_each_entry_of_a_kept_backup_is_read_once_however_often_prometheus_comes(client, settings):
    client.post("/backups")
    first = figures(client, "hiring_last_backup_timestamp_seconds")
    [entry] = Path(settings.backup_dir).glob("*.json")
    entry.write_bytes(b"no entry any more")  # as it cannot be read, what is told was remembered
    assert figures(client, "hiring_last_backup_timestamp_seconds") == first != {}
    entry.unlink()
    assert figures(client, "hiring_last_backup_timestamp_seconds") == {}


@pytest.mark.parametrize("place", ["memory://hiring", "nonsense://x"])
def test_counts_are_told_while_the_database_and_the_backups_are_away(place):
    settings = {"DATABASE_URL": "mysql://u:w@127.0.0.1:1/gone", "API_USER": "a", "API_PASS": "b"}
    client = create_app(read_settings({**settings, "BACKUP_DIR": place})).test_client()
    answer = client.get("/health/metrics")
    assert (answer.status_code, "hiring_http_requests_total" in answer.text) == (200, True)
    assert "hiring_rejects{" not in answer.text


def newest(client):
    names = ("timestamp_seconds", "bytes", "verified", "damaged")
    return [figures(client, f"hiring_newest_backup_{name}").get(()) for name in names]


def test_the_newest_backup_is_told_with_its_size_and_verification(client, settings):
    assert newest(client) == [None] * 4
    kept = client.post("/backups").json
    when = datetime.fromisoformat(kept["time"]).timestamp()
    assert newest(client) == [when, kept["bytes"], 0, 0]
    client.post(f"/backups/{kept['name']}/verify")
    assert newest(client) == [when, kept["bytes"], 1, 0]
    path = Path(settings.backup_dir) / f"{kept['name']}.zip"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert client.post(f"/backups/{kept['name']}/verify").status_code == 422
    assert newest(client) == [when, kept["bytes"], 0, 1]


def test_the_last_load_of_each_table_is_told(client, settings, root, tmp_path, engine):
    assert figures(client, "hiring_last_load_complete") == {}
    (tmp_path / "jobs.csv").write_text("1,Clerk\n2,\n")
    run(settings, root, "migration_job", str(tmp_path / "jobs.csv"), "--table", "jobs")
    assert figures(client, "hiring_last_load_complete") == {("jobs",): 1}
    rows = figures(client, "hiring_last_load_rows")
    assert (rows[("read", "jobs")], rows[("inserted", "jobs")], rows[("rejected", "jobs")]) == (2, 1, 1)
    assert 0 <= figures(client, "hiring_last_load_seconds")[("jobs",)] < 600
    with engine.begin() as connection:
        connection.execute(update(loads).values(ended_at=None))
    assert figures(client, "hiring_last_load_complete") == {("jobs",): 0}
    assert figures(client, "hiring_last_load_seconds") == {}


def test_many_rejects_are_counted_twice_a_minute_at_most(client, monkeypatch):
    def open_ones():
        return figures(client, "hiring_rejects")[("false", "jobs")]

    client.post("/jobs", json={"job": ""})
    assert open_ones() == 1
    client.post("/jobs", json={"job": ""})
    assert open_ones() == 2
    monkeypatch.setattr(gauges, "_MANY_REJECTS", 2)
    assert open_ones() == 2
    client.post("/jobs", json={"job": ""})
    assert open_ones() == 2


def test_retries_failovers_and_connections_are_counted(app, client, engine):
    def told():
        names = ("transaction_retries_total", "database_failovers_total", "database_connections_in_use")
        return [figures(client, f"hiring_{name}")[()] for name in names]

    before = told()
    refusals = iter([busy(), busy(), None])

    def work(_connection):
        if error := next(refusals):
            raise error

    transaction(engine, work)
    events.tell("failover")
    after = told()
    assert (after[0] - before[0], after[1] - before[1]) == (2, 1)
    assert after[2] == before[2]
    with app.app_context():
        from hiring_api.web.http.extensions import db

        with db.engine.connect():
            assert told()[2] == before[2] + 1
