"""Faults of a cluster under load, and what became of every row.

    python -m tests.cluster.faults [FAULT…] [--rounds N] [--seconds S] [--rows N]

runs each fault so many times on a private cluster of three Galera nodes; or on the cluster whose nodes
CLUSTER_URLS names, with blanks between them, and whose nodes `CLUSTER_COMMAND kill 1` kills (also start,
freeze, thaw; in a group of MySQL servers primary, cut and mend, too; and `CLUSTER_COMMAND up`, which forms a
cluster of nodes that are all down). **Its tables are emptied.** It prints one line for a round and ends with
1 if a row was lost or doubled, a request stored by half, a reference dangles, or 500 answered.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from functools import cache
from io import BytesIO
from pathlib import Path

import fastavro
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from hiring_api.database import schema
from hiring_api.database.engine import open_engine
from hiring_api.model.tables import tables
from hiring_api.settings import read_settings
from tests.cluster.galera import BY_STATEMENT, Galera, by_statement, is_galera, missing
from tests.serving import BROKEN, Serving

ROOT = Path(__file__).parents[2]
CLIENTS, PER_REQUEST = 8, 5
_THINKING = 0.03  # seconds between a client's requests: clients and servers share the machine
RESTORED = 50_000  # rows, which take more than half a second
_RESTORE = "/restore/jobs?mode=merge"
_DONE = re.compile(r'HTTP/1.1" (20[01]|409) ')  # in the access log
_CAUGHT_UP = 60  # seconds


class Named:
    """A cluster that others provide: its addresses, and the command that does things to its nodes."""

    def __init__(self):
        self._urls, self._command = os.environ["CLUSTER_URLS"].split(), os.environ["CLUSTER_COMMAND"]

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        pass

    def urls(self):
        return self._urls

    def fault(self, word, *number):
        if word in BY_STATEMENT and is_galera(self._urls):
            by_statement(self._urls[number[0] - 1], word)
            return
        command = [*self._command.split(), word, *map(str, number)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
        if done.returncode:
            say(f"{' '.join(command)} ended with {done.returncode}: {done.stderr[-300:]}")


def together(urls):
    """The address of the database on all of the nodes."""
    hosts = ",".join(url.split("@")[1].split("/")[0] for url in urls)
    return f"{urls[0].split('@')[0]}@{hosts}/{urls[0].split('/')[-1]}"


class Clients:
    """Eight clients who post departments under keys, each again and again until it is answered."""

    def __init__(self, apis):
        self._apis = apis
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self.acknowledged, self.given_up, self.statuses = [], [], {}
        self.times = [time.monotonic()]
        self._threads = [threading.Thread(target=self._work, args=(number,)) for number in range(CLIENTS)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_exception):
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def pause(self):
        """The longest time in seconds in which no request was acknowledged."""
        return max(after - before for before, after in zip(self.times, self.times[1:], strict=False))

    def _work(self, client):
        number = 0
        while not self._ended.is_set():
            names = [f"client {client} request {number} row {row}" for row in range(PER_REQUEST)]
            key = f"{client}-{number}-{time.monotonic_ns()}"
            done = self._send(client + number, names, key)
            with self._lock:
                (self.acknowledged if done else self.given_up).append(names)
                if done:
                    self.times.append(time.monotonic())
            number += 1
            time.sleep(_THINKING)

    def _send(self, turn, names, key):
        """True once the request is acknowledged; False if it was not within a minute after the end."""
        deadline = None
        while True:
            api = self._apis[turn % len(self._apis)]
            try:
                body = [{"department": name} for name in names]
                status, _, content = api.call("POST", "/departments", body, {"Idempotency-Key": key}, 60)
                seen = f"{status}" if status != 500 else f"500 {content[:200]!r}"
            except BROKEN:
                status, seen = 0, "no answer"
            with self._lock:
                self.statuses[seen] = self.statuses.get(seen, 0) + 1
            if status == 201:
                return True
            if self._ended.is_set():
                deadline = deadline or time.monotonic() + 60
                if time.monotonic() > deadline:
                    return False
            time.sleep(0.3)
            turn += 1


@cache
def avro_of_jobs():
    """An Avro file of RESTORED jobs."""
    fields = [{"name": "id", "type": "int"}, {"name": "job", "type": "string"}]
    file = BytesIO()
    rows = ({"id": key, "job": f"Job {key}"} for key in range(1, RESTORED + 1))
    fastavro.writer(file, {"type": "record", "name": "jobs", "fields": fields}, rows, codec="deflate")
    return file.getvalue()


def write_files(folder, rows):
    """CSV files of one department, one job and so many employees for the migration job."""
    (folder / "departments.csv").write_text("1000000,Loaded\n")
    (folder / "jobs.csv").write_text("1000000,Loaded\n")
    lines = (f"{key},Ana {key},2021-07-27T16:02:08Z,1000000,1000000\n" for key in range(1, rows + 1))
    (folder / "hired_employees.csv").write_text("".join(lines))


class Work:
    """The migration job and a restore beside the clients, each run until it succeeds."""

    def __init__(self, apis, folder):
        self._apis, self._folder, self._backup = apis, folder, avro_of_jobs()
        self._ended = {}
        self.runs, self.restores, self.failures = 0, [], []
        self._threads = [threading.Thread(target=work) for work in (self._load, self._restore)]

    def start(self):
        """Starts both so that they are under way in two seconds; the job takes one to begin."""
        load, restore = self._threads
        load.start()
        time.sleep(1.5)
        restore.start()
        time.sleep(0.5)

    def join(self):
        """Waits until both have ended."""
        for thread in self._threads:
            thread.join()

    def over_before(self, moment):
        """Which of them had succeeded before a moment, in words."""
        return " and ".join(name for name, when in sorted(self._ended.items()) if when < moment) or "neither"

    def _load(self):
        environ = {**self._apis[0].environ, "REJECTS_DIR": str(self._folder)}
        command = [sys.executable, "-m", "migration_job", str(self._folder)]
        for run in range(1, 6):
            with (self._folder / "job.log").open("ab") as log:
                done = subprocess.run(
                    command, env=environ, cwd=self._folder, stdout=log, stderr=log, check=False
                )
            if done.returncode == 0:
                self.runs, self._ended["job"] = run, time.monotonic()
                return
            time.sleep(2)
        self.failures.append("the job never ended well")

    def _restore(self):
        headers = {"Content-Type": "application/octet-stream"}
        for turn in range(20):
            api = self._apis[turn % len(self._apis)]
            try:
                status, _, content = api.call("POST", _RESTORE, self._backup, headers, 120)
            except BROKEN:
                status, content = 0, b""
            self.restores.append(status)
            if status == 500:
                self.failures.append(f"a restore was answered 500 {content[:300]!r}")
            if status == 200:
                self._ended["restore"] = time.monotonic()
                return
            time.sleep(2)


def inflict(fault, cluster, apis):
    """Does it, and undoes it."""
    if fault == "api":
        apis[0].kill()
        time.sleep(3)
        apis[0].start()
        return
    for word, *what in _STEPS[fault, is_galera(cluster.urls())]:
        if word == "wait":
            time.sleep(*what)
        else:
            cluster.fault(word, *what)


# What is done to which node, and seconds: in a group, of which the first is written (False), and on Galera
_STEPS = {
    **{("kill", galera): [("kill", 1), ("wait", 8), ("start", 1)] for galera in (False, True)},
    **{("reader", galera): [("kill", 3), ("wait", 8), ("start", 3)] for galera in (False, True)},
    **{("partition", galera): [("cut", 1), ("wait", 20), ("mend", 1)] for galera in (False, True)},
    ("switch", True): [("stop", 1), ("wait", 8), ("start", 1)],
    ("switch", False): [("primary", 2), ("wait", 8), ("primary", 1)],
    ("freeze", True): [("freeze", 1), ("wait", 20), ("thaw", 1), ("wait", 3)],
    ("freeze", False): [("freeze", 1), ("wait", 20), ("thaw", 1), ("wait", 3), ("start", 1)],
    # The one that is begun with must be the last that was written
    ("restart", True): [("stop", 3), ("stop", 2), ("stop", 1), ("up",)],
    ("restart", False): [("kill", 3), ("kill", 2), ("kill", 1), ("up",)],
}


def check(urls, clients, restored, rows):
    """What is wrong on each node, in words; nothing where all is as it should be: `rows` employees, too."""
    wrong = []
    for number, url in enumerate(urls, 1):
        engine = open_engine(read_settings({"DATABASE_URL": url}).database_url)
        deadline = time.monotonic() + _CAUGHT_UP
        while True:
            with suppress(DBAPIError), engine.connect() as connection:
                found = _wrong(connection, clients, restored, rows)
                if not found or time.monotonic() > deadline:
                    break
            if time.monotonic() > deadline:
                found = ["cannot be asked"]
                break
            time.sleep(1)
        engine.dispose()
        wrong += [f"node {number}: {what}" for what in found]
    return wrong


def _wrong(connection, clients, restored, rows):
    names = list(connection.execute(text("SELECT department FROM departments WHERE id <> 1000000")).scalars())
    stored = {}
    for name in names:
        stored[name] = stored.get(name, 0) + 1
    lost = [name for request in clients.acknowledged for name in request if name not in stored]
    doubled = [name for name, count in stored.items() if count > 1]
    half = [names for names in clients.given_up if 0 < sum(name in stored for name in names) < PER_REQUEST]

    def count(query):
        return connection.execute(text(query)).scalar_one()

    orphans = count(
        "SELECT COUNT(*) FROM hired_employees e LEFT JOIN departments d ON d.id = e.department_id "
        "LEFT JOIN jobs j ON j.id = e.job_id WHERE d.id IS NULL OR j.id IS NULL"
    )
    employees, jobs = count("SELECT COUNT(*) FROM hired_employees"), count("SELECT COUNT(*) FROM jobs") - 1
    figures = {"lost": len(lost), "doubled": len(doubled), "half stored": len(half), "orphans": orphans}
    found = [f"{count} {what}" for what, count in figures.items() if count]
    if employees != rows:
        found.append(f"{employees} of {rows} rows of the job")
    if jobs not in ((RESTORED,) if restored else (0, RESTORED)):
        found.append(f"{jobs} of {RESTORED} rows of the restore")
    return found


def one_round(fault, cluster, seconds, rows):
    """Runs a fault under load, with a job of so many rows; True if nothing was wrong."""
    url = together(cluster.urls())
    if not is_galera(cluster.urls()):  # where only one node takes writes, it is the first
        cluster.fault("primary", 1)
    engine = open_engine(read_settings({"DATABASE_URL": url}).database_url, 60)
    schema.upgrade(engine)
    with engine.begin() as connection:
        *parents, child = tables()
        connection.execute(text(f"TRUNCATE {child.name}"))  # not a write set of all its rows
        for table in parents:
            connection.execute(table.delete())
    with tempfile.TemporaryDirectory() as name:
        folders = [Path(name) / part for part in ("a", "b", "files")]
        for folder in folders:
            folder.mkdir()
        write_files(folders[2], rows)
        with Serving(ROOT, url, folders[0]) as first, Serving(ROOT, url, folders[1]) as second:
            work = Work([first, second], folders[2])
            with Clients([first, second]) as clients:
                time.sleep(2)
                work.start()
                began = time.monotonic()
                inflict(fault, cluster, [first, second])
                time.sleep(seconds)
                work.join()
            wrong = check(cluster.urls(), clients, 200 in work.restores, rows)
            wrong += [f"answered {seen}" for seen in clients.statuses if seen.startswith("500")]
            wrong += work.failures
            say(
                f"{fault}: {len(clients.acknowledged)} requests, longest pause {clients.pause():.1f} s, "
                f"answers {clients.statuses}, job in {work.runs} run(s), restore {work.restores}, "
                f"over before the fault: {work.over_before(began)}, {'; '.join(wrong) or 'nothing wrong'}"
            )
            if wrong and os.environ.get("CLUSTER_LOGS"):
                logs = [first.log(), second.log(), (folders[2] / "job.log").read_text()]
                say(*(line for log in logs for line in log.splitlines() if not _DONE.search(line)))
    engine.dispose()
    return not wrong


def say(*texts):
    """Prints at once: rounds take long."""
    sys.stdout.write("\n".join(texts) + "\n")
    sys.stdout.flush()


def main(arguments=None):
    """Runs the rounds; 0 if nothing was wrong in any of them."""
    faults = ["kill", "switch", "freeze", "partition", "reader", "api", "restart"]
    parser = argparse.ArgumentParser(prog="python -m tests.cluster.faults")
    parser.add_argument("faults", nargs="*", default=faults)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=5, help="that the load goes on after a fault")
    parser.add_argument("--rows", type=int, default=300_000, help="that the job loads in each round")
    given = parser.parse_args(arguments)
    named = "CLUSTER_URLS" in os.environ
    if not named and (why := missing()):
        say(f"The cluster cannot run here: {why}")
        return 1
    right = True
    with Named() if named else Galera() as cluster:
        for _ in range(given.rounds):
            for fault in given.faults:
                right = one_round(fault, cluster, given.seconds, given.rows) and right
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
