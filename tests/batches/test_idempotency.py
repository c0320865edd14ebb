"""Idempotency keys: replayed, refused, under way, expired; and whatever is killed, nothing lost or doubled.

KILL_ROUNDS=200 kills so often (a few times by default); KILL_SEED makes the moments those of another run.
"""

import json
import os
import random
import threading
import time
from collections import Counter
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from hiring_api.batches import idempotency
from hiring_api.database.bookkeeping import answers
from hiring_api.database.transactions import transaction
from hiring_api.model.tables import Department, Employee
from tests.conftest import on_record
from tests.server import Server, installed
from tests.serving import BROKEN, Serving

ROUNDS = int(os.environ.get("KILL_ROUNDS", "3"))
ROWS = [{"department": "Sales"}, {"department": ""}]
KEY = {"Idempotency-Key": "order-1"}


def count(engine, table):
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar()


def test_a_user_and_a_key_are_not_those_of_another_split():
    assert idempotency.digest(b"ann", b"key") != idempotency.digest(b"an", b"nkey")
    assert idempotency.digest(b"ann", b"key") == idempotency.digest(b"ann", b"key")


def test_the_same_request_gets_the_first_answer_word_for_word(client, engine):
    first = client.post("/departments", json=ROWS, headers=KEY)
    again = client.post("/departments", json=ROWS, headers=KEY)
    assert (first.status_code, first.headers.get("Idempotency-Replayed")) == (207, None)
    assert (again.status_code, again.headers.get("Idempotency-Replayed")) == (207, "true")
    assert (again.data, again.mimetype) == (first.data, first.mimetype)
    assert (count(engine, Department), len(on_record(engine))) == (1, 1)


def test_a_refused_batch_is_answered_again_as_well(client, engine):
    answered = [client.post("/jobs", json=[{"job": ""}], headers=KEY) for _ in range(2)]
    assert [answer.status_code for answer in answered] == [422, 422]
    assert answered[0].data == answered[1].data
    assert len(on_record(engine)) == 1


def test_without_a_key_the_same_request_is_another_one(client, engine):
    for _ in range(2):
        assert client.post("/departments", json=ROWS).status_code == 207
    assert (count(engine, Department), count(engine, answers)) == (2, 0)


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/departments", {"json": ROWS[:1]}),
        ("/departments?mode=atomic", {"json": ROWS}),
        ("/departments", {"data": "id,department\n1,Sales\n", "content_type": "text/csv"}),
        ("/jobs", {"json": [{"job": "Clerk"}]}),
        ("/jobs", {"json": ROWS}),
        ("/batch", {"json": {"departments": ROWS}}),
    ],
)
def test_a_key_that_was_used_for_another_request_is_refused(client, engine, path, sent):
    client.post("/departments", json=ROWS, headers=KEY)
    response = client.post(path, headers=KEY, **sent)
    assert (response.status_code, response.json["detail"]) == (
        422,
        "this Idempotency-Key was used for another request: choose a new one",
    )
    assert count(engine, Department) == 1


def test_the_same_bytes_as_another_media_type_are_another_request(client, engine):
    for media_type, status in (("application/json", 201), ("application/x-ndjson", 422)):
        answer = client.post("/departments", data=json.dumps(ROWS[0]), headers=KEY, content_type=media_type)
        assert answer.status_code == status
    parameters = {"content_type": "application/json; charset=utf-8", "headers": KEY}
    again = client.post("/departments", data=json.dumps(ROWS[0]), **parameters)
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (201, "true")
    assert count(engine, Department) == 1


def test_a_dry_run_leaves_its_key_unused(client):
    dry = client.post("/departments?dry_run=true", json=ROWS[:1], headers=KEY)
    assert (dry.status_code, dry.headers.get("Idempotency-Replayed")) == (200, None)
    assert client.post("/departments", json=ROWS[:1], headers=KEY).status_code == 201


def test_a_request_that_was_refused_as_a_whole_leaves_its_key_unused(client):
    assert (
        client.post("/departments", data="{", headers=KEY, content_type="application/json").status_code == 400
    )
    assert client.post("/departments", json=ROWS[:1], headers=KEY).status_code == 201


