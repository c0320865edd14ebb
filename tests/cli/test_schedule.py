"""`python -m hiring_api schedule`, as a process that is stopped, waits for what is away, and has a rival."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from hiring_api.backup import catalogue
from hiring_api.backup.file_store import open_store
from hiring_api.cli.main import main
from tests.proxy import CuttingProxy
from tests.rows_of_all import fill

_PATIENCE = 60  # seconds, on a busy machine


@pytest.fixture
def environ(client, settings, tmp_path, monkeypatch):
    """The environment of a schedule on a filled database."""
    fill(client)
    url = settings.database_url.render_as_string(hide_password=False)
    own = {"DATABASE_URL": url, "BACKUP_DIR": str(tmp_path / "kept")}
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    return {"PATH": os.environ["PATH"], **own}


class Running:
    """A schedule under way; `said` is what it has written so far."""

    def __init__(self, environ, folder, *arguments):
        self.path = Path(folder) / f"said-{time.monotonic_ns()}"
        with self.path.open("wb") as file:
            command = [sys.executable, "-m", "hiring_api", "schedule", *arguments]
            self.process = subprocess.Popen(command, env=environ, stdout=file, stderr=file)

    @property
    def said(self):
        return self.path.read_text()

    def until(self, pattern):
        deadline = time.monotonic() + _PATIENCE
        while not re.search(pattern, self.said):
            assert self.process.poll() is None, self.said
            assert time.monotonic() < deadline, self.said
            time.sleep(0.05)

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(_PATIENCE)


@contextmanager
def running(environ, folder, *arguments):
    schedule = Running(environ, folder, *arguments)
    try:
        yield schedule
    finally:
        schedule.process.kill()
        schedule.process.wait()


def kept(environ):
    return catalogue.listed(open_store(environ["BACKUP_DIR"]))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_keeps_one_says_when_the_next_is_due_and_ends_when_it_is_told_to(environ, tmp_path, number):
    with running(environ, tmp_path, "--every", "1d") as schedule:
        schedule.until("the next backup is due at ")
        assert schedule.end(number) == 0
        assert schedule.said.splitlines()[-1].endswith(" INFO stopped")
        assert "Traceback" not in schedule.said
    [backup] = kept(environ)
    assert backup.rows == {"departments": 2, "jobs": 1, "hired_employees": 3}
    assert (backup.verified.level, backup.verified.ok) == ("decode", True)


def test_started_again_it_keeps_none_before_its_time(environ, tmp_path):
    for _ in range(2):
        with running(environ, tmp_path, "--every", "1d") as schedule:
            schedule.until("the next backup is due at ")
            assert schedule.end() == 0
    assert len(kept(environ)) == 1


def test_killed_before_it_verified_it_verifies_when_it_is_started_again(environ, tmp_path):
    assert main(["backup"]) == 0
    with running(environ, tmp_path, "--every", "1d") as schedule:
        schedule.until("verified the backup ")
        schedule.until("the next backup is due at ")
        assert schedule.end() == 0
    [backup] = kept(environ)
    assert backup.verified.ok


def test_the_options_take_the_place_of_the_settings(environ, tmp_path):
    away = {**environ, "BACKUP_DIR": str(tmp_path / "unused"), "BACKUP_AT": "02:30", "BACKUP_KEEP": "30"}
    options = ["--every", "1s", "--keep", "2", "--to", environ["BACKUP_DIR"], "--level", "checksum"]
    with running(away, tmp_path, *options) as schedule:
        deadline = time.monotonic() + _PATIENCE
        while len(re.findall("kept the backup", schedule.said)) < 4:
            assert time.monotonic() < deadline, schedule.said
            time.sleep(0.05)
        schedule.until("the next backup is due at [^\n]*\n$")
        assert schedule.end() == 0
    assert 1 <= len(kept(environ)) <= 3  # two, and one that it was stopped before it pruned
    assert {backup.verified.level for backup in kept(environ)[1:]} == {"checksum"}
    assert not (tmp_path / "unused").exists()


def test_of_three_at_once_each_backup_is_kept_by_one(environ, tmp_path):
    with (
        running(environ, tmp_path, "--every", "1d") as first,
        running(environ, tmp_path, "--every", "1d") as second,
        running(environ, tmp_path, "--every", "1d") as third,
    ):
        for schedule in (first, second, third):
            schedule.until("the next backup is due at ")
            assert schedule.end() == 0
    assert len(kept(environ)) == 1


def test_a_store_that_is_away_is_waited_for(environ, tmp_path):
    place = Path(environ["BACKUP_DIR"])
    place.touch()
    with running(environ, tmp_path, "--every", "1d") as schedule:
        schedule.until("the backup folder cannot be read \\(Not a directory\\); looking again in 5 s\n")
        place.unlink()
        schedule.until("the next backup is due at ")
        assert schedule.end() == 0
        assert "Traceback" not in schedule.said
    assert len(kept(environ)) == 1


def test_a_database_that_is_away_is_waited_for(environ, tmp_path, database_url):
    if database_url.get_backend_name() == "sqlite":
        path = Path(database_url.database)
        away = path.rename(path.with_name("away.db"))

        def back():
            away.rename(path)

        expected, url = f"there is no database {path}: DATABASE_URL names the one to use", database_url
    else:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        expected = "the database cannot be reached: try again later"
        url = database_url.set(host="127.0.0.1", port=port)

        def back():
            stack.enter_context(CuttingProxy(database_url.port, port))

    environ = {**environ, "DATABASE_URL": url.render_as_string(hide_password=False)}
    with ExitStack() as stack, running(environ, tmp_path, "--every", "1d") as schedule:
        try:
            schedule.until(re.escape(expected) + ".*; looking again in 5 s\n")
            assert database_url.password is None or database_url.password not in schedule.said
        finally:
            back()
        schedule.until("the next backup is due at ")
        assert schedule.end() == 0
    assert len(kept(environ)) == 1


def test_it_is_ended_while_it_waits_for_what_is_away(environ, tmp_path):
    Path(environ["BACKUP_DIR"]).touch()
    with running(environ, tmp_path) as schedule:
        schedule.until("looking again in 5 s")
        assert schedule.end() == 0
        assert "looking again in 10 s" not in schedule.said


def test_it_ends_after_the_step_that_is_under_way(environ, tmp_path):
    """A pause before it stands in for the time that large tables take."""
    code = (
        "import os, sys, time; from hiring_api.backup import schedule; from hiring_api.cli.main import main;"
        "keep = schedule.retention.keep;"
        "slow = lambda *given: (print('keeping', flush=True), time.sleep(3), keep(*given))[-1];"
        "schedule.retention.keep = slow; sys.exit(main(['schedule']))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "keeping\n"
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=_PATIENCE)
    assert process.returncode == 0
    assert "kept the backup" in said
    assert "verified" not in said
    assert said.splitlines()[-1].endswith("INFO stopped")
    [backup] = kept(environ)
    assert backup.verified is None


def test_a_service_manager_is_told(environ, tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(_PATIENCE)
        notified = {**environ, "NOTIFY_SOCKET": str(tmp_path / "notify")}
        with running(notified, tmp_path, "--at", "02:30") as schedule:
            assert manager.recv(1000) == b"READY=1"
            assert re.fullmatch(rb"STATUS=The next backup is due at \S+T02:30:00Z", manager.recv(1000))
            assert schedule.end() == 0
            assert manager.recv(1000) == b"STOPPING=1"


def test_once_is_for_cron(environ, capsys):
    for number in (1, 2):
        assert main(["schedule", "--once", "--json"]) == 0
        [one] = json.loads(capsys.readouterr().out)
        assert one["verified"]["ok"] is True
        assert len(kept(environ)) == number
    Path(environ["BACKUP_DIR"]).rename(Path(environ["BACKUP_DIR"]).with_name("old"))
    Path(environ["BACKUP_DIR"]).touch()
    assert main(["schedule", "--once"]) == 1
    assert capsys.readouterr() == ("", "the backup folder cannot be read (Not a directory)\n")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("--every 3x", "'3x' must be a number of seconds, minutes, hours or days, such as 24h or 30m"),
        ("--every 0h", "'0h' must be a number of seconds"),
        ("--every 400d", "'400d' must be a number of seconds"),
        ("--at 24:00", "'24:00' must be a time of day in UTC, from 00:00 to 23:59"),
        ("--at 2:30", "'2:30' must be a time of day in UTC"),
        ("--at 02:30 --every 1h", "not allowed with argument --at"),
        ("--keep 0", "'0' must be a whole number from 1"),
        ("--keep-days ²", "'²' must be a whole number from 1"),
        ("--level none", "invalid choice: 'none'"),
    ],
)
def test_wrong_options_end_with_2(capsys, arguments, sentence):
    with pytest.raises(SystemExit) as ended:
        main(["schedule", *arguments.split()])
    assert ended.value.code == 2
    assert sentence in capsys.readouterr().err


def test_a_wrong_setting_or_address_ends_it_at_once(environ, capsys, monkeypatch):
    assert main(["schedule", "--to", "ftp://x"]) == 1
    assert capsys.readouterr().err == "BACKUP_DIR is no place that backups can be kept in\n"
    monkeypatch.setenv("BACKUP_EVERY", "daily")
    assert main(["schedule"]) == 2
    assert capsys.readouterr().err.startswith("BACKUP_EVERY='daily' must be a number of seconds")
