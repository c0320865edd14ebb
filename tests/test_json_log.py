"""`LOG_FORMAT=json`: whatever the programs print for a log is an object, one a line."""

import json
import logging
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from hiring_api.log_lines import JsonFormatter
from migration_job.samples import generate
from tests.serving import Serving

LEVELS = {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}
HOSTILE = 'line one\nline "two"\r\n\x1b[31mred\0 \ud800 \u2028 🎉 {"level": "forged"}'


def parsed(text):
    """The objects of a log; fails where a line is none."""
    lines = [json.loads(line) for line in text.splitlines()]
    for line in lines:
        assert {"time", "level", "logger", "message"} <= line.keys(), line
        assert line["level"] in LEVELS
        assert line["time"].endswith("Z")
    return lines


def formatted(message, *args, exc_info=None, **extra):
    record = logging.makeLogRecord(
        {"msg": message, "args": args, "exc_info": exc_info, "levelname": "INFO", **extra}
    )
    return parsed(JsonFormatter().format(record))


def test_each_line_of_a_message_is_an_object():
    assert [line["message"] for line in formatted("one\ntwo %s", 3)] == ["one", "two 3"]
    hostile = formatted("%s", HOSTILE)
    assert "\n".join(line["message"] for line in hostile) == HOSTILE
    assert {line["level"] for line in hostile} == {"INFO"}


def test_what_a_record_brings_is_a_member_where_there_is_one():
    [line] = formatted("x", request_id="r", user="-", route=None, rows=0, odd=object)
    assert (line["request_id"], line["rows"], line["odd"]) == ("r", 0, "<class 'object'>")
    assert not {"user", "route"} & line.keys()


def test_a_traceback_is_a_member():
    error = ValueError(HOSTILE)
    *first, last = formatted("a\nb", exc_info=(ValueError, error, None))
    assert "traceback" not in first[0]
    assert "ValueError: line one" in last["traceback"]


def run(folder, *command, **environ):
    """Exit status, standard output and the parsed log of a program."""
    own = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path.cwd()), "LOG_FORMAT": "json", **environ}
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=own, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, parsed(done.stderr)


def test_the_jobs_log_has_refused_rows_figures_and_failures(tmp_path, database_url, engine):
    generate.write(tmp_path)
    url = {"DATABASE_URL": database_url.render_as_string(hide_password=False)}
    status, out, log = run(tmp_path, "-m", "migration_job", ".", **url)
    assert (status, out) == (0, "")
    figures = {line["table"]: (line["rows"], line["rejected"]) for line in log if "table" in line}
    assert figures == {"departments": (12, 0), "jobs": (183, 0), "hired_employees": (1999, 70)}
    assert sum(line["message"].startswith("refused line ") for line in log) == 70
    status, out, log = run(tmp_path, "-m", "migration_job", "nowhere", **url)
    assert (status, out) == (1, "")
    assert [line["level"] for line in log] == ["ERROR"]
    assert "nowhere" in log[0]["message"]


def test_what_commands_say_is_in_the_log_and_what_they_answer_is_not(tmp_path):
    url = {"DATABASE_URL": "sqlite:///hiring.db", "BACKUP_DIR": "backups"}
    status, out, log = run(tmp_path, "-m", "hiring_api", "migrate", **url)
    assert (status, len(out.splitlines()), log) == (0, 2, [])
    status, out, log = run(tmp_path, "-m", "hiring_api", "restore", "nothing.avro", **url)
    assert (status, out, len(log)) == (1, "", 1)
    status, out, log = run(tmp_path, "-m", "hiring_api", "backups", **url)
    assert (status, out) == (0, "")
    assert log[0]["message"].startswith("there are no backups")
    status, _, log = run(tmp_path, "-m", "hiring_api", "migrate", DATABASE_URL="postgres://x/y")
    assert (status, len(log)) == (2, 1)


def test_warnings_and_deaths_are_objects_too(tmp_path):
    code = (
        "import threading, warnings, logging\n"
        "from hiring_api.log_lines import log_json; log_json(); log_json()\n"
        "warnings.warn('careful\\nplease'); logging.getLogger('a.library').error('odd')\n"
        "t = threading.Thread(target=lambda: 1 / 0); t.start(); t.join()\n"
        "raise RuntimeError('the\\nend')\n"
    )
    status, _, log = run(tmp_path, "-c", code)
    assert status == 1
    assert [line["logger"] for line in log][:2] == ["py.warnings"] * 2
    assert {"odd", "died of ZeroDivisionError", "died of RuntimeError"} <= {line["message"] for line in log}
    assert "the\nend" in log[-1]["traceback"]


@pytest.mark.parametrize("settings", [{"API_PASS": ""}, {"API_PORT": "none"}])
def test_an_api_that_does_not_start_says_so_in_its_log(tmp_path, settings):
    own = {"DATABASE_URL": "sqlite:///hiring.db", "API_USER": "u", "API_PASS": "p", **settings}
    command = ("-m", "gunicorn", "-c", "python:hiring_api.web.server.gunicorn_config")
    status, _, log = run(tmp_path, *command, **own)
    assert status == 1
    assert log[0]["message"].startswith("The hiring API does not start: ")


def test_every_line_of_the_api_is_an_object_and_requests_have_their_figures(
    root, tmp_path, database_url, engine
):
    url = database_url.render_as_string(hide_password=False)
    with Serving(root, url, tmp_path, LOG_FORMAT="json", API_WORKERS="1") as api:
        api.call(
            "POST", "/jobs", [{"job": "Clerk"}, {"job": HOSTILE[:20]}, {"job": ""}], {"X-Request-ID": "first"}
        )
        api.call("GET", "/jobs/1?x=%22%0a", headers={"X-Request-ID": "second"})
        api.call("GET", "/jobs", headers={"Authorization": "Basic bm9ib2R5Ondyb25n", "X-Request-ID": "third"})
        api.call("GET", "/nowhere", headers={"X-Request-ID": "fourth"})
        api.call("POST", "/upload/jobs", b"x", {"Content-Type": "text/csv", "X-Request-ID": "fifth"})
        with engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE jobs RENAME TO hidden")
        try:
            api.call("GET", "/jobs", headers={"X-Request-ID": "sixth"})
        finally:
            with engine.begin() as connection:
                connection.exec_driver_sql("ALTER TABLE hidden RENAME TO jobs")
        api.kill_workers()
        api.process.terminate()
        api.process.wait()
        log = parsed(api.log())
        api.process = None
    requests = {
        line["request_id"]: line for line in log if line["logger"] == "gunicorn.access" and "route" in line
    }
    first = requests["first"]
    assert (first["method"], first["route"], first["status"], first["user"]) == ("POST", "/jobs", 207, "u")
    assert first["rows"] == 3
    assert first["duration_ms"] > 0
    assert first["message"] == "POST /jobs 207"
    assert requests["second"]["route"] == "/jobs/<int(max=2147483647):row_id>"
    assert "user" not in requests["third"]
    of_first = [
        line for line in log if line.get("request_id") == "first" and line["logger"] != "gunicorn.access"
    ]
    assert [line["user"] for line in of_first] == ["u"] * len(of_first)
    assert len(of_first) == 2
    assert any("wrong credentials" in line["message"] for line in log if line.get("request_id") == "third")


def test_warnings_are_not_turned_off_for_others():
    with pytest.warns(UserWarning, match="still"):
        warnings.warn("still", stacklevel=1)