@pytest.mark.parametrize("key", ["", "two words", "é", "x" * 256])
def test_a_malformed_key_is_refused(client, key):
    response = client.post(
        "/departments", json=ROWS, headers={"Idempotency-Key": key.encode().decode("latin-1")}
    )
    assert (response.status_code, response.json["detail"]) == (
        422,
        "Idempotency-Key must be 1 to 255 visible ASCII characters without blanks",
    )


def test_the_longest_key_is_taken(client):
    assert (
        client.post("/departments", json=ROWS[:1], headers={"Idempotency-Key": "~" * 255}).status_code == 201
    )


@contextmanager
def under_way(app):
    """Within the block a request under the key has written its rows, and not committed them yet."""
    from hiring_api.batches import insert
    from tests.conftest import Client

    written, go_on = threading.Event(), threading.Event()
    write = insert.write

    def held(*given):
        write(*given)
        written.set()
        go_on.wait(60)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(insert, "write", held)
        sending = threading.Thread(target=lambda: Client(app).post("/departments", json=ROWS, headers=KEY))
        sending.start()
        assert written.wait(60)
    try:
        yield go_on
    finally:
        go_on.set()
        sending.join()


def test_a_request_whose_key_is_under_way_is_told_to_come_back(app, client, engine):
    if engine.dialect.name == "sqlite":
        pytest.skip("it has one writer at a time, for whom the others wait")
    with under_way(app):
        response = client.post("/departments", json=ROWS, headers={**KEY, "X-Request-ID": "r"})
    assert (response.status_code, response.headers["Retry-After"]) == (409, "5")
    assert response.json == {
        "type": "about:blank",
        "title": "Conflict",
        "status": 409,
        "detail": "a request with this Idempotency-Key is under way: ask again when it has ended",
        "request_id": "r",
    }
    again = client.post("/departments", json=ROWS, headers=KEY)
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (207, "true")
    assert count(engine, Department) == 1


def test_where_writers_wait_for_each_other_the_second_gets_the_answer_of_the_first(app, client, engine):
    if engine.dialect.name != "sqlite":
        pytest.skip("a server tells at once that the first one is under way")
    with under_way(app) as go_on:
        threading.Timer(0.5, go_on.set).start()
        again = client.post("/departments", json=ROWS, headers=KEY)
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (207, "true")
    assert count(engine, Department) == 1


def test_one_of_many_equal_requests_at_once_is_done(app, engine):
    from tests.conftest import Client

    found = []

    def send():
        client = Client(app)
        while (response := client.post("/departments", json=ROWS, headers=KEY)).status_code == 409:
            time.sleep(0.01)
        found.append(response)

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(response.headers.get("Idempotency-Replayed") for response in found) == {None: 1, "true": 7}
    assert len({response.data for response in found}) == 1
    assert count(engine, Department) == 1


def age(engine, **time_):
    with engine.begin() as connection:
        kept = connection.execute(select(answers.c.kept_at)).scalar()
        connection.execute(update(answers).values(kept_at=kept - timedelta(**time_)))


def test_a_key_that_another_request_has_kept_meanwhile_cannot_be_claimed(engine):
    def work(connection):
        idempotency.claim(connection, "scope", "what is asked for", 24)
        idempotency.keep(connection, "scope", 201, "{}")

    transaction(engine, work)
    with pytest.raises(idempotency.AlreadyAnswered) as other:
        transaction(engine, work)
    assert other.value.answer == idempotency.Answer("what is asked for", 201, "{}")


def test_an_answer_is_kept_for_a_day(client, engine):
    client.post("/departments", json=ROWS, headers=KEY)
    age(engine, hours=23, minutes=59)
    assert client.post("/departments", json=ROWS, headers=KEY).headers["Idempotency-Replayed"] == "true"
    age(engine, minutes=1)
    again = client.post("/departments", json=ROWS[:1], headers=KEY)
    assert (again.status_code, again.headers.get("Idempotency-Replayed")) == (201, None)
    assert (count(engine, answers), count(engine, Department)) == (1, 2)


def test_old_answers_are_cleared_away_by_and_by(monkeypatch, client, engine):
    for number in range(3):
        client.post("/departments", json=ROWS[:1], headers={"Idempotency-Key": f"old-{number}"})
    age(engine, hours=24)
    monkeypatch.setattr("hiring_api.batches.idempotency._CLEAN_EVERY", 1)
    client.post("/departments", json=ROWS[:1], headers={"Idempotency-Key": "new"})
    assert count(engine, answers) == 1


