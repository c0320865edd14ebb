"""Servers of a cluster: one that cannot write, one of several that do, and what is too much for them."""

from __future__ import annotations

import pymysql
import pytest
from sqlalchemy import event, func, insert, select

from hiring_api.csv_input.files import Choices, inspect, on_disk
from hiring_api.database import schema
from hiring_api.database.dialects.mysql import error_numbers
from hiring_api.database.engine import open_engine
from hiring_api.database.transactions import transaction
from hiring_api.errors import TransactionTooLarge
from hiring_api.loading.loader import load
from hiring_api.loading.task import Task
from hiring_api.model.tables import Department, Employee, Job, tables
from hiring_api.rejects.record import Origin
from hiring_api.settings import read_settings
from hiring_api.web.app import create_app
from tests.cluster.galera import LIBRARY, missing
from tests.conftest import Client
from tests.server import Server, installed

READ_ONLY = "the database server can only be read: it is a replica, or another one is taking over; try again"
TOO_LARGE = (
    "this is more than the database cluster takes in one transaction; nothing was kept. Send fewer rows, or "
    "have the limit raised (group_replication_transaction_size_limit on MySQL, wsrep_max_ws_size on Galera)"
)
departments, employees = Department.__table__, Employee.__table__


class Node:
    """A server of the test's own, and an API on it whose account has no rights on the server as a whole."""

    def __init__(self, server):
        self.server = server
        self.say("CREATE USER 'api'@'127.0.0.1' IDENTIFIED BY 'word'")
        self.say("GRANT ALL ON hiring.* TO 'api'@'127.0.0.1'")
        url = f"mysql://api:word@127.0.0.1:{server.port}/hiring"
        folders = {name: str(server.folder / name) for name in ("BACKUP_DIR", "REJECTS_DIR")}
        given = {"DATABASE_URL": url, "API_USER": "tester", "API_PASS": "correct horse", **folders}
        settings = read_settings(given)
        self.engine = open_engine(settings.database_url)
        schema.upgrade(self.engine)
        self.app = create_app(settings)
        self.client = Client(self.app)

    def say(self, statement):
        """Says a statement as the administrator."""
        account = {"user": "tester", "password": self.server.password, "autocommit": True}
        with pymysql.connect(host="127.0.0.1", port=self.server.port, **account) as connection:
            connection.cursor().execute(statement)

    def stored(self, table=departments):
        with self.engine.connect() as connection:
            return connection.execute(select(func.count()).select_from(table)).scalar_one()

    def close(self):
        from hiring_api.web.http.extensions import db

        with self.app.app_context():
            db.engine.dispose()
        self.engine.dispose()


@pytest.fixture(scope="module")
def alone():
    """A server that may become read-only."""
    if installed() is None:
        pytest.skip("no server is installed")
    with Server() as server:
        node = Node(server)
        yield node
        node.close()


@pytest.fixture(scope="module")
def galera():
    """A node of Galera, the only one of its cluster."""
    if (why := missing()) is not None:
        pytest.skip(why)
    options = [f"--wsrep-provider={LIBRARY}", "--wsrep-cluster-address=gcomm://", "--wsrep-on=ON"]
    # Ports of their own: other clusters may run on this machine
    options += ["--wsrep-provider-options=base_port=0;gmcast.listen_addr=tcp://127.0.0.1:0"]
    options += ["--binlog-format=ROW", "--innodb-autoinc-lock-mode=2"]
    with Server(options=options) as server:
        node = Node(server)
        yield node
        node.close()


def test_a_server_that_became_a_replica_is_left_and_not_ready(alone, monkeypatch):
    from hiring_api.web.http.extensions import db

    monkeypatch.setattr(error_numbers, "_READ_ONLY_SECONDS", 0.5)
    assert alone.client.post("/departments", json={"department": "before"}).status_code == 201
    connected = []
    with alone.app.app_context():
        event.listen(db.engine, "connect", lambda *_: connected.append(1))
        assert db.engine.pool.checkedin() > 0
    alone.say("SET GLOBAL read_only = 1")
    try:
        answers = [
            alone.client.post("/departments", json={"department": "meanwhile"}),
            alone.client.post("/upload/departments", data="7,x\n", content_type="text/csv"),
            alone.client.get("/health/ready", auth=None),
        ]
        for answer in answers:
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
            assert answer.json["detail"] == READ_ONLY
        assert connected  # never again on one of the pool
        assert alone.client.get("/departments").status_code == 200
    finally:
        alone.say("SET GLOBAL read_only = 0")
    assert alone.client.get("/health/ready", auth=None).status_code == 200
    assert alone.client.post("/departments", json={"department": "after"}).status_code == 201
    assert alone.stored() == 2


