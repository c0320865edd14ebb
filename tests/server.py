"""A private MySQL-family server for tests: its own data folder, port and password, gone when they end.

For a test that may kill or stop a server without disturbing the others:

    with Server() as server:            # None of it outlives the block
        run_against(server.url())       # mysql://tester:…@127.0.0.1:PORT/hiring, utf8mb4, may do everything
        server.kill()                   # SIGKILL: what was committed is still there ...
        server.start()                  # ... after this, on the same port and with the same password

`server.process.pid` is there for signals (SIGSTOP makes a server that hangs), `Server(options=["--…"])`
adds options of `mysqld`, and `installed()` says whether there is any server at all.

As a program, `python -m tests.server -- COMMAND…` runs COMMAND with TEST_DATABASE_URL naming a server: the
one that TEST_DATABASE_URL names already, else a `Server`, installed from the system's packages where that is
possible. Without any it says which tests cannot run, or, with REQUIRE_SERVER=1, ends with 1.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import pymysql

from tests.packages import apt_get

_START = 60  # seconds that a first start may take on a slow machine
_STOP = 30
_ROOM = 2 * 1024**3  # bytes: eight servers, with some hundred thousand rows
_FOLDERS = "/usr/sbin:/usr/local/sbin:/usr/libexec:/usr/local/mysql/bin:/opt/homebrew/bin"
PACKAGES = ["mariadb-server-core", "mariadb-client-core"]
"""Debian's packages of the programs, without a service that starts."""

DURABLE = ["--innodb-flush-log-at-trx-commit=1", "--innodb-doublewrite=1"]
"""Options of a server as it comes, for benchmarks; tests relax them."""

_OPTIONS = [
    "--bind-address=127.0.0.1",
    "--skip-name-resolve",
    "--skip-log-bin",
    "--local-infile=1",
    "--max-connections=200",
    "--innodb-buffer-pool-size=64M",
    "--innodb-flush-log-at-trx-commit=2",  # commits outlive a killed server, if not a dead machine
    "--innodb-doublewrite=0",
    "--performance-schema=OFF",
    "--loose-mysqlx=OFF",
]


class NoServer(Exception):
    """No server is installed, or it does not start; the message says what to do or what it said."""


def installed() -> str | None:
    """The path of `mariadbd` or `mysqld`, which are often in folders that only root's PATH has."""
    path = f"{os.environ.get('PATH', '')}:{_FOLDERS}"
    return shutil.which("mariadbd", path=path) or shutil.which("mysqld", path=path)


