"""The API under gunicorn in processes of its own, which a test may kill.

with Serving(root, url, folder) as api:     # the schema is brought up to date, none of it outlives the block
    status, headers, body = api.call("POST", "/jobs", [{"job": "Clerk"}])
    api.kill_workers()                      # SIGKILL; gunicorn starts others
    api.kill()                              # SIGKILL of all; start() starts them again on the same port
"""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

from hiring_api.database import schema
from hiring_api.database.engine import open_engine
from hiring_api.settings import read_settings
from tests import documented

_START = 60  # seconds
# What a client sees of a server that dies
BROKEN = (OSError, HTTPException)


def load_samples(root, url, folder):
    """Load the sample data by the migration job, as `make run` does."""
    environ = {**os.environ, "DATABASE_URL": url, "REJECTS_DIR": str(folder), "PYTHONPATH": str(root)}
    for arguments in (["migration_job.samples", str(folder / "csv")], ["migration_job", str(folder / "csv")]):
        subprocess.run(
            [sys.executable, "-m", *arguments], env=environ, cwd=folder, check=True, capture_output=True
        )


class Serving:
    """One gunicorn on a database. As a context manager it is running inside the block."""

    def __init__(self, root, url, folder, **environ):
        self.root, self.folder = root, Path(folder)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.engine = open_engine(read_settings({"DATABASE_URL": url}).database_url)
        schema.upgrade(self.engine)
        bare = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        own = {
            "TMPDIR": str(folder),
            "DATABASE_URL": url,
            "API_USER": "u",
            "API_PASS": "p",
            "API_PORT": str(self.port),
        }
        self.environ = {**bare, "PYTHONPATH": str(root), "BACKUP_DIR": str(folder), **own, **environ}
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_exception):
        self.kill()
        self.engine.dispose()

    def start(self):
        """Starts gunicorn and waits until a worker answers."""
        command = [sys.executable, "-m", "gunicorn", "-c", "python:hiring_api.web.server.gunicorn_config"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command, env=self.environ, cwd=self.folder, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + _START
        while not self._lives():
            assert self.process.poll() is None, self.log()[-2000:]
            assert time.monotonic() < deadline, self.log()[-2000:]
            time.sleep(0.05)

    def kill(self):
        """Ends all processes at once, whatever they are doing."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def kill_workers(self):
        """Ends the processes that answer requests; gunicorn's master replaces them."""
        for number in self.workers():
            os.kill(number, signal.SIGKILL)

    def workers(self):
        """The ids of the processes that answer requests."""
        pid = self.process.pid
        return [int(number) for number in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def call(self, method, path, body=None, headers=None, timeout=60):
        """Status, headers and body of an answer; `body` is sent as JSON, or as it is where it is bytes.

        Raises one of BROKEN where there is no whole answer.
        """
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        token = base64.b64encode(b"u:p").decode()
        sent = {"Authorization": f"Basic {token}", "Content-Type": "application/json", **(headers or {})}
        connection = HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, data, sent)
            response = connection.getresponse()
            content = response.read()
            documented.check(method, urlsplit(path).path, response.status, response.headers, content)
            return response.status, response.headers, content
        finally:
            connection.close()

    def log(self):
        """What gunicorn and the API have written."""
        return (self.folder / "log").read_text(errors="replace")

    def _lives(self):
        try:
            return self.call("GET", "/health/live", timeout=5)[0] == 200
        except BROKEN:
            return False
