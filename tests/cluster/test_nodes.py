"""Two nodes of Galera that know nothing of each other's locks: leases, keys and references hold over both."""

from __future__ import annotations

import threading
import time
from collections import Counter

import pytest
from sqlalchemy import func, insert, select

from hiring_api.batches import idempotency
from hiring_api.database import schema
from hiring_api.database.engine import open_engine
from hiring_api.database.lease import leased
from hiring_api.database.transactions import transaction
from hiring_api.errors import Busy
from hiring_api.model.tables import Department
from hiring_api.settings import read_settings
from tests.cluster.galera import Galera, missing
from tests.conftest import expire

departments = Department.__table__
ROUNDS = 10


@pytest.fixture(scope="module")
def nodes():
    """Engines of two nodes."""
    if (why := missing()) is not None:
        pytest.skip(why)
    with Galera() as cluster:
        engines = [
            open_engine(read_settings({"DATABASE_URL": url}).database_url) for url in cluster.urls()[:2]
        ]
        failed = at_once(*(lambda engine=engine: schema.upgrade(engine) for engine in engines))
        assert failed == [None, None]
        yield engines
        for engine in engines:
            engine.dispose()


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
