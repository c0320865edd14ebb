"""A first start on one machine: a password made once and kept private; a port that is taken is said."""

import json
import os
import re
import shlex
import signal
import socket
import stat
import subprocess
import sys
from base64 import b64encode
from urllib.request import Request, urlopen

import pytest

from hiring_api.cli.local import credentials


def test_credentials_are_made_once_and_for_the_owner_alone(tmp_path):
    path = tmp_path / "credentials"
    made = credentials(path)
    assert list(made) == ["API_USER", "API_PASS"]
    assert made["API_USER"] == "hiring"
    assert len(made["API_PASS"]) == 24
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert credentials(path) == made
    assert credentials(tmp_path / "others")["API_PASS"] != made["API_PASS"]


def test_credentials_of_ones_own_are_kept(tmp_path):
    path = tmp_path / "credentials"
    path.write_text("# mine\nAPI_USER=me\nAPI_PASS=a=b c\n")
    assert credentials(path) == {"API_USER": "me", "API_PASS": "a=b c"}


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def first_lines(process):
    """What is printed until the first call to paste, and that call."""
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("  curl "):
            return "".join(lines), shlex.split(line)
    pytest.fail("".join(lines))


def call(curl):
    """The JSON that the pasted call answers."""
    _, _, credentials, address = curl
    header = b64encode(credentials.encode()).decode()
    with urlopen(Request(address, headers={"Authorization": f"Basic {header}"})) as answer:
        return json.load(answer)


def test_a_start_loads_the_samples_serves_and_the_printed_call_works_and_so_does_the_next_start(
    root, tmp_path
):
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(root), "API_PORT": str(free_port())}
    environment["API_WORKERS"] = "1"  # the one that answers: none is still starting when the end comes
    seen = []
    for inserted in ("1,929", "0"):
        with subprocess.Popen(
            [sys.executable, "-m", "hiring_api.cli.local"],
            env=environment,
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            printed, curl = first_lines(process)
            seen.append((curl, call(curl)))
            process.send_signal(signal.SIGINT)
            rest, _ = process.communicate(timeout=30)
        assert process.returncode == 0, rest
        assert re.search(rf"^hired_employees +1,999 +{inserted} ", printed, re.MULTILINE), printed
        assert "WARNING" not in printed
    assert seen[0] == seen[1]
    assert [row["id"] for row in seen[0][1]["items"]] == [1, 2]
    assert (tmp_path / ".local" / "migration.log").exists()


def test_files_of_ones_own_are_loaded_instead_and_a_failure_ends_the_start(root, tmp_path):
    ended = start(root, tmp_path, CSV_SOURCE="mine", API_PORT=str(free_port()))
    assert ended.returncode == 1
    assert "mine" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("in_a_file", [False, True])
def test_a_password_of_ones_own_is_not_printed_and_still_lets_in(root, tmp_path, in_a_file):
    (tmp_path / "secret").write_text("my own secret")
    own = {"API_PASS_FILE": "secret", "API_USER": "me"} if in_a_file else {"API_PASS": "my own secret"}
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(root), "API_PORT": str(free_port()), **own}
    with subprocess.Popen(
        [sys.executable, "-m", "hiring_api.cli.local"],
        env=environment,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        printed, (_, _, user, address) = first_lines(process)
        rows = call(["curl", "-u", f"{user}:my own secret", address])
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=30)
    assert len(rows["items"]) == 2
    assert user == ("me" if in_a_file else "hiring")
    assert "Password       the one that you have set\n" in printed
    assert "my own secret" not in printed + rest


def start(root, folder, **values):
    bare = {"PATH": os.environ["PATH"], "PYTHONPATH": str(root)}
    return subprocess.run(
        [sys.executable, "-m", "hiring_api.cli.local"],
        env={**bare, **values},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_taken_port_is_said_before_anything_is_loaded(root, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = start(root, tmp_path, API_PORT=str(port))
    sentence = f"port {port} is taken by another program; choose one: make run PORT={port % 65535 + 1}"
    assert (ended.returncode, ended.stderr) == (1, f"The hiring API does not start: {sentence}\n")
    assert not (tmp_path / ".local" / "hiring.db").exists()


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"API_PORT": "80a"}, "API_PORT='80a' must be a whole number from 1 to 65535"),
        (
            {"API_HOST": "203.0.113.7"},
            "203.0.113.7:8000 cannot be listened on: Cannot assign requested address",
        ),
    ],
)
def test_a_wrong_setting_is_one_sentence(root, tmp_path, values, sentence):
    ended = start(root, tmp_path, **values)
    assert (ended.returncode, ended.stderr) == (1, f"The hiring API does not start: {sentence}\n")
