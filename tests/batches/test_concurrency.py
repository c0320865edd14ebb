"""Many clients at once, through gunicorn, on overlapping rows: nothing lost, nothing doubled, no 500.

CLIENT_SECONDS=300 and CLIENTS=16 make it longer and fuller.
"""

import json
import os
import random
import threading
import time
from collections import Counter

import pytest
from sqlalchemy import select

from hiring_api.model.tables import Department, Employee, Job
from tests.conftest import empty, on_record
from tests.serving import Serving

SECONDS = float(os.environ.get("CLIENT_SECONDS", "4"))
CLIENTS = int(os.environ.get("CLIENTS", "8"))
IDS = 3000


class Writer:
    """Sends batches of its own rows, whose ids it shares with all others, and notes what it is told."""

    def __init__(self, api, number, until):
        self.api, self.number, self.until = api, number, until
        self.random = random.Random(number)
        self.mine, self.generated, self.departments = set(), set(), set()
        self.failed, self.statuses, self.wrong = 0, Counter(), []

    def run(self):
        turn = 0
        while time.monotonic() < self.until:
            turn += 1
            self.send(
                f"writer {self.number} turn {turn}",
                {"Idempotency-Key": f"{self.number}-{turn}"} if turn % 3 else {},
            )

    def send(self, name, headers):
        row = {"name": name, "datetime": "2021-07-27T16:02:08Z", "department_id": 1, "job_id": 1}
        start = self.random.randrange(1, IDS)
        rows = [{**row, "id": number} for number in range(start, start + 40)] + [row] * 5
        self.random.shuffle(rows)
        parent = self.random.randrange(2, 400)
        rows.append({**row, "department_id": parent})
        mode = self.random.choice(["partial", "partial", "atomic"])
        body = {"departments": [{"id": parent, "department": name}], "employees": rows}
        for _ in range(2 if headers else 1):  # the second one is a replay, or comes after a 409 or 503
            status, _, data = self.api.call("POST", f"/batch?mode={mode}", body, headers)
            self.statuses[status] += 1
        if status in {201, 207, 422}:
            self.note(json.loads(data), body)
        elif status != 503:
            self.wrong.append((status, data[:300]))

    def note(self, answer, body):
        for name, rows in body.items():
            for row, result in zip(rows, answer[name]["results"], strict=True):
                self.failed += result["status"] == "failed"
                if result["status"] != "inserted":
                    continue
                if name == "departments":
                    self.departments.add(result["id"])
                else:
                    (self.mine if "id" in row else self.generated).add((result["id"], row["name"]))


@pytest.mark.timeout(120 + int(2 * SECONDS))
def test_overlapping_batches_of_many_clients_lose_and_double_nothing(root, database_url, tmp_path):
    url = database_url.render_as_string(hide_password=False)
    with Serving(root, url, tmp_path, API_THREADS=str(CLIENTS), LOG_LEVEL="ERROR") as api:
        empty(api.engine)
        with api.engine.begin() as connection:
            connection.execute(Department.__table__.insert().values(id=1, department="First"))
            connection.execute(Job.__table__.insert().values(id=1, job="First"))
        until = time.monotonic() + SECONDS
        writers = [Writer(api, number, until) for number in range(CLIENTS)]
        threads = [threading.Thread(target=writer.run) for writer in writers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        statuses = sum((writer.statuses for writer in writers), Counter())
        print(f"{CLIENTS} clients, {SECONDS:.0f} s: {dict(statuses)}")  # noqa: T201  # for long runs, with -s
        assert [wrong for writer in writers for wrong in writer.wrong] == []
        assert statuses[201] + statuses[207] > 0
        check(api.engine, writers)
        assert "Traceback" not in api.log()


def check(engine, writers):
    """What each was told is in the tables, once, and nothing else is."""
    told = Counter(one for writer in writers for one in [*writer.mine, *writer.generated])
    assert set(told.values()) <= {1}
    with engine.connect() as connection:
        stored = {tuple(row) for row in connection.execute(select(Employee.id, Employee.name))}
        departments = set(connection.execute(select(Department.id)).scalars())
    assert stored == set(told)
    assert departments == {1}.union(*(writer.departments for writer in writers))
    assert len(on_record(engine)) == sum(writer.failed for writer in writers)