def test_a_server_that_can_be_written_again_soon_costs_no_error(alone):
    """As behind a name or a proxy that leads to the server that has taken over."""
    before, runs = alone.stored(), []
    alone.say("SET GLOBAL read_only = 1")

    def work(connection):
        runs.append(connection.connection.driver_connection.thread_id())
        if len(runs) == 3:
            alone.say("SET GLOBAL read_only = 0")
        connection.execute(insert(departments), {"department": "in the end"})

    try:
        transaction(alone.engine, work)
    finally:
        alone.say("SET GLOBAL read_only = 0")
    assert len(runs) == len(set(runs)) == 3  # each on a connection of its own
    assert alone.stored() == before + 1


@pytest.fixture
def sent(galera):
    """What a load on Galera says to the server."""
    statements = []

    def note(_connection, _cursor, statement, *_):
        statements.append(statement)

    event.listen(galera.engine, "before_cursor_execute", note)
    yield statements
    event.remove(galera.engine, "before_cursor_execute", note)


@pytest.mark.parametrize(("single", "checks"), [(True, True), (False, False)])
def test_references_are_checked_by_the_server_unless_it_is_the_only_writer(request, tmp_path, single, checks):
    node = request.getfixturevalue("alone" if single else "galera")
    statements = [] if single else request.getfixturevalue("sent")
    if single:
        event.listen(node.engine, "before_cursor_execute", lambda *given: statements.append(given[2]))

    def parents(connection):
        connection.execute(insert(departments), {"id": 900, "department": "Sales"})
        connection.execute(insert(Job.__table__), {"id": 900, "job": "Clerk"})

    transaction(node.engine, parents)
    path = tmp_path / "employees.csv"
    path.write_text("".join(f"{key},Ana,2021-07-27T12:00:00Z,900,900\n" for key in range(1, 101)))
    file = inspect(on_disk(path, "employees.csv"), employees, Choices())
    loaded = load(node.engine, Task(employees, file, Origin("employees.csv", "run")))
    assert loaded.counts.inserted == node.stored(employees) == 100
    assert ("SET foreign_key_checks = 0" in statements) == checks


def test_more_than_a_cluster_takes_at_once_is_said_with_the_limit(galera):
    before = galera.stored()
    galera.say("SET GLOBAL wsrep_max_ws_size = 20000")
    try:
        rows = [{"department": f"{number} " + "x" * 240} for number in range(500)]
        for answer in (
            galera.client.post("/departments", json=rows),
            galera.client.post("/batch", json={"departments": rows}),
        ):
            assert (answer.status_code, answer.json["detail"]) == (413, TOO_LARGE)
        assert galera.client.post("/departments", json=rows[:5]).status_code == 201
    finally:
        galera.say("SET GLOBAL wsrep_max_ws_size = 2147483647")
    assert galera.stored() == before + 5


def test_a_node_that_takes_no_queries_is_not_ready(galera, monkeypatch):
    monkeypatch.setattr(error_numbers, "_READ_ONLY_SECONDS", 0.5)
    galera.say("SET GLOBAL wsrep_reject_queries = ALL")
    try:
        for answer in (
            galera.client.get("/health/ready", auth=None),
            galera.client.post("/departments", json={"department": "x"}),
        ):
            assert (answer.status_code, answer.json["detail"]) == (503, READ_ONLY)
    finally:
        galera.say("SET GLOBAL wsrep_reject_queries = NONE")
    assert galera.client.get("/health/ready", auth=None).status_code == 200


def numbered(number, told):
    return pymysql.err.OperationalError(number, told)


@pytest.mark.parametrize(
    ("error", "status", "detail"),
    [
        (numbered(3100, "Error on observer while running replication hook 'before_commit'."), 413, TOO_LARGE),
        (numbered(1180, 'Got error 90 "Message too long" during COMMIT'), 413, TOO_LARGE),
        (numbered(1836, "Running in read-only mode"), 503, READ_ONLY),
        (numbered(1792, "Cannot execute statement in a READ ONLY transaction."), 503, READ_ONLY),
    ],
)
def test_what_other_servers_say_means_the_same(client, engine, app, monkeypatch, error, status, detail):
    """MySQL's words, which the servers of these tests do not say, at the commit."""
    from hiring_api.web.http.extensions import db

    monkeypatch.setattr(error_numbers, "_READ_ONLY_SECONDS", 0.1)
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite says other things")

    def refuse(_connection):
        raise error

    with app.app_context():
        monkeypatch.setattr(db.engine.dialect, "do_commit", refuse)
    answer = client.post("/departments", json={"department": "x"})
    assert (answer.status_code, answer.json["detail"]) == (status, detail)
    monkeypatch.undo()
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(departments)).scalar_one() == 0


@pytest.fixture
def one_mb(galera):
    """A cluster that takes a megabyte in one transaction."""
    galera.say("SET GLOBAL wsrep_max_ws_size = 1000000")
    yield galera
    galera.say("SET GLOBAL wsrep_max_ws_size = 2147483647")


