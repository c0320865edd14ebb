"""Two replicas of the API, as on two machines: nothing that matters is in a process or in its folder."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections import Counter
from contextlib import suppress

import pytest
from sqlalchemy import func, select

from hiring_api.backup import catalogue
from hiring_api.backup.file_store import open_store
from hiring_api.database.bookkeeping import leases
from hiring_api.model.tables import Department, tables
from hiring_api.web.http.wrong_passwords import MOST, WINDOW
from tests.conftest import empty
from tests.serving import BROKEN, Serving

KEPT = 3  # backups
OCTETS = {"Content-Type": "application/octet-stream"}


@pytest.fixture(scope="module")
def bucket(s3_server):
    """The settings of an S3-speaking store, and an empty bucket in it."""
    with pytest.MonkeyPatch.context() as patch:
        names = {
            "AWS_ENDPOINT_URL": s3_server,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        for name, value in names.items():
            patch.setenv(name, value)
        import boto3

        boto3.client("s3").create_bucket(Bucket="replicas")
        yield names


@pytest.fixture(scope="module")
def both(root, database_url, bucket, tmp_path_factory):
    """The replicas."""
    url = database_url.render_as_string(hide_password=False)
    settings = {**bucket, "BACKUP_DIR": "s3://replicas/backups", "BACKUP_KEEP": str(KEPT)}
    folders = [tmp_path_factory.mktemp(name) for name in ("first", "second")]
    with (
        Serving(root, url, folders[0], **settings, API_WORKERS="1") as first,
        Serving(root, url, folders[1], **settings, API_WORKERS="1") as second,
    ):
        yield first, second


@pytest.fixture
def replicas(both, engine):
    """The replicas, on empty tables and an empty bucket."""
    store = open_store("s3://replicas/backups")
    for name in store.names():
        store.delete(name)
    empty(engine)
    return both


def count(engine, table=Department):
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def at_once(*calls):
    """The results of calls that begin at the same time, each in a thread."""
    start, found = threading.Barrier(len(calls)), [None] * len(calls)

    def run(index):
        start.wait()
        found[index] = calls[index]()

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def posting(replica, path, body=None, **headers):
    return lambda: replica.call("POST", path, body, headers)


def test_the_same_key_at_two_replicas_at_once_is_done_once(replicas, engine):
    rows = [{"department": f"Department {number}"} for number in range(200)]
    told = Counter()
    for number in range(20):
        key = {"Idempotency-Key": f"order-{number}"}
        calls = [posting(replica, "/departments", rows, **key) for replica in replicas * 2]
        answers = at_once(*calls)
        done = [answer for answer in answers if answer[0] == 201]
        assert {answer[0] for answer in answers} <= {201, 409}
        assert len({answer[2] for answer in done}) == 1
        assert sum(answer[1]["Idempotency-Replayed"] is None for answer in done) == 1
        told.update(answer[0] for answer in answers)
        for replica in replicas:
            again = replica.call("POST", "/departments", rows, key)
            assert (again[1]["Idempotency-Replayed"], again[2]) == ("true", done[0][2])
    assert count(engine) == 20 * 200
    assert told[201] >= 20


def test_a_key_of_one_replica_is_known_to_the_other_with_another_body(replicas):
    first, second = replicas
    key = {"Idempotency-Key": "mine"}
    assert first.call("POST", "/jobs", [{"job": "Clerk"}], key)[0] == 201
    assert second.call("POST", "/jobs", [{"job": "Baker"}], key)[0] == 422


def test_backups_of_two_replicas_at_once_are_kept_and_old_ones_go_once(replicas):
    for replica in replicas:
        replica.call("POST", "/departments", {"department": "Sales"})
    for _ in range(3):
        answers = at_once(*(posting(replica, "/backups") for replica in replicas * 2))
        assert [answer[0] for answer in answers] == [201] * 4
        newest = max(json.loads(answer[2])["name"] for answer in answers)
        lists = [json.loads(replica.call("GET", "/backups")[2])["items"] for replica in replicas]
        assert lists[0] == lists[1]
        assert lists[0][0]["name"] == newest
        assert len(lists[0]) == KEPT
    store = open_store("s3://replicas/backups")
    left = {name.rpartition(".")[0] for name in store.names()}
    assert left == set(catalogue.kept_names(store))


def test_what_one_replica_keeps_the_other_sends_verifies_restores_and_deletes(replicas, engine):
    first, second = replicas
    first.call("POST", "/departments", [{"department": "Sales"}, {"department": "Support"}])
    path = first.call("POST", "/backups")[1]["Location"]
    zips = [replica.call("GET", path)[2] for replica in replicas]
    assert zips[0] == zips[1]
    status, _, body = second.call("POST", f"{path}/verify?level=restore")
    assert (status, json.loads(body)["verified"]["ok"]) == (200, True)
    told = first.call("GET", path, headers={"Accept": "application/json"})[2]
    assert json.loads(told)["verified"]["level"] == "restore"
    first.call("POST", "/departments", {"department": "too many"})
    assert second.call("POST", f"{path}/restore")[0] == 200
    assert count(engine) == 2
    assert second.call("DELETE", path)[0] == 204
    assert first.call("GET", path)[0] == 404


def test_restores_at_two_replicas_at_once_are_one_after_the_other_or_refused(replicas, engine):
    first, _ = replicas
    files = []
    for shift in (0, 1000):
        empty(engine)
        rows = [{"id": shift + number, "department": f"{shift}"} for number in range(1, 501)]
        first.call("POST", "/departments", rows)
        files.append(first.call("GET", "/backup/departments")[2])
    told = Counter()
    for _ in range(5):
        answers = at_once(
            *(
                posting(replica, "/restore/departments?keep=false", file, **OCTETS)
                for replica in replicas
                for file in files
            )
        )
        told.update(answer[0] for answer in answers)
        with engine.connect() as connection:
            names = connection.execute(select(Department.department).distinct()).scalars().all()
        assert len(names) == 1
        assert count(engine) == 500
    assert set(told) <= {200, 409}
    assert told[200] >= 5


def test_what_one_replica_refuses_the_other_lists_and_takes_when_it_is_repaired(replicas, engine):
    first, second = replicas
    sent = "1,Sales\n2,\n"
    status, _, body = first.call("POST", "/upload/departments", sent.encode(), {"Content-Type": "text/csv"})
    assert status == 207
    listed = json.loads(second.call("GET", json.loads(body)["all_rejects"])[2])["items"]
    assert [item["errors"][0]["code"] for item in listed] == ["required"]
    assert second.call("POST", "/departments", {"id": 2, "department": "Support"})[0] == 201
    listed = json.loads(first.call("GET", "/rejects")[2])["items"]
    assert [item["resolved_at"] is None for item in listed] == [False]
    assert count(engine) == 2


def test_a_replica_that_is_killed_in_a_restore_leaves_it_whole_or_undone_to_the_other(replicas, engine):
    first, second = replicas
    rows = [{"id": number, "department": f"{number}"} for number in range(1, 1001)]
    first.call("POST", "/departments", rows)
    file = first.call("GET", "/backup/departments")[2]
    second.call("POST", "/departments", {"department": "one more"})

    def send():
        with suppress(*BROKEN):
            first.call("POST", "/restore/departments", file, OCTETS)

    sending = threading.Thread(target=send)
    sending.start()
    while sending.is_alive() and count(engine, leases) == 0:
        pass
    first.kill()
    sending.join()
    assert count(engine) in {1000, 1001}
    first.start()
    for _ in range(200):
        status = second.call("POST", "/restore/departments", file, OCTETS)[0]
        if status != 409:
            break
        threading.Event().wait(0.2)
    assert status == 200
    assert count(engine) == 1000
    assert all(count(engine, table) == 0 for table in tables() if table is not Department.__table__)


def test_wrong_passwords_at_two_replicas_are_counted_together(replicas):
    if time.time() % WINDOW > WINDOW / 2:  # a minute is a window: all of them in one
        time.sleep(WINDOW - time.time() % WINDOW)
    wrong = {"Authorization": f"Basic {base64.b64encode(b'u:wrong').decode()}"}
    told = [Counter(), Counter()]
    for number in range(MOST + 10):
        at = number % 2
        told[at][replicas[at].call("GET", "/jobs", headers=wrong)[0]] += 1
    assert told == [{401: MOST // 2, 429: 5}] * 2
    assert [replica.call("GET", "/jobs")[0] for replica in replicas] == [200, 200]