class Killed:
    """Rounds of requests during which something is killed, and what was acknowledged."""

    def __init__(self, api, seed):
        self.api, self.random = api, random.Random(seed)
        self.acknowledged = {}
        self.attempts = Counter()

    def run(self, rounds, killers):
        self.api.call("POST", "/departments", {"id": 1, "department": "First"})
        self.api.call("POST", "/jobs", {"id": 1, "job": "First"})
        for number in range(rounds):
            sender = threading.Thread(target=self._send, args=(f"round-{number}",))
            sender.start()
            time.sleep(self.random.uniform(0, 0.08))
            killers[number % len(killers)]()
            sender.join(180)
            status, body = self.acknowledged.get(f"round-{number}", (None, b""))
            assert status == 207, f"{status} {body[:500]!r}\n{self.api.log()[-9000:]}"

    def rows(self, key):
        row = {"name": key, "datetime": "2021-07-27T16:02:08Z", "department_id": 1, "job_id": 1}
        return {"departments": [{"department": key}], "employees": [row] * 200 + [{**row, "job_id": 9}]}

    def _send(self, key):
        """As a client does that is sure of nothing: again and again, until there is a whole answer."""
        while True:
            try:
                status, headers, body = self.api.call(
                    "POST", "/batch", self.rows(key), {"Idempotency-Key": key}
                )
            except BROKEN:
                self.attempts["no answer"] += 1
                time.sleep(0.1)
                continue
            if status not in {409, 503}:
                self.attempts["replayed" if headers["Idempotency-Replayed"] else "done"] += 1
                self.acknowledged[key] = (status, body)
                return
            self.attempts[status] += 1
            time.sleep(0.1)

    def check(self):
        """The tables hold exactly what was acknowledged, and each key still answers as it did."""
        with self.api.engine.connect() as connection:
            stored = connection.execute(select(Employee.id, Employee.name).where(Employee.id > 0)).all()
            departments = Counter(connection.execute(select(Department.department)).scalars())
        refused = len(on_record(self.api.engine))
        expected = {}
        for key, (status, body) in self.acknowledged.items():
            answer = json.loads(body)
            assert (status, answer["employees"]["inserted"], answer["employees"]["failed"]) == (207, 200, 1)
            results = answer["employees"]["results"]
            expected |= {one["id"]: key for one in results if one["status"] == "inserted"}
        assert dict(map(tuple, stored)) == expected
        assert departments == {"First": 1, **dict.fromkeys(self.acknowledged, 1)}
        assert refused == len(self.acknowledged)
        for key, (status, body) in self.acknowledged.items():
            again = self.api.call("POST", "/batch", self.rows(key), {"Idempotency-Key": key})
            assert (again[0], again[1]["Idempotency-Replayed"], again[2]) == (status, "true", body)


def report(killed):
    print(f"{len(killed.acknowledged)} rounds: {dict(killed.attempts)}")  # noqa: T201  # for long runs, with -s


@pytest.mark.timeout(60 + 20 * ROUNDS)
def test_killed_on_sqlite_nothing_is_lost_or_doubled(root, tmp_path):
    with Serving(root, f"sqlite:///{tmp_path}/hiring.db", tmp_path) as api:

        def kill_all():
            api.kill()
            api.start()

        killed = Killed(api, os.environ.get("KILL_SEED", "1"))
        killed.run(ROUNDS, [api.kill_workers, api.kill_workers, kill_all])
        report(killed)
        killed.check()


@pytest.mark.skipif(installed() is None, reason="no MySQL-family server is installed")
@pytest.mark.timeout(60 + 20 * ROUNDS)
def test_killed_on_a_server_nothing_is_lost_or_doubled(root, tmp_path):
    with Server() as server, Serving(root, server.url(), tmp_path) as api:

        def kill_database():
            server.kill()
            server.start()

        killed = Killed(api, os.environ.get("KILL_SEED", "1"))
        killed.run(ROUNDS, [kill_database, api.kill_workers])
        report(killed)
        killed.check()
