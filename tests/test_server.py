"""The private server: what was committed outlives its death, and nothing of it outlives the tests."""

import os
import signal
import subprocess
import sys
import time

import pymysql
import pytest

from tests.server import Server, installed

needs_server = pytest.mark.skipif(installed() is None, reason="no MySQL-family server is installed")


def connect(server):
    account = {"user": "tester", "password": server.password, "database": "hiring"}
    return pymysql.connect(host="127.0.0.1", port=server.port, **account)


@needs_server
def test_committed_rows_outlive_a_killed_server_and_nothing_outlives_the_block():
    with Server() as server:
        with connect(server) as connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE kept (id INT PRIMARY KEY)")
            cursor.execute("INSERT INTO kept VALUES (7)")
            connection.commit()
        server.kill()
        with pytest.raises(pymysql.OperationalError):
            connect(server)
        server.start()
        with connect(server) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT id FROM kept")
            assert cursor.fetchall() == ((7,),)
        process = server.process
    assert process.poll() is not None
    assert not server.folder.exists()


def run(command, **environment):
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in {"TEST_DATABASE_URL", "REQUIRE_SERVER"}
    }
    program = [sys.executable, "-m", "tests.server", "--", *command]
    return subprocess.run(program, env={**kept, **environment}, capture_output=True, text=True, check=False)


ASK = """
import os, sys, pymysql
from sqlalchemy.engine import make_url
url = make_url(os.environ["TEST_DATABASE_URL"])
pymysql.connect(host=url.host, port=url.port, user=url.username, password=url.password).close()
sys.exit(7)
"""
SHOW = [sys.executable, "-c", "import os; print(os.environ.get('TEST_DATABASE_URL'))"]


def test_a_named_server_is_used_as_it_is():
    done = run(SHOW, TEST_DATABASE_URL="mysql://a:b@db.test/tests")
    assert (done.returncode, done.stdout) == (0, "mysql://a:b@db.test/tests\n")


@needs_server
def test_the_command_gets_a_server_and_its_status_is_the_answer():
    done = run([sys.executable, "-c", ASK])
    assert done.returncode == 7, done.stderr
    assert "Tests run on SQLite and on a private" in done.stderr


@pytest.mark.parametrize(("required", "status", "printed"), [("0", 0, "None\n"), ("1", 1, "")])
def test_a_missing_server_is_said_before_and_after_or_fails(monkeypatch, tmp_path, required, status, printed):
    broken = tmp_path / "mariadbd"
    broken.write_text("#!/bin/sh\necho this server is broken\nexit 1\n")
    broken.chmod(0o755)
    done = run(SHOW, PATH=f"{tmp_path}:/usr/bin:/bin", REQUIRE_SERVER=required)
    assert (done.returncode, done.stdout) == (status, printed)
    assert done.stderr.count("DO NOT RUN") == (2 if required == "0" else 1)
    assert "this server is broken" in done.stderr or "cannot make a data folder" in done.stderr


@needs_server
@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_an_interrupted_run_leaves_no_server_behind(tmp_path, sent):
    kept = {name: value for name, value in os.environ.items() if name != "TEST_DATABASE_URL"}
    sleeper = [sys.executable, "-c", "import time; print('ready', flush=True); time.sleep(60)"]
    program = [sys.executable, "-m", "tests.server", "--", *sleeper]
    environment = {**kept, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        program, env=environment, stdout=subprocess.PIPE, start_new_session=True
    ) as running:
        assert running.stdout.readline() == b"ready\n"
        assert list(tmp_path.glob("hiring-server-*"))
        os.killpg(running.pid, sent)  # as a terminal does
        assert running.wait(30) != 0
    deadline = time.monotonic() + 10
    while list(tmp_path.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not list(tmp_path.iterdir())


@needs_server
def test_a_server_that_starts_leaves_the_temporary_tables_of_another_alone():
    with Server() as server, connect(server) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE waiting (id INT PRIMARY KEY)")
        cursor.execute("INSERT INTO waiting VALUES (7)")
        with Server() as other:
            assert other.folder != server.folder
        cursor.execute("SELECT id FROM waiting")
        assert cursor.fetchall() == ((7,),)
        cursor.execute("SELECT @@tmpdir")
        [(folder,)] = cursor.fetchall()
        assert folder.startswith(str(server.folder))
