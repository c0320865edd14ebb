"""The databases and the client that the tests share. Each test starts with empty tables."""

from __future__ import annotations

import os
import signal
from datetime import datetime
from pathlib import Path

import hypothesis
import pytest
from flask import Flask
from sqlalchemy import MetaData, inspect, update

from hiring_api.database import schema
from hiring_api.database.bookkeeping import identity, leases
from hiring_api.database.engine import open_engine
from hiring_api.database.transactions import snapshot, transaction
from hiring_api.model.tables import Base
from hiring_api.rejects.listing import Chosen, rejects_page
from hiring_api.settings import read_settings
from hiring_api.web.app import create_app
from hiring_api.web.http import prometheus
from hiring_api.web.http.callers import Callers
from hiring_api.web.http.extensions import db
from hiring_api.web.http.wrong_passwords import WrongPasswords
from tests.documented import CheckedClient

# A job in the background of a shell, or under nohup, ignores Ctrl-C; so would the programs that tests stop
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """pytest-xdist cannot send what a test logged from one process to the other if UTF-8 cannot hold it."""
    report = yield
    report.sections = [
        (name, text.encode(errors="backslashreplace").decode()) for name, text in report.sections
    ]
    return report


# The time that an example takes says nothing on a machine that does other things as well
hypothesis.settings.register_profile("busy machine", deadline=None)
hypothesis.settings.load_profile("busy machine")
BACKENDS = ("sqlite", "server")
Flask.test_client_class = CheckedClient


@pytest.fixture(scope="session", params=BACKENDS)
def database_url(request, tmp_path_factory):
    """The address of a migrated database: SQLite, then the MySQL-family server of TEST_DATABASE_URL."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('database')}/hiring.db"
    elif (url := os.environ.get("TEST_DATABASE_URL")) is None:
        pytest.skip("TEST_DATABASE_URL names no MySQL-family server: run `make test`, which provides one")
    parsed = _of_this_worker(read_settings({"DATABASE_URL": url}).database_url)
    engine = open_engine(parsed)
    _drop_everything(engine)
    schema.upgrade(engine)
    engine.dispose()
    return parsed


def _of_this_worker(url):
    """The address of a database that no other process of pytest-xdist uses."""
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is None or url.get_backend_name() == "sqlite":
        return url
    own = url.set(database=f"{url.database}_{worker}")
    server = open_engine(url)
    with server.begin() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE IF NOT EXISTS `{own.database}` CHARACTER SET utf8mb4")
    server.dispose()
    return own


def _drop_everything(engine):
    """What an earlier run, perhaps of an older schema, left on the server."""
    present = MetaData()
    with engine.begin() as connection:
        for view in inspect(connection).get_view_names():
            connection.exec_driver_sql(f"DROP VIEW {view}")
        present.reflect(connection)
        present.drop_all(connection)


@pytest.fixture
def engine(database_url):
    """An engine on a migrated database with empty tables."""
    engine = open_engine(database_url)
    empty(engine)
    yield engine
    engine.dispose()


def empty(engine):
    """Deletes all rows, children first, and starts ids from 1 again where the database does so cheaply."""

    def work(connection):
        for table in reversed(Base.metadata.sorted_tables):
            if table is not identity:  # its one row is as old as the database
                connection.execute(table.delete())
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("DELETE FROM sqlite_sequence")

    transaction(engine, work)
    if engine.dialect.name != "sqlite":
        with engine.connect() as connection:
            # Only tables that gave ids: each ALTER TABLE costs a server's disk some tenths of a second
            connection.exec_driver_sql(_NO_OLD_FIGURES)
            for name in connection.exec_driver_sql(_GAVE_IDS).scalars().all():
                connection.exec_driver_sql(f"ALTER TABLE {name} AUTO_INCREMENT = 1")


def expire(engine):
    """As if so much time had gone by that the leases of processes which are dead or frozen have expired."""
    held = leases.c.expires_at.is_not(None)
    with engine.begin() as connection:
        connection.execute(update(leases).where(held).values(expires_at=datetime(2000, 1, 1)))


def on_record(engine):
    """What was refused, as `GET /rejects` shows it, oldest first."""
    with snapshot(engine) as connection:
        return rejects_page(connection, Chosen())[::-1]


# MySQL keeps them for a day unless told otherwise; MariaDB does not know the variable and skips the comment
_NO_OLD_FIGURES = "SET SESSION sql_mode = @@sql_mode /*!80000 , information_schema_stats_expiry = 0 */"
_GAVE_IDS = (
    "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND auto_increment > 1"
)


@pytest.fixture
def settings(database_url, tmp_path):
    """The settings of an application on the test database, with folders of its own."""
    return read_settings(
        {
            "DATABASE_URL": database_url.render_as_string(hide_password=False),
            "API_USER": "tester",
            "API_PASS": "correct horse",
            "BACKUP_DIR": str(tmp_path / "backups"),
            "REJECTS_DIR": str(tmp_path / "rejects"),
        }
    )


@pytest.fixture(scope="session")
def made_app(database_url):
    """An application on the test database. To put one together takes longer than most tests."""
    credentials = {"API_USER": "tester", "API_PASS": "correct horse"}
    url = database_url.render_as_string(hide_password=False)
    return create_app(read_settings({"DATABASE_URL": url, **credentials}))


@pytest.fixture
def app(engine, settings, made_app):
    """The application on the test database, as if it was just started: it knows nothing of earlier tests."""
    own = open_engine(settings.database_url)
    prometheus.count_connections(own)
    db._app_engines[made_app] = {None: own}
    made_app.config["SETTINGS"] = settings
    made = dict(made_app.extensions)
    made_app.extensions["callers"] = Callers(*settings.credentials(), own)
    made_app.extensions["wrong_passwords"] = WrongPasswords(settings.database_url)
    yield made_app
    made_app.extensions = made
    own.dispose()


class Client:
    """The test client, with the right credentials on every request unless `auth` says otherwise."""

    def __init__(self, app):
        self._client = app.test_client()

    def __getattr__(self, method):
        def call(path, auth=("tester", "correct horse"), **kwargs):
            return getattr(self._client, method)(path, auth=auth, **kwargs)

        return call


@pytest.fixture
def client(app):
    """A client with credentials."""
    return Client(app)


@pytest.fixture(scope="session")
def root():
    """The project's root folder."""
    return Path(__file__).parent.parent


@pytest.fixture(scope="session")
def s3_server():
    """The address of an S3-speaking server on this machine."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(s3_server, monkeypatch):
    """A client of an S3-speaking server, which the environment names to everybody else."""
    import boto3

    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    return boto3.client("s3")
