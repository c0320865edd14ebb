"""A replica that is read: while it is fresh enough, and not when it is behind, cut off, away or hangs.

The replica has a department of its own, so an answer tells who gave it.
"""

import io
import json
import logging
import signal
import time
import zipfile
from datetime import UTC, datetime

import pymysql
import pytest

from hiring_api.database import schema
from hiring_api.database.engine import open_engine
from hiring_api.settings import read_settings
from hiring_api.web.app import create_app
from tests.conftest import Client
from tests.server import Server, installed

STALENESS = 2  # seconds
WRITER, REPLICA = "of the writer", "of the replica"
NOT_READ = "the server that is written is read as well, as no replica can be"
LATEST = {"Prefer": "read=latest"}


def say(server, *statements):
    """Says statements as the administrator; the rows of the last one."""
    account = {"user": "tester", "password": server.password, "autocommit": True, "database": "hiring"}
    with (
        pymysql.connect(host="127.0.0.1", port=server.port, **account) as connection,
        connection.cursor() as cursor,
    ):
        for statement in statements:
            cursor.execute(statement)
        return cursor.fetchall()


class Pair:
    """A server with a replica, and an API on both."""

    def __init__(self, writer, replica, folder):
        self.writer, self.replica = writer, replica
        engine = open_engine(read_settings({"DATABASE_URL": writer.url()}).database_url)
        schema.upgrade(engine)
        engine.dispose()
        say(writer, f"INSERT INTO departments VALUES (1, '{WRITER}')")
        say(
            replica,
            f"CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = {writer.port}, "
            f"MASTER_USER = 'tester', MASTER_PASSWORD = '{writer.password}', MASTER_USE_GTID = slave_pos",
            "CHANGE MASTER TO MASTER_CONNECT_RETRY = 1",
            "START SLAVE",
        )
        until(lambda: say(replica, "SHOW TABLES LIKE 'departments'"))
        until(lambda: say(replica, "SELECT 1 FROM departments"))
        say(replica, f"UPDATE departments SET department = '{REPLICA}' WHERE id = 1")
        given = {
            "DATABASE_URL": writer.url(),
            "MYSQL_READ_HOST": f"127.0.0.1:{replica.port}",
            "READ_STALENESS_SECONDS": str(STALENESS),
            "API_USER": "tester",
            "API_PASS": "correct horse",
            "BACKUP_DIR": str(folder),
            "REJECTS_DIR": str(folder),
        }
        self.app = create_app(read_settings(given))
        self.client = Client(self.app)

    def answers(self, path="/departments", **headers):
        """Who answers a request: WRITER or REPLICA."""
        answer = self.client.get(path, headers=headers)
        assert answer.status_code == 200
        found = [name for name in (WRITER, REPLICA) if name.encode() in answer.data]
        assert len(found) == 1
        return found[0]

    def close(self):
        from hiring_api.web.http.extensions import db

        with self.app.app_context():
            db.engine.dispose()
        self.app.extensions["readers"].dispose()


def until(true):
    """Waits for something that takes a while."""
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    if "mariadbd" not in str(installed()):
        pytest.skip("mariadbd is not installed")
    writer, replica = Server(["--log-bin=log", "--server-id=1"]), Server(["--server-id=2"])
    replica.password = writer.password
    with writer, replica:
        pair = Pair(writer, replica, tmp_path_factory.mktemp("api"))
        yield pair
        pair.close()


@pytest.fixture
def pair(servers):
    """Both servers, where the replica is read."""
    for server in (servers.writer, servers.replica):
        if server.process is None:
            server.start()
        server.process.send_signal(signal.SIGCONT)
    say(servers.replica, "START SLAVE")
    until(lambda: servers.answers() == REPLICA)
    yield servers
    for server in (servers.writer, servers.replica):
        if server.process is not None:
            server.process.send_signal(signal.SIGCONT)


def test_lists_metrics_and_downloads_of_backups_are_read_from_the_replica(pair):
    assert pair.answers("/departments?search=of") == REPLICA
    assert pair.answers(Accept="text/csv") == REPLICA
    assert pair.answers(Accept="application/x-ndjson") == REPLICA
    assert pair.answers("/backup/departments?codec=null") == REPLICA
    assert pair.answers("/backup/all?codec=null") == REPLICA
    say(pair.replica, "INSERT INTO departments VALUES (2, 'not on the writer')")
    try:
        for path, headers in (("", {}), ("", {"Accept": "text/csv"}), ("", {"Accept": "image/svg+xml"})):
            assert pair.client.get(f"/metrics/hired-by-quarter{path}", headers=headers).status_code == 200
        counted = pair.client.get("/metrics/above-mean").json["totals"]["departments"]
        latest = pair.client.get("/metrics/above-mean", headers=LATEST).json["totals"]["departments"]
        assert (counted, latest) == (2, 1)
    finally:
        say(pair.replica, "DELETE FROM departments WHERE id = 2")