class Server:
    """One server. As a context manager it is running inside the block and removed after it."""

    def __init__(self, options=()):
        program = installed()
        if program is None:
            raise NoServer("neither mariadbd nor mysqld is installed")
        self.program = program
        self.folder = Path(tempfile.mkdtemp(prefix="hiring-server-", dir=_quick_folder()))
        self.port = _free_port()
        self.password = secrets.token_hex(16)
        self.options = list(options)
        self.process: subprocess.Popen | None = None

    def url(self, database="hiring"):
        """The address of `database`, which is there (and empty) only when it is `hiring`."""
        return f"mysql://tester:{self.password}@127.0.0.1:{self.port}/{database}"

    def __enter__(self):
        try:
            self._create()
            self.start()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, *_exception):
        self.remove()

    def start(self):
        """Starts the server and waits until it answers.

        Raises:
            NoServer: it ended, or did not answer within a minute.
        """
        command = [self.program, "--no-defaults", *_as_root(), *_OPTIONS, *self.options, *self._places()]
        with (self.folder / "log").open("ab") as log:
            # A session of its own: Ctrl-C is for the tests, which then stop the server
            self.process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + _START
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise NoServer(f"{self.program} does not start:\n{self._log()}")
            time.sleep(0.1)

    def stop(self):
        """Shuts the server down in order."""
        self._end(signal.SIGTERM)

    def kill(self):
        """Ends the server at once, as a power failure or the kernel's memory killer would."""
        self._end(signal.SIGKILL)

    def remove(self):
        """Ends the server, if it runs, and deletes its data."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _end(self, how):
        if self.process is None:
            return
        self.process.send_signal(how)
        try:
            self.process.wait(_STOP)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def _create(self):
        """Makes the data folder, and the statements that each start runs first."""
        (self.folder / "tmp").mkdir(exist_ok=True)
        (self.folder / "init.sql").write_text(
            "CREATE DATABASE IF NOT EXISTS hiring CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;\n"
            f"CREATE USER IF NOT EXISTS 'tester'@'127.0.0.1' IDENTIFIED BY '{self.password}';\n"
            "GRANT ALL ON *.* TO 'tester'@'127.0.0.1' WITH GRANT OPTION;\n"
        )
        data = f"--datadir={self.folder / 'data'}"
        maker = Path(self.program).with_name("mariadb-install-db")
        found = maker if maker.exists() else shutil.which("mariadb-install-db")
        if "mariadb" in Path(self.program).name and found:
            kind = ["--auth-root-authentication-method=normal", "--skip-test-db"]
            command = [str(found), "--no-defaults", *_as_root(), *kind, data]
        else:
            command = [self.program, "--no-defaults", *_as_root(), "--initialize-insecure", data]
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        if made.returncode:
            raise NoServer(f"{command[0]} cannot make a data folder:\n{(made.stdout + made.stderr)[-2000:]}")

    def _places(self):
        # The socket is relative to the data folder: the path of a socket may have 107 bytes at most
        return [
            f"--datadir={self.folder / 'data'}",
            # Not that of others: a server that starts deletes the temporary tables that it finds there
            f"--tmpdir={self.folder / 'tmp'}",
            f"--init-file={self.folder / 'init.sql'}",
            f"--pid-file={self.folder / 'pid'}",
            f"--port={self.port}",
            "--socket=socket",
        ]

    def _answers(self):
        account = {"host": "127.0.0.1", "port": self.port, "user": "tester", "password": self.password}
        try:
            pymysql.connect(**account, database="hiring", connect_timeout=5).close()
        except pymysql.Error:
            return False
        return True

    def _log(self):
        return (self.folder / "log").read_text(errors="replace")[-2000:]


def _quick_folder():
    """A folder in memory, where there is one with room: no test needs what survives the machine's death.

    None for the usual one. TMPDIR, where it is set, is what the user wants.
    """
    memory = Path("/dev/shm")
    if "TMPDIR" in os.environ or not os.access(memory, os.W_OK):
        return None
    return memory if shutil.disk_usage(memory).free > _ROOM else None


def _as_root():
    return ["--user=root"] if os.geteuid() == 0 else []


@contextmanager
def scratch_database():
    """The address of an empty database for a benchmark: TEST_DATABASE_URL, whose tables are dropped, or a
    private server's. Raises NoServer where there is neither.
    """
    if url := os.environ.get("TEST_DATABASE_URL"):
        yield url
        return
    with Server(DURABLE) as server:
        yield server.url()


def _free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def install():
    """Installs MariaDB with apt-get; True if that was done."""
    said = "No MySQL-family server is installed: installing MariaDB's programs with apt-get."
    return apt_get([PACKAGES, ["mariadb-server"]], said)


def main(arguments):
    """Runs the command after `--`; answers its exit status, or 1 when a server is required and missing."""
    if len(arguments) < 2 or arguments[0] != "--":
        _say("usage: python -m tests.server -- COMMAND [ARGUMENT…]")
        return 2
    command = arguments[1:]
    if os.environ.get("TEST_DATABASE_URL"):
        _say("Tests run on SQLite and on the server that TEST_DATABASE_URL names.")
        return _run(command, os.environ["TEST_DATABASE_URL"])
    try:
        if installed() is None:
            install()
        with Server() as server:
            _say(f"Tests run on SQLite and on a private {server.program}.")
            return _run(command, server.url())
    except NoServer as reason:
        return _without(command, str(reason))


def _without(command, reason):
    """Runs the command without a server, saying so before and after, unless one is required."""
    box = f"{'!' * 78}\n! THE TESTS ON A MYSQL-FAMILY SERVER DO NOT RUN: only those on SQLite do.\n! Reason: "
    box += reason.replace("\n", "\n!   ")
    box += "\n! Install MariaDB (on Debian or Ubuntu: apt-get install mariadb-server), or name a server\n"
    box += f"! whose tables may be emptied: TEST_DATABASE_URL=mysql://user:pass@host/database\n{'!' * 78}"
    _say(box)
    if os.environ.get("REQUIRE_SERVER", "0") not in {"", "0"}:
        _say("REQUIRE_SERVER is set: this is a failure.")
        return 1
    status = _run(command, None)
    _say(box)
    return status


def _run(command, url):
    environment = {name: value for name, value in os.environ.items() if name != "TEST_DATABASE_URL"}
    if url:
        environment["TEST_DATABASE_URL"] = url
    child = subprocess.Popen(command, env=environment)
    # From now on it is the child that a signal ends; the terminal has told it of Ctrl-C by itself
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: child.terminate())
    status = child.wait()
    return status if status >= 0 else 128 - status  # as a shell says it


def _say(text):
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _ended(*_signal):
    raise SystemExit(143)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _ended)
    signal.signal(signal.SIGHUP, _ended)
    sys.exit(main(sys.argv[1:]))
