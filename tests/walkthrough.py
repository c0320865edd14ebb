"""Runs the README's `console` blocks against a server that `make run`'s own program started.

`python -m tests.walkthrough` writes what was really printed into the README; test_readme.py compares.
"""

from __future__ import annotations

import difflib
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
_BLOCK = re.compile(r"(?<=^```console\n).*?(?=^```$)", re.MULTILINE | re.DOTALL)
_MARK = "@@ answer ends @@"
_START = 60  # seconds
# What differs from run to run, and how the README shows it
_VARYING = [
    (re.compile(r"\b[0-9a-f]{32}\b"), "0123456789abcdef0123456789abcdef"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "0123456789abcdef" * 4),
    (re.compile(r"(\d{8}T\d{6}Z)-[0-9a-f]{8}\b"), r"\1-a1b2c3d4"),
    (re.compile(r"\b20(2[6-9]|[3-9]\d)-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "2026-11-20T16:02:08Z"),
    (re.compile(r"\b20(2[6-9]|[3-9]\d)\d{4}T\d{6}(\.?\d{6})?Z"), "20261120T160208Z"),
]


def commands(block: str) -> list[str]:
    """The commands of a console block: lines after `$ `, continued by those after `> `."""
    found: list[str] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append(line[2:])
        elif line.startswith("> ") and found:
            found[-1] += "\n" + line[2:]
    return found


def shown(command: str, answer: str) -> str:
    """A command and its answer as they stand in a console block."""
    head = "$ " + command.replace("\n", "\n> ") + "\n"
    for varying, example in _VARYING:
        answer = varying.sub(example, answer)
    return head + (answer if not answer or answer.endswith("\n") else answer + "\n")


def answered(readme: str, folder: Path, environment: dict[str, str]) -> str:
    """The README with the answers that its commands gave, run one after the other by one bash in `folder`."""
    blocks = _BLOCK.findall(readme)
    script = "".join(
        f"{command}\nprintf '%s\\n' '{_MARK}'\n" for block in blocks for command in commands(block)
    )
    run = subprocess.run(
        ["bash"],
        input=script,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
        timeout=300,
    )
    answers = iter(run.stdout.replace("\r", "").split(_MARK + "\n"))
    return _BLOCK.sub(
        lambda match: "".join(shown(command, next(answers)) for command in commands(match[0])), readme
    )


@contextmanager
def served(folder: Path):
    """A newcomer's clone in `folder`, with `make run` under way; yields the environment of a second shell."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    for name in ("hiring_api", "migration_job"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / ".local").mkdir()
    (folder / ".local" / "venv").symlink_to(sys.prefix)
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    environment |= {"LANG": "C.UTF-8", "PYTHONWARNINGS": "ignore"}
    server = subprocess.Popen(
        [sys.executable, "-m", "hiring_api.cli.local"],
        cwd=folder,
        env={**environment, "API_PORT": str(port)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(port)
        yield {**environment, "PORT": str(port)}
    finally:
        server.terminate()
        server.wait(30)


def _wait(port: int) -> None:
    deadline = time.monotonic() + _START
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=5).close()
        except (urllib.error.URLError, ConnectionError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return


def tried(readme: str) -> str:
    """The README with the answers of a fresh server; ports are shown as the default one."""
    with tempfile.TemporaryDirectory() as name, served(Path(name)) as environment:
        port = environment["PORT"]
        text = answered(readme.replace(":8000", f":{port}"), Path(name), environment)
    return text.replace(f":{port}", ":8000").replace(str(Path(name).resolve()), "/home/you/hiring-api")


def difference(readme: str) -> str:
    """What of the README is not what the program prints; empty when all of it is."""
    lines = difflib.unified_diff(
        readme.splitlines(), tried(readme).splitlines(), "README", "printed", lineterm=""
    )
    return "\n".join(lines)


if __name__ == "__main__":
    README.write_text(tried(README.read_text(encoding="utf-8")), encoding="utf-8")
