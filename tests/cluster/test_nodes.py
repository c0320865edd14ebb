"""Two nodes of Galera that know nothing of each other's locks: leases, keys, references and changes hold."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter

import pytest
from sqlalchemy import func, insert, select, text

from hiring_api.batches import idempotency
from hiring_api.database import schema
from hiring_api.database.engine import open_engine
from hiring_api.database.lease import leased
from hiring_api.database.transactions import require_writable, transaction
from hiring_api.errors import Busy, DatabaseUnavailable
from hiring_api.model.tables import Department, Employee
from hiring_api.settings import read_settings
from hiring_api.web.app import create_app
from tests.cluster.faults import together
from tests.cluster.galera import Galera, missing
from tests.conftest import Client, expire

departments, employees = Department.__table__, Employee.__table__
ROUNDS = 10


@pytest.fixture(scope="module")
def cluster():
    if (why := missing()) is not None:
        pytest.skip(why)
    with Galera() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def urls(cluster):
    """Addresses of two nodes."""
    return cluster.urls()[:2]


@pytest.fixture(scope="module")
def nodes(urls):
    """Engines of the nodes."""
    engines = [open_engine(read_settings({"DATABASE_URL": url}).database_url) for url in urls]
    failed = at_once(*(lambda engine=engine: schema.upgrade(engine) for engine in engines))
    assert failed == [None, None]
    yield engines
    for engine in engines:
        engine.dispose()


@pytest.fixture(scope="module")
def clients(nodes, urls, tmp_path_factory):
    """Clients of two replicas of the API, each on a node of its own."""
    from hiring_api.web.http.extensions import db

    folder = str(tmp_path_factory.mktemp("api"))
    account = {"API_USER": "tester", "API_PASS": "correct horse", "BACKUP_DIR": folder}
    apps = [create_app(read_settings({"DATABASE_URL": url, **account})) for url in urls]
    yield [Client(app) for app in apps]
    for app in apps:
        with app.app_context():
            db.engine.dispose()


def until(true):
    """Waits for what one node has written to be on the other one."""
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def at_once(*calls):
    """What calls return or raise that begin at the same time, each in a thread."""
    start, found = threading.Barrier(len(calls)), [None] * len(calls)

    def run(index):
        start.wait()
        try:
            found[index] = calls[index]()
        except Exception as error:  # noqa: BLE001  # to be looked at by the test
            found[index] = error

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def stored(engine, name):
    with engine.connect() as connection:
        named = select(func.count()).where(departments.c.department == name)
        return connection.execute(named).scalar_one()


@pytest.mark.timeout(300)
def test_of_two_nodes_at_once_one_gets_a_lease(nodes):
    for _ in range(ROUNDS):
        taken = threading.Barrier(2)

        def take(engine, taken=taken):
            with leased(engine, "restore") as held:
                taken.wait()
                return held

        found = at_once(*(lambda engine=engine: take(engine) for engine in nodes))
        assert sum(held is not None for held in found) == 1
        time.sleep(0.05)  # until the other node has heard that it was given back


@pytest.mark.timeout(300)
def test_a_commit_and_a_take_over_at_once_on_two_nodes_do_not_both_happen(nodes):
    for number in range(ROUNDS):
        name = f"round {number}"
        with leased(nodes[0], f"race {number}") as first:
            expire(nodes[0])
            time.sleep(0.05)

            def commit(first=first, name=name):
                def work(connection):
                    connection.execute(insert(departments), {"department": name})
                    first.confirm(connection)
                    time.sleep(0.02)

                transaction(nodes[0], work)

            def take(number=number):
                time.sleep(0.005 * (number % 4))
                with leased(nodes[1], f"race {number}") as second:
                    return second

            committed, second = at_once(commit, take)
        assert committed is None or isinstance(committed, Busy)
        assert (committed is None) == (second is None)
        time.sleep(0.05)
        assert stored(nodes[1], name) == (committed is None)


@pytest.mark.timeout(300)
def test_the_same_key_on_two_nodes_at_once_is_claimed_by_one(nodes):
    told = Counter()
    for number in range(ROUNDS):
        scope = name = f"key {number}"

        def work(connection, scope=scope, name=name):
            idempotency.claim(connection, scope, "what is asked for", 24)
            connection.execute(insert(departments), {"department": name})
            idempotency.keep(connection, scope, 201, "{}")

        found = at_once(*(lambda engine=engine, work=work: transaction(engine, work) for engine in nodes))
        told.update(type(one).__name__ for one in found)
        assert found.count(None) == 1
        time.sleep(0.05)
        assert [stored(engine, name) for engine in nodes] == [1, 1]
    assert set(told) <= {"NoneType", "AlreadyAnswered", "IntegrityError", "Busy"}


@pytest.mark.timeout(300)
def test_of_two_who_change_the_same_row_on_two_nodes_each_change_is_made_once(clients):
    """Each counts one up from what it has seen."""
    path = clients[0].post("/departments", json={"department": "0"}).json["results"][0]["id"]
    path = f"/departments/{path}"
    until(lambda: clients[1].get(path).status_code == 200)
    told = Counter()

    def count_up(client):
        for _ in range(3 * ROUNDS):
            seen = client.get(path)
            number = int(seen.json["department"])
            changes = json.dumps({"department": str(number + 1)})
            answer = client.patch(
                path,
                data=changes,
                content_type="application/merge-patch+json",
                headers={"If-Match": seen.headers["ETag"]},
            )
            told[answer.status_code] += 1

    assert at_once(*(lambda client=client: count_up(client) for client in clients * 2)) == [None] * 4
    assert set(told) <= {200, 412}
    for client in clients:
        until(lambda client=client: client.get(path).json["department"] == str(told[200]))


@pytest.mark.timeout(300)
def test_nothing_refers_to_a_parent_that_was_deleted_on_another_node(clients, nodes):
    first, second = clients
    first.post("/jobs", json={"id": 1, "job": "Clerk"})
    child = {"name": "Ana", "datetime": "2021-07-27T16:02:08Z", "job_id": 1}
    first.post("/departments", json={"id": 999, "department": "stays"})
    first.post("/employees", json={**child, "id": 999, "department_id": 999})
    told = Counter()
    for key in range(1000, 1000 + 3 * ROUNDS):
        first.post("/departments", json={"id": key, "department": "goes"})
        until(lambda key=key: second.get(f"/departments/{key}").status_code == 200)

        def bring(key=key):
            if key % 3 == 0:
                return second.post("/employees", json=[{**child, "department_id": key}] * 5)
            if key % 3 == 1:
                line = f"{key},Ana,2021-07-27T16:02:08Z,{key},1\n"
                return second.post("/upload/employees", data=line, content_type="text/csv")
            return second.patch(
                "/employees/999",
                data=json.dumps({"department_id": key}),
                content_type="application/merge-patch+json",
            )

        def delete(key=key):
            time.sleep(0.003 * (key % 7))
            return first.delete(f"/departments/{key}")

        brought, deleted = at_once(bring, delete)
        told[brought.status_code, deleted.status_code] += 1
    # Either there is the parent with its children, or neither
    assert set(told) <= {(201, 409), (200, 409), (422, 204)}
    for engine in nodes:
        with engine.connect() as connection:
            orphans = select(func.count()).where(
                employees.c.department_id.not_in(select(departments.c.id)),
            )
            assert connection.execute(orphans).scalar_one() == 0


@pytest.mark.timeout(300)
def test_a_node_that_is_cut_off_from_the_others_is_left(cluster, nodes):
    engine = open_engine(read_settings({"DATABASE_URL": together(cluster.urls())}).database_url)

    def port():
        try:
            require_writable(engine)
        except DatabaseUnavailable:
            return 0
        with engine.connect() as connection:
            return connection.execute(text("SELECT @@port")).scalar_one()

    first, second, _ = cluster.nodes
    assert port() == first.port
    cluster.fault("cut", 1)
    try:
        until(lambda: port() == second.port)
        row = {"department": "after the cut"}
        transaction(engine, lambda connection: connection.execute(insert(departments), row))
        with pytest.raises(DatabaseUnavailable):
            require_writable(nodes[0])
    finally:
        cluster.fault("mend", 1)
        engine.dispose()
    until(lambda: first.state() == "Synced" and stored(nodes[0], "after the cut") == 1)