def many(first, rows):
    return "".join(f"{key},{'x' * 100}\n" for key in range(first, first + rows))


def test_an_upload_that_is_surely_too_large_is_refused_before_it_is_sent(one_mb):
    before = one_mb.stored()
    answer = one_mb.client.post("/upload/departments", data=many(10_000, 20_000), content_type="text/csv")
    assert answer.status_code == 413
    assert answer.json["detail"] == (
        "this would be about 2 MB in one transaction, and the database cluster takes 1 MB; nothing was kept. "
        "Send it in parts, or have wsrep_max_ws_size raised on all of its servers"
    )
    assert one_mb.stored() == before


def test_an_upload_of_what_is_stored_already_is_small(one_mb):
    rows, before = many(10_000, 20_000), one_mb.stored()
    for first in range(10_000, 30_000, 5_000):
        part = many(first, 5_000)
        answer = one_mb.client.post("/upload/departments", data=part, content_type="text/csv")
        assert (answer.status_code, answer.json["inserted"]) == (201, 5_000)
    answer = one_mb.client.post("/upload/departments", data=rows, content_type="text/csv")
    assert (answer.status_code, answer.json["unchanged"]) == (201, 20_000)
    assert one_mb.stored() == before + 20_000


def test_more_rows_than_a_cluster_takes_are_refused_with_the_setting(galera):
    galera.say("SET GLOBAL wsrep_max_ws_rows = 12000")
    try:
        answer = galera.client.post("/upload/departments", data=many(50_000, 20_000), content_type="text/csv")
    finally:
        galera.say("SET GLOBAL wsrep_max_ws_rows = 0")
    assert answer.status_code == 413
    assert "0 rows in one transaction, and the database cluster takes 12,000 rows;" in answer.json["detail"]
    assert "have wsrep_max_ws_rows raised" in answer.json["detail"]


def test_more_rows_than_a_cluster_takes_are_refused_while_they_are_sent(galera):
    """The first part is too large already; and the server has thrown away the savepoint that it was in."""
    before = galera.stored()
    galera.say("SET GLOBAL wsrep_max_ws_rows = 1000")
    try:
        answer = galera.client.post("/upload/departments", data=many(80_000, 2_000), content_type="text/csv")
    finally:
        galera.say("SET GLOBAL wsrep_max_ws_rows = 0")
    assert (answer.status_code, answer.json["detail"]) == (413, TOO_LARGE)
    assert galera.stored() == before


def test_a_restore_that_is_surely_too_large_is_refused_before_it_is_sent(galera):
    def forget(connection):
        for table in reversed(tables()):
            connection.execute(table.delete())

    transaction(galera.engine, forget)
    for first in range(0, 20_000, 5_000):
        galera.client.post("/upload/departments", data=many(first + 1, 5_000), content_type="text/csv")
    saved = galera.client.get("/backup/departments").data
    transaction(galera.engine, forget)
    galera.say("SET GLOBAL wsrep_max_ws_size = 1000000")
    try:
        answer = galera.client.post(
            "/restore/departments", data=saved, content_type="application/octet-stream"
        )
    finally:
        galera.say("SET GLOBAL wsrep_max_ws_size = 2147483647")
    assert answer.status_code == 413
    assert answer.json["detail"].startswith("this would be about 2 MB in one transaction, and the database")
    assert galera.stored() == 0


def test_a_load_goes_on_in_smaller_parts_where_a_cluster_refuses_one(galera, tmp_path, caplog):
    before = galera.stored()
    path = tmp_path / "departments.csv"
    path.write_text(many(100_000, 12_000))
    file = inspect(on_disk(path, "departments.csv"), departments, Choices())
    galera.say("SET GLOBAL wsrep_max_ws_size = 100000")
    try:
        with caplog.at_level("INFO"):
            loaded = load(galera.engine, Task(departments, file, Origin("departments.csv", "run")))
    finally:
        galera.say("SET GLOBAL wsrep_max_ws_size = 2147483647")
    assert loaded.counts.inserted == 12_000
    assert galera.stored() == before + 12_000
    assert "going on with smaller parts of the file" in caplog.text


def test_a_load_whose_rows_are_too_large_one_by_one_says_so_and_keeps_what_was_committed(galera, tmp_path):
    before = galera.stored()
    path = tmp_path / "departments.csv"
    path.write_text(many(200_000, 2_000))
    file = inspect(on_disk(path, "departments.csv"), departments, Choices())
    galera.say("SET GLOBAL wsrep_max_ws_size = 1024")
    try:
        with pytest.raises(TransactionTooLarge):
            load(galera.engine, Task(departments, file, Origin("departments.csv", "run")))
    finally:
        galera.say("SET GLOBAL wsrep_max_ws_size = 2147483647")
    assert galera.stored() - before < 2_000
