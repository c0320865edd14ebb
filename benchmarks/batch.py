"""What a batch costs: POST of 1000 employees through gunicorn against the bare driver, and deep pages.

    make bench                                  # on SQLite and on a private server
    TEST_DATABASE_URL=… python benchmarks/batch.py ROWS    # pages of so many rows (200,000 by default)

The bare driver is PyMySQL's executemany of the same rows and a commit, in the same run, turn by turn with the
API, so that what else the machine does falls on both. Figures are medians in milliseconds.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path

import pymysql
from sqlalchemy.engine import make_url

from hiring_api.model.tables import Base
from tests.conftest import empty
from tests.server import NoServer, scratch_database
from tests.serving import Serving

ROOT = Path(__file__).parent.parent
TURNS = 25
AIM = 1.6
INSERT = "INSERT INTO hired_employees (id, name, datetime, department_id, job_id) VALUES (%s, %s, %s, %s, %s)"


def rows(first, count=1000):
    """Employees, as JSON has them."""
    start = datetime(2021, 1, 1, tzinfo=UTC).replace(tzinfo=None)
    return [
        {
            "id": number,
            "name": f"Employee Number {number}",
            "datetime": f"{(start + timedelta(seconds=number)).isoformat()}Z",
            "department_id": number % 12 + 1,
            "job_id": number % 180 + 1,
        }
        for number in range(first, first + count)
    ]


def spoiled(batch):
    """The same rows, each with a reference to nothing and a wrong date."""
    return [{**row, "department_id": 99, "datetime": "2021-07-27"} for row in batch]


def spoiled_apart(batch):
    """The same rows, no two with the same errors."""
    return [
        {**row, "department_id": 1000 + place, "datetime": f"{row['datetime'][:10]} {place}"}
        for place, row in enumerate(batch)
    ]


class KeptConnection:
    """A client that keeps its connection."""

    def __init__(self, api):
        self.connection = HTTPConnection("127.0.0.1", api.port, timeout=60)
        self.headers = {"Authorization": "Basic dTpw", "Content-Type": "application/json"}

    def call(self, method, path, body=None):
        """Milliseconds, status and body of an answer."""
        start = time.perf_counter()
        self.connection.request(method, path, body, self.headers)
        response = self.connection.getresponse()
        data = response.read()
        return (time.perf_counter() - start) * 1000, response.status, data


@contextmanager
def serving(url):
    """The API on a database with 12 departments and 180 jobs."""
    with tempfile.TemporaryDirectory() as folder, Serving(ROOT, url, folder, API_WORKERS="1") as api:
        empty(api.engine)
        departments = [{"id": number, "department": f"D{number}"} for number in range(1, 13)]
        api.call("POST", "/departments", departments)
        api.call("POST", "/jobs", [{"id": number, "job": f"J{number}"} for number in range(1, 181)])
        yield api


def bare(connection, batch):
    """Milliseconds that PyMySQL takes."""
    values = [
        (row["id"], row["name"], row["datetime"][:19], row["department_id"], row["job_id"]) for row in batch
    ]
    start = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.executemany(INSERT, values)
    connection.commit()
    return (time.perf_counter() - start) * 1000


def measure(url):
    """Prints the medians; answers the quotient of the API and the driver, where there is one."""
    parsed = make_url(url)
    driver = None
    if parsed.get_backend_name() != "sqlite":
        account = {"host": parsed.host, "port": parsed.port, "user": parsed.username}
        driver = pymysql.connect(
            **account, password=parsed.password, database=parsed.database, charset="utf8mb4"
        )
    times = {"driver": [], "clean": [], "without ids": [], "all wrong": [], "wrong apart": []}
    with serving(url) as api:
        client, first = KeptConnection(api), 1
        for turn in range(TURNS + 3):
            batches = [rows(first + 1000 * place) for place in range(3)]
            first += 3_000
            found = {}
            if driver is not None:
                found["driver"] = bare(driver, batches[0])
            bodies = {
                "clean": (batches[1], 201),
                "all wrong": (spoiled(batches[2]), 422),
                "wrong apart": (spoiled_apart(batches[2]), 422),
                "without ids": ([{**row, "id": None} for row in batches[2]], 201),
            }
            for name, (batch, expected) in bodies.items():
                sent = [{key: value for key, value in row.items() if value is not None} for row in batch]
                found[name], status, _ = client.call("POST", "/employees", json.dumps(sent))
                assert status == expected
            first += 1_000  # generated ids follow the largest one
            if turn >= 3:
                for name, took in found.items():
                    times[name].append(took)
        medians = {name: statistics.median(found) for name, found in times.items() if found}
        print("  ".join(f"{name} {median:.1f} ms" for name, median in medians.items()))
        pages(api, client)
    return medians["clean"] / medians["driver"] if driver else None


def pages(api, client):
    """The first page, and one near the end of a table of many rows."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    table = Base.metadata.tables["hired_employees"]
    for start in range(1_000_000, 1_000_000 + count, 20_000):
        part = rows(start, min(20_000, 1_000_000 + count - start))
        values = [{**row, "datetime": datetime.fromisoformat(row["datetime"][:19])} for row in part]
        with api.engine.begin() as connection:
            connection.execute(table.insert(), values)
    took = {
        name: statistics.median(client.call("GET", f"/employees?after={after}")[0] for _ in range(50))
        for name, after in (("first page", 0), ("deep page", 1_000_000 + count - 200))
    }
    print(f"of {count} rows: " + "  ".join(f"{name} {median:.2f} ms" for name, median in took.items()))


def main():
    """The exit status is 1 where the API takes more than AIM times what the driver takes."""
    with tempfile.TemporaryDirectory() as folder:
        print("SQLite:")
        measure(f"sqlite:///{folder}/hiring.db")
    try:
        with scratch_database() as url:
            print("A server:")
            return verdict(measure(url))
    except NoServer as reason:
        print(f"No server: {reason}")
        return 0


def verdict(quotient):
    """The exit status."""
    print(f"clean / driver = {quotient:.2f} (aim: at most {AIM})")
    return quotient > AIM


if __name__ == "__main__":
    sys.exit(main())
