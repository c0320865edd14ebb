"""Backup and restore over HTTP against the server's own tools, on a private server, in one run.

    python benchmarks/backup.py [ROWS…]      by default 1000000; peak memory is told for each number

Needs mariadbd (or mysqld) and its dump and client programs. What is compared: `GET /backup/employees` with
`mariadb-dump --single-transaction | gzip`, and `POST /restore/employees` into an empty table with
`mariadb < dump.sql`, in seconds; a ratio below 1 means that the API is faster.
"""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from contextlib import contextmanager
from pathlib import Path

from hiring_api.database import schema
from hiring_api.database.engine import open_engine
from hiring_api.settings import read_settings
from tests.server import Server

ROUNDS = int(os.environ.get("ROUNDS", "3"))
AUTH = {"Authorization": "Basic " + b64encode(b"bench:bench").decode()}
SERVER = ["--innodb-buffer-pool-size=512M", "--max-allowed-packet=64M"]
NAMES = ("Ana Lucía", "O''Neil", "José", "Wei", "Marcel de la")


def main(numbers):
    """Prints a line of figures for each number of rows."""
    with Server(SERVER) as server, tempfile.TemporaryDirectory() as folder:
        for rows in numbers:
            fill(server, rows)
            with api(server) as service:
                measure(server, service, rows, Path(folder))


def fill(server, rows):
    """A database with 12 departments, 183 jobs and `rows` employees."""
    engine = open_engine(read_settings({"DATABASE_URL": server.url()}).database_url)
    schema.upgrade(engine)
    with engine.begin() as connection:
        run = connection.exec_driver_sql
        for table in ("hired_employees", "jobs", "departments"):
            run(f"DELETE FROM {table}")
        run(f"SET {'cte_max_recursion_depth' if is_mysql(run) else 'max_recursive_iterations'} = 99999999")
        run("INSERT INTO departments SELECT n, CONCAT('Department of ', n) FROM (" + numbered(12) + ") t")
        run("INSERT INTO jobs SELECT n, CONCAT('Job ', n) FROM (" + numbered(183) + ") t")
        first = ", ".join(f"'{one}'" for one in NAMES)
        name = f"CONCAT(ELT(1 + n %% 5, {first}), ' ', CONV(CRC32(n), 10, 36))"
        run(
            f"INSERT INTO hired_employees SELECT n, {name}, "
            "'2021-01-01' + INTERVAL (CRC32(n * 3) %% 31536000) SECOND, 1 + CRC32(n) %% 12, "
            f"1 + CRC32(n * 5) %% 183 FROM ({numbered(rows)}) t"
        )
    engine.dispose()


def is_mysql(run):
    """Whether the server is MySQL, not MariaDB."""
    return "MariaDB" not in run("SELECT VERSION()").scalar_one()


def numbered(count):
    """SQL for the numbers from 1 to `count`."""
    return (
        f"WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < {count}) SELECT n FROM t"
    )


class Service:
    """The API under gunicorn with one worker, whose memory is watched."""

    def __init__(self, port, process):
        self.port, self.process = port, process

    def call(self, method, path, body=None, into=None):
        """The seconds that a call took; the answer's body goes into a file."""
        started = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        connection.request(method, path, body, {**AUTH, "Content-Type": "application/avro"})
        answer = connection.getresponse()
        with open(into or os.devnull, "wb") as file:
            shutil.copyfileobj(answer, file, 1 << 20)
        seconds = time.monotonic() - started
        if answer.status != 200:
            raise SystemExit(f"{method} {path} answered {answer.status}")
        return seconds

    def peak(self):
        """The most memory that the worker ever had, in MB."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        status = [Path(f"/proc/{child}/status").read_text() for child in children]
        return max(int(text.split("VmHWM:")[1].split()[0]) for text in status) / 1024


@contextmanager
def api(server):
    """A service on the server's database."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "DATABASE_URL": server.url(),
        "API_USER": "bench",
        "API_PASS": "bench",
        "API_PORT": str(port),
        "API_WORKERS": "1",
        "BACKUP_DIR": f"{server.folder}/backups",
        "MAX_UPLOAD_BYTES": str(1 << 34),
    }
    command = [sys.executable, "-m", "gunicorn", "-c", "python:hiring_api.web.server.gunicorn_config"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield Service(port, process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def measure(server, service, rows, folder):
    """Each figure is the best of a few rounds; the two programs take turns."""
    saved, dump = folder / "employees.avro", folder / "dump.sql"
    backups, dumps, restores, loads = [], [], [], []
    for _ in range(ROUNDS):
        backups.append(service.call("GET", "/backup/employees", into=saved))
        dumps.append(
            shell(f"{tool(server, 'dump')} --single-transaction hiring hired_employees | gzip > /dev/null")
        )
    peak_backup = service.peak()
    shell(f"{tool(server, 'dump')} --single-transaction hiring hired_employees > {dump}")
    for _ in range(ROUNDS):
        shell(f"{tool(server)} hiring -e 'TRUNCATE hired_employees'")
        with saved.open("rb") as body:
            restores.append(service.call("POST", "/restore/employees", body))
        loads.append(shell(f"{tool(server)} hiring < {dump}"))
    figures = [
        f"{rows:>9,} employees",
        f"backup {min(backups):.2f} s, dump | gzip {min(dumps):.2f} s: {min(backups) / min(dumps):.2f}",
        f"restore {min(restores):.2f} s, client < dump {min(loads):.2f} s: {min(restores) / min(loads):.2f}",
        f"peak memory {peak_backup:.0f} MB after backups, {service.peak():.0f} MB after restores",
        f"file {saved.stat().st_size / 1e6:.1f} MB",
    ]
    print("; ".join(figures), flush=True)


def tool(server, what=""):
    """The server's dump or client program with its address."""
    names = ("mariadb-dump", "mysqldump") if what else ("mariadb", "mysql")
    program = next(filter(None, map(shutil.which, names)), None)
    if program is None:
        raise SystemExit(f"{' or '.join(names)} is not installed")
    return f"{program} --no-defaults -h127.0.0.1 -P{server.port} -utester -p{server.password}"


def shell(command):
    """The seconds that a pipeline took."""
    started = time.monotonic()
    subprocess.run(["bash", "-c", f"set -o pipefail; {command}"], check=True, stderr=subprocess.DEVNULL)
    return time.monotonic() - started


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]] or [1_000_000])