def test_all_else_is_read_from_the_server_that_is_written(pair):
    assert pair.answers("/departments/1") == WRITER
    assert pair.client.get("/overview").json["database"]["writable"]
    changed = pair.client.patch("/departments/1", json={"department": WRITER})
    assert changed.json["department"] == WRITER
    name = pair.client.post("/backups?codec=null").headers["Location"]
    assert WRITER.encode() in pair.client.get(name).data
    assert pair.client.delete(name).status_code == 204


def test_a_client_that_asks_for_the_latest_is_answered_by_the_server_that_is_written(pair):
    for value in ("read=latest", "respond-async, READ=latest", 'read="latest"; x=y'):
        answer = pair.client.get("/departments", headers={"Prefer": value})
        assert (answer.json["items"][0]["department"], answer.headers["Preference-Applied"]) == (
            WRITER,
            "read=latest",
        )
    for value in ("read=later", "xread=latest", "read=latests", ""):
        answer = pair.client.get("/departments", headers={"Prefer": value})
        assert answer.json["items"][0]["department"] == REPLICA
        assert "Preference-Applied" not in answer.headers


def test_a_replica_that_is_behind_is_not_read_until_it_has_caught_up(pair, caplog):
    say(pair.replica, "STOP SLAVE SQL_THREAD")
    with caplog.at_level(logging.INFO):
        assert pair.client.post("/jobs", json={"job": "Clerk"}).status_code == 201
        written = time.monotonic()
        until(lambda: pair.answers() == WRITER)
        while time.monotonic() < written + 2 * STALENESS:
            if time.monotonic() > written + STALENESS:
                assert [row["job"] for row in pair.client.get("/jobs").json["items"]] == ["Clerk"]
        say(pair.replica, "START SLAVE SQL_THREAD")
        until(lambda: pair.answers() == REPLICA)
    assert [row["job"] for row in pair.client.get("/jobs").json["items"]] == ["Clerk"]
    told = [record.message for record in caplog.records if record.name.endswith("readers")]
    assert told == [
        f"{NOT_READ}: it is too far behind",
        "replicas are read again",
    ]


def test_a_replica_with_nothing_to_catch_up_with_is_read_although_it_does_not_replicate(pair):
    say(pair.replica, "STOP SLAVE")
    time.sleep(STALENESS + 1)
    assert pair.answers() == REPLICA


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_replica_that_is_away_costs_no_error_and_is_read_again(pair, how, caplog):
    getattr(pair.replica, how)()
    assert {pair.answers() for _ in range(50)} == {WRITER}
    pair.replica.start()
    until(lambda: pair.answers() == REPLICA)
    assert sum(record.message.startswith(NOT_READ) for record in caplog.records) == 1


def test_a_replica_that_hangs_is_left(pair):
    pair.replica.process.send_signal(signal.SIGSTOP)
    assert {pair.answers() for _ in range(50)} == {WRITER}
    pair.replica.process.send_signal(signal.SIGCONT)
    until(lambda: pair.answers() == REPLICA)


def test_a_writer_that_is_away_leaves_the_replica_for_as_long_as_it_is_surely_fresh(pair):
    pair.writer.kill()
    lost = time.monotonic()
    answers = []
    while time.monotonic() < lost + STALENESS + 2:
        answers.append((time.monotonic() - lost, pair.client.get("/departments").status_code))
        time.sleep(0.05)
    pair.writer.start()
    assert answers[0][1] == 200
    assert {status for after, status in answers if after > STALENESS} == {503}
    until(lambda: pair.client.get("/departments").status_code == 200)


def test_a_server_that_is_no_replica_is_not_read(pair, tmp_path):
    other = Server(["--log-bin=log", "--gtid-domain-id=7", "--server-id=9"])
    other.password = pair.writer.password
    with other:
        engine = open_engine(read_settings({"DATABASE_URL": other.url()}).database_url)
        schema.upgrade(engine)
        engine.dispose()
        given = {
            "DATABASE_URL": pair.writer.url(),
            "MYSQL_READ_HOST": f"127.0.0.1:{other.port},127.0.0.1:{pair.replica.port}",
            "API_USER": "tester",
            "API_PASS": "correct horse",
            "BACKUP_DIR": str(tmp_path),
        }
        app = create_app(read_settings(given))
        client = Client(app)
        until(lambda: client.get("/departments").json["items"][0]["department"] == REPLICA)
        for _ in range(20):
            assert client.get("/departments").json["items"][0]["department"] == REPLICA
        app.extensions["readers"].dispose()


def test_a_backup_of_a_replica_says_no_later_time_than_that_of_its_rows(pair):
    before = datetime.now(UTC).replace(microsecond=0)
    for headers, least, most in ((LATEST, 0, 30), ({}, STALENESS, STALENESS + 30)):
        archive = zipfile.ZipFile(io.BytesIO(pair.client.get("/backup/all", headers=headers).data))
        time_told = datetime.fromisoformat(json.loads(archive.read("manifest.json"))["time"])
        age = (datetime.now(UTC) - time_told).total_seconds()
        assert least <= age < most
    assert time_told < before
