"""The API under gunicorn, as it is served: how it starts, what it logs, how it refuses to start."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from http.client import HTTPConnection

import pytest

from hiring_api.cli import commands
from hiring_api.database import schema
from hiring_api.database.engine import open_engine
from hiring_api.settings import read_settings
from tests.serving import Serving

GUNICORN = [sys.executable, "-m", "hiring_api", "serve"]


def environment(root, **values):
    bare = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {**bare, "PYTHONPATH": str(root), **values}


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({}, "API_USER and API_PASS (or API_PASS_FILE) must be set: there is no default password"),
        (
            {"API_USER": "u"},
            "API_USER and API_PASS (or API_PASS_FILE) must be set: there is no default password",
        ),
        (
            {"API_USER": "u", "API_PASS": "p", "API_PORT": "65536"},
            "API_PORT='65536' must be a whole number from 1 to 65535",
        ),
        (
            {"API_USER": "u", "API_PASS": "p", "DATABASE_URL": "oracle://x/y"},
            "DATABASE_URL names oracle: it must be mysql, mariadb or sqlite",
        ),
    ],
)
def test_wrong_settings_end_it_with_one_sentence(root, tmp_path, values, sentence):
    ended = subprocess.run(
        GUNICORN, env=environment(root, **values), cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == f"The hiring API does not start: {sentence}\n"


@pytest.mark.parametrize(
    ("host", "sentence"),
    [
        ("127.0.0.1", "port {port} is taken by another program"),
        ("203.0.113.7", "203.0.113.7:{port} cannot be listened on: Cannot assign requested address"),
        ("nowhere.invalid", "nowhere.invalid:{port} cannot be listened on: "),
    ],
)
def test_an_address_that_it_cannot_have_ends_it_with_one_sentence(root, tmp_path, host, sentence):
    (tmp_path / "hiring.db").touch()
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        values = {"API_USER": "u", "API_PASS": "p", "API_HOST": host, "API_PORT": str(port)}
        ended = subprocess.run(
            GUNICORN,
            env=environment(root, **values),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (1, "", 1)
    assert ended.stderr.startswith(f"The hiring API does not start: {sentence.format(port=port)}")
    assert ended.stderr.endswith(": set API_HOST and API_PORT to an address that is free\n")


@pytest.mark.parametrize("command", [GUNICORN, [sys.executable, "-m", *commands.GUNICORN]])
def test_without_a_database_file_nothing_is_served_and_none_is_made(root, tmp_path, command):
    path = tmp_path / "none" / "hiring.db"
    path.parent.mkdir()
    values = {"API_USER": "u", "API_PASS": "p", "DATABASE_URL": f"sqlite:///{path}"}
    ended = subprocess.run(
        command, env=environment(root, **values), cwd=tmp_path, capture_output=True, text=True, check=False
    )
    told = (
        f"The hiring API does not start: there is no database {path}: DATABASE_URL names the one to serve; "
    )
    made = "`python -m hiring_api migrate` makes an empty one, the migration job one with rows"
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", f"{told}{made}\n")
    assert list(path.parent.iterdir()) == []


@contextmanager
def serving(root, folder, **values):
    """A port with the API on it, and the process of gunicorn's master."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"sqlite:///{folder}/hiring.db"
    engine = open_engine(read_settings({"DATABASE_URL": url}).database_url)
    schema.upgrade(engine)
    engine.dispose()
    own = {"API_USER": "u", "API_PASS": "p's", "API_PORT": str(port), "DATABASE_URL": url}
    own |= {"TMPDIR": str(folder), **values}
    with subprocess.Popen(
        GUNICORN,
        env=environment(root, **own),
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            wait_for(port)
            yield port, process
        finally:
            process.kill()


def end(process, how):
    """What gunicorn printed until the signal `how` had ended it, and its exit status."""
    process.send_signal(how)
    return process.communicate(timeout=30)[0], process.returncode


def wait_for(port):
    """Wait for an answer: the port is open before, but gunicorn's workers miss signals until then."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            ask(port, "/")
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("gunicorn does not answer")


def ask(port, path):
    """The status and the text of an answer to anybody."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_says_welcome_logs_request_ids_and_ends_cleanly(root, tmp_path, how):
    with serving(root, tmp_path, WELCOME="with password") as (port, process):
        connection = HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", "/health/ready", headers={"X-Request-ID": "seen-7"})
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b'{"status":"ok"}\n')
        connection.close()
        output, status = end(process, how)
    assert status == 0
    assert f"curl -u 'u:p'\"'\"'s' 'http://127.0.0.1:{port}/employees?limit=2'" in output
    assert re.search(r'127\.0\.0\.1 - "GET /health/ready HTTP/1\.1" 200 16 bytes \d+ ms \[seen-7\]', output)
    assert "Traceback" not in output


@pytest.mark.parametrize("values", [{}, {"WELCOME": "without password"}])
def test_without_being_asked_it_never_prints_the_password(root, tmp_path, values):
    with serving(root, tmp_path, API_PASS="never printed", **values) as (_, process):
        output, _ = end(process, signal.SIGTERM)
    assert "never printed" not in output


def test_what_was_counted_outlives_the_workers_but_not_the_server(root, tmp_path):
    with serving(root, tmp_path, API_WORKERS="1") as (port, process):
        for _ in range(3):
            assert ask(port, "/health/live")[0] == 200
        process.send_signal(signal.SIGHUP)  # new workers for old ones
        time.sleep(2)
        status, text = ask(port, "/health/metrics")
        output, code = end(process, signal.SIGTERM)
    assert (status, code) == (200, 0), output
    assert re.search(r'route="/health/live".* 3\.0$', text, re.MULTILINE), text
    assert not list(tmp_path.glob("hiring-metrics-*"))


def test_what_a_killed_server_counted_goes_when_the_next_one_starts(root, tmp_path, database_url):
    with Serving(root, database_url.render_as_string(hide_password=False), tmp_path) as api:
        [counted] = tmp_path.glob("hiring-metrics-*")
        api.kill()
        assert counted.is_dir()
        api.start()
        [counts] = tmp_path.glob("hiring-metrics-*")
        assert counts != counted
        with serving(root, tmp_path):
            assert len(list(tmp_path.glob("hiring-metrics-*"))) == 2
        assert counts.is_dir()
