"""Leases: one holder at a time, whatever thread or process; a dead one's ends, a lost one commits nothing."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from datetime import datetime

import pytest
from sqlalchemy import func, insert, make_url, select, text

from hiring_api.database import lease as leases_module
from hiring_api.database.bookkeeping import leases
from hiring_api.database.engine import open_engine
from hiring_api.database.lease import leased
from hiring_api.database.transactions import transaction
from hiring_api.errors import Busy, DatabaseUnavailable
from hiring_api.model.tables import Department
from tests.conftest import expire

departments = Department.__table__

# Holds a lease for so many seconds at a time until it is killed; says so on its standard output
RENEWED_EVERY = 1
HOLDER = f"""
import sys, time
from sqlalchemy import make_url
from hiring_api.database import lease
from hiring_api.database.engine import open_engine
lease.SECONDS, lease._RENEWED_EVERY = int(sys.argv[2]), {RENEWED_EVERY}
with lease.leased(open_engine(make_url(sys.argv[1])), "restore") as held:
    print(held is not None, flush=True)
    time.sleep(600)
"""


def stored(engine):
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(departments)).scalar_one()


def add_department(lease, name):
    """What a holder commits."""

    def work(connection):
        connection.execute(insert(departments), {"department": name})
        lease.confirm(connection)

    return work


def test_a_lease_is_held_by_one_at_a_time_and_free_afterwards(engine):
    with leased(engine, "restore") as first, leased(engine, "restore") as second:
        assert first is not None
        assert second is None
    with leased(engine, "restore") as again:
        assert again.fence == first.fence + 1


def test_leases_of_other_names_do_not_exclude_each_other(engine):
    with leased(engine, "restore") as first, leased(engine, "migration") as second:
        assert None not in (first, second)


def test_a_lease_is_free_when_its_work_fails(engine):
    with pytest.raises(KeyError), leased(engine, "restore"):
        raise KeyError
    with leased(engine, "restore") as held:
        assert held is not None


def test_leases_of_other_databases_do_not_exclude_each_other(engine, tmp_path):
    if engine.dialect.name == "sqlite":
        other = open_engine(engine.url.set(database=str(tmp_path / "other.db")))
    else:
        other = open_engine(engine.url.set(database="hiring_other"))
        with engine.connect() as connection:
            connection.execute(text("CREATE DATABASE IF NOT EXISTS hiring_other"))
    try:
        leases.create(other, checkfirst=True)
        with leased(engine, "restore") as first, leased(other, "restore") as second:
            assert None not in (first, second)
            with leased(engine, "restore") as again, leased(other, "restore") as also:
                assert (again, also) == (None, None)
    finally:
        other.dispose()
        if engine.dialect.name != "sqlite":
            with engine.connect() as connection:
                connection.execute(text("DROP DATABASE hiring_other"))


def test_of_many_at_once_one_gets_it(engine):
    start, end, got = threading.Barrier(8), threading.Barrier(8), []

    def take():
        start.wait()
        with leased(engine, "restore") as held:
            got.append(held)
            end.wait()

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(held is not None for held in got) == 1


def test_a_database_without_the_table_says_what_to_do(tmp_path):
    engine = open_engine(make_url(f"sqlite:///{tmp_path}/bare.db"))
    with pytest.raises(DatabaseUnavailable, match="hiring_api migrate"), leased(engine, "restore"):
        pass
    engine.dispose()


def test_the_holder_renews_it(engine, monkeypatch):
    monkeypatch.setattr(leases_module, "_RENEWED_EVERY", 0.05)

    def confirmed():
        with engine.connect() as connection:
            return connection.execute(select(leases.c.confirmed)).scalar_one()

    with leased(engine, "restore"):
        while confirmed() < 3:
            time.sleep(0.01)
        with leased(engine, "restore", wait=None) as second:  # it sees that the first one lives
            assert second is None


def test_who_waits_gets_it_when_it_is_given_back(engine):
    got = []

    def wait():
        with leased(engine, "restore", 60) as held:
            got.append(held)

    with leased(engine, "restore") as first:
        waiting = threading.Thread(target=wait)
        waiting.start()
        waiting.join(0.5)
        assert got == []
    waiting.join(60)
    assert [held.fence for held in got] == [first.fence + 1]


def test_a_lease_that_another_has_taken_commits_nothing(engine):
    """The first holder was frozen past its expiry; each of both confirms, before and after the other."""
    with leased(engine, "restore") as first:
        transaction(engine, add_department(first, "before"))
        expire(engine)
        with leased(engine, "restore") as second:
            assert second.fence == first.fence + 1
            with pytest.raises(Busy, match="another process has taken over"):
                transaction(engine, add_department(first, "too late"))
            transaction(engine, add_department(second, "its own"))
        with pytest.raises(Busy):
            transaction(engine, add_department(first, "much too late"))
    with leased(engine, "restore") as third:  # nor does the first one give back what is no more its own
        assert third.fence == second.fence + 1
    with engine.connect() as connection:
        assert connection.execute(select(departments.c.department)).scalars().all() == ["before", "its own"]


def test_an_expired_lease_that_nobody_took_is_as_good_as_before(engine):
    with leased(engine, "restore") as held:
        expire(engine)
        transaction(engine, add_department(held, "late"))
        with leased(engine, "restore") as second:
            assert second is None
    assert stored(engine) == 1


def test_a_lease_that_was_renewed_since_it_was_seen_expired_is_not_taken(engine):
    with leased(engine, "restore") as first:
        expire(engine)
        seen = leases_module._find(engine, "restore")
        assert not seen.held
        transaction(engine, first.confirm)
        assert leases_module._take(engine, "restore", seen) is None
        transaction(engine, add_department(first, "its own"))
    assert stored(engine) == 1


def test_a_take_over_and_a_commit_at_once_do_not_both_happen(engine):
    """The first has confirmed its lease, and not committed yet: the second can only wait."""
    confirmed, go_on = threading.Event(), threading.Event()
    with leased(engine, "restore") as first:

        def work(connection):
            add_department(first, "first")(connection)
            confirmed.set()
            go_on.wait(60)

        committing = threading.Thread(target=transaction, args=(engine, work))
        committing.start()
        confirmed.wait(60)
        got = []

        def take():
            with leased(engine, "restore", 1) as second:
                got.append(second)

        taking = threading.Thread(target=take)
        taking.start()
        taking.join(0.5)
        assert got == []
        go_on.set()
        committing.join(60)
        taking.join(60)
    assert got == [None]
    assert stored(engine) == 1


def test_the_holders_own_long_transaction_keeps_others_out_though_it_cannot_renew(engine):
    if engine.dialect.name == "sqlite":
        pytest.skip("it has one writer at a time, for whom the others wait")
    expired = []

    def work(connection):
        first.confirm(connection)
        with leased(engine, "restore") as second:
            expired.append(second)

    with leased(engine, "restore") as first:
        expire(engine)
        transaction(engine, work)
    assert expired == [None]


def test_a_transaction_that_sees_one_state_can_confirm_a_lease_that_is_renewed_meanwhile(engine, monkeypatch):
    """As a restore does. Newer servers refuse to change a row that others have changed since."""
    monkeypatch.setattr(leases_module, "_RENEWED_EVERY", RENEWED_EVERY)
    if engine.dialect.name == "sqlite":
        pytest.skip("it has one writer at a time, for whom the others wait")
    with engine.connect() as connection:
        name = "innodb_snapshot_isolation"
        if connection.exec_driver_sql(f"SHOW VARIABLES LIKE '{name}'").first() is None:
            pytest.skip(f"the server has no {name}")
        connection.commit()
        with leased(engine, "restore") as lease:
            connection.exec_driver_sql(f"SET SESSION {name} = ON")
            connection.commit()
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            connection.exec_driver_sql("SELECT count(*) FROM departments FOR UPDATE")
            lease.confirm(connection)
            connection.execute(select(func.count()).select_from(departments))
            time.sleep(1.5 * RENEWED_EVERY)
            connection.commit()
            connection.exec_driver_sql(f"SET SESSION {name} = DEFAULT")
            with leased(engine, "restore") as second:
                assert second is None


@contextmanager
def holding(engine, seconds=leases_module.SECONDS):
    """A process that holds the lease, for so many seconds at a time."""
    url = engine.url.render_as_string(hide_password=False)
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, url, str(seconds)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ},
    ) as process:
        assert process.stdout.readline() == "True\n"
        yield process
        process.kill()


@pytest.fixture
def holder(engine):
    """A process that holds the lease."""
    with holding(engine) as process:
        yield process


def test_the_lease_of_a_killed_process_ends_in_time(engine):
    with holding(engine, seconds=5) as holder:
        holder.kill()
        holder.wait()
        with leased(engine, "restore") as second:
            assert second is None
        with leased(engine, "restore", wait=None) as second:
            assert second is not None


def test_a_process_that_lives_is_found_to(engine, holder):
    with leased(engine, "restore", wait=None) as second:
        assert second is None


def test_a_frozen_process_loses_it_and_does_not_disturb_the_next_one(engine, holder):
    holder.send_signal(signal.SIGSTOP)
    expire(engine)
    with leased(engine, "restore") as second:
        assert second is not None
        holder.send_signal(signal.SIGCONT)
        time.sleep(1.5 * RENEWED_EVERY)
        transaction(engine, add_department(second, "mine"))
        with engine.connect() as connection:
            owner, until = connection.execute(select(leases.c.owner, leases.c.expires_at)).one()
    assert f" {os.getpid()}-" in owner
    assert isinstance(until, datetime)
