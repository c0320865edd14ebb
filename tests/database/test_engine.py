"""Transactions: retried whole, undone when stopped, and errors that say what they mean."""

from ssl import CERT_REQUIRED, SSLContext, create_default_context

import pymysql
import pytest
from sqlalchemy import func, insert, make_url, select
from sqlalchemy.exc import OperationalError

from hiring_api.database import schema
from hiring_api.database.dialects.mysql.sessions import QuickConnection
from hiring_api.database.engine import open_engine
from hiring_api.database.transactions import snapshot, transaction
from hiring_api.errors import DatabaseUnavailable
from hiring_api.model.tables import Department

TABLE = Department.__table__


def count(engine):
    with snapshot(engine) as connection:
        return connection.execute(select(func.count()).select_from(TABLE)).scalar_one()


def test_what_is_stopped_in_the_middle_is_stopped_and_leaves_nothing(engine):
    def work(connection):
        connection.execute(insert(TABLE), [{"department": "Sales"}])
        if connection.dialect.name != "sqlite":
            # As after a signal in the middle of a packet: the ROLLBACK finds no connection
            connection.connection.driver_connection._force_close()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        transaction(engine, work)
    assert count(engine) == 0


def test_a_deadlock_runs_the_whole_of_it_again(engine):
    runs = []

    def work(connection):
        connection.execute(insert(TABLE), [{"department": "Sales"}])
        runs.append(1)
        if len(runs) < 3:
            raise OperationalError("", None, _Deadlock(1213, "deadlock"))
        return "done"

    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    assert transaction(engine, work) == "done"
    assert (len(runs), count(engine)) == (3, 1)


class _Deadlock(Exception):
    """What the driver raises."""


def test_a_connection_that_is_lost_each_time_is_unavailable(engine):
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite has no connection to lose")
    runs = []

    def work(connection):
        runs.append(1)
        connection.execute(insert(TABLE), [{"department": "Sales"}])
        connection.connection.driver_connection._force_close()
        connection.execute(insert(TABLE), [{"department": "Legal"}])

    with pytest.raises(DatabaseUnavailable):
        transaction(engine, work)
    assert (len(runs) > 1, count(engine)) == (True, 0)


def test_connecting_reads_no_certificates_that_nobody_asked_for(engine, monkeypatch):
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite has no connection to encrypt")
    monkeypatch.delattr(SSLContext, "load_default_certs")
    other = open_engine(engine.url)
    with other.connect():
        pass
    other.dispose()


def test_who_asks_for_a_checked_server_gets_one():
    asked = QuickConnection(ssl_verify_cert=True, defer_connect=True)
    assert asked.ctx.verify_mode == CERT_REQUIRED
    assert asked.ctx.cert_store_stats() == create_default_context().cert_store_stats()


def test_a_connection_that_an_interruption_cut_short_is_replaced_without_a_word(engine, caplog, monkeypatch):
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite has no conversation that could be cut short")

    def cut_short(connection):
        connection._force_close()
        raise KeyboardInterrupt

    def work():
        with engine.connect() as connection, monkeypatch.context() as patch:
            patch.setattr(pymysql.Connection, "_read_ok_packet", cut_short)
            connection.execution_options(isolation_level="AUTOCOMMIT")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert caplog.messages == []
    with engine.connect() as connection:
        assert connection.execute(select(1)).scalar() == 1


def test_an_interruption_while_a_connection_is_given_back_is_told_by_itself(engine, caplog, monkeypatch):
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite has no conversation that could be cut short")

    def interrupted(connection):
        raise KeyboardInterrupt

    def work():
        with engine.connect() as connection:
            connection.execute(select(1))
            monkeypatch.setattr(pymysql.Connection, "rollback", interrupted)

    with pytest.raises(KeyboardInterrupt):
        work()
    assert caplog.messages == []


def test_the_file_of_a_new_database_is_for_its_owner_alone(tmp_path):
    path = tmp_path / "hiring.db"
    engine = open_engine(make_url(f"sqlite:///{path}"))
    schema.upgrade(engine)
    with engine.connect() as connection:
        connection.exec_driver_sql("INSERT INTO jobs VALUES (1, 'Clerk')")
        assert {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {
            "hiring.db": 0o600,
            "hiring.db-shm": 0o600,
            "hiring.db-wal": 0o600,
        }
    engine.dispose()
    path.chmod(0o640)  # whoever has chosen otherwise is left alone
    with engine.connect() as connection:
        connection.exec_driver_sql("INSERT INTO jobs VALUES (2, 'Cook')")
    engine.dispose()
    assert path.stat().st_mode & 0o777 == 0o640
