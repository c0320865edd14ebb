"""A restore that is killed at any point, its process or its database, leaves the old rows or the new ones.

KILL_ROUNDS says how often each kind is tried; by default a few times.
"""

import io
import os
import random
import subprocess
import sys
import time

import pytest

from hiring_api.backup.backup import backup_all
from hiring_api.database import bulk_load, schema
from hiring_api.database.engine import open_engine
from hiring_api.database.lease import leased
from hiring_api.database.transactions import transaction
from hiring_api.model.row_lines import to_lines
from hiring_api.model.tables import Employee, tables
from hiring_api.settings import read_settings
from tests.avro.avro_files import DEPARTMENTS, EMPLOYEES, JOBS
from tests.conftest import expire
from tests.server import Server, installed

ROUNDS = int(os.environ.get("KILL_ROUNDS", "2"))
MANY = 6_000


def put(engine, shift):
    """Fills the tables with rows that are all different for another `shift`."""
    from datetime import datetime

    def work(connection):
        for table in reversed(tables()):
            connection.execute(table.delete())
        parents = [(number + shift, f"number {number + shift}") for number in range(1, 101)]
        bulk_load.load(connection, to_lines(DEPARTMENTS, parents))
        bulk_load.load(connection, to_lines(JOBS, parents))
        when = datetime(2021, 1, 1 + shift % 28)
        rows = [
            (n + shift, f"name {n * 7 + shift}", when, *(1 + n % 100 + shift,) * 2) for n in range(1, MANY)
        ]
        bulk_load.load(connection, to_lines(EMPLOYEES, rows))

    transaction(engine, work)


def state(engine):
    """The checksum of all rows of each table."""
    return transaction(
        engine, lambda connection: [bulk_load.checksum(connection, table) for table in tables()]
    )


def save(engine, path):
    """A backup of all tables in a file, and the state that it holds."""
    file = io.BytesIO()
    backup_all(engine, file, "null")
    path.write_bytes(file.getvalue())
    return state(engine)


def restoring(engine, path):
    """A process that restores the file."""
    url = engine.url.render_as_string(hide_password=False)
    environment = {**os.environ, "DATABASE_URL": url, "PYTHONPATH": "."}
    command = [sys.executable, "-m", "hiring_api", "restore", "--yes", "--no-keep", str(path)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def wait_until_free(engine):
    """The lease of the killed restore expires."""
    expire(engine)
    with leased(engine, "restore", 10) as held:
        assert held is not None


def two_files(engine, tmp_path):
    """Two backups of different rows by their paths, with their states; the database holds the second."""
    found = []
    for shift in (0, 13):
        put(engine, shift)
        found.append((tmp_path / f"{shift}.zip", save(engine, tmp_path / f"{shift}.zip")))
    return found


def duration(engine, path):
    """How long a restore takes that nobody kills, in seconds."""
    started = time.monotonic()
    process = restoring(engine, path)
    _, said = process.communicate()
    assert process.returncode == 0, said
    return time.monotonic() - started


@pytest.mark.timeout(600)
def test_a_killed_process_leaves_the_old_rows_or_the_new_ones(engine, tmp_path):
    (first, old), (second, new) = two_files(engine, tmp_path)
    whole = duration(engine, first)
    assert state(engine) == old
    for _ in range(ROUNDS):
        process = restoring(engine, second)
        time.sleep(random.uniform(0.2, 1) * whole)
        process.kill()
        process.communicate()
        wait_until_free(engine)
        found = state(engine)
        assert found in (old, new)
        duration(engine, first)
        assert state(engine) == old


@pytest.mark.timeout(600)
@pytest.mark.skipif(installed() is None, reason="no MySQL-family server is installed")
def test_a_killed_database_comes_back_with_the_old_rows_or_the_new_ones(tmp_path):
    with Server() as server:
        engine = open_engine(read_settings({"DATABASE_URL": server.url()}).database_url)
        schema.upgrade(engine)
        (first, old), (second, new) = two_files(engine, tmp_path)
        whole = duration(engine, first)
        for _ in range(ROUNDS):
            process = restoring(engine, second)
            time.sleep(random.uniform(0.4, 1) * whole)
            server.kill()
            _, said = process.communicate(timeout=120)
            assert process.returncode in (0, 1), said
            assert b"Traceback" not in said
            server.start()
            engine.dispose()
            wait_until_free(engine)
            found = state(engine)
            assert found == new if process.returncode == 0 else found in (old, new)
            duration(engine, first)
            assert state(engine) == old
        engine.dispose()
    assert Employee.__tablename__
