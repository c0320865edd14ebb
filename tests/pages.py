"""Runs the commands of the README and of docs/, and compares what they print with what the pages say.

A block marked `sh` is a command that a reader can copy; the block after it, marked `text`, `json` or `csv`,
is its answer, in which `…` stands for whatever is left out. Blocks marked `shell` are not run: what needs
Docker, a service manager or another machine. Each page has a fresh folder with `make run` under way, and one
bash that runs its commands one after the other.

`python -m tests.pages [PAGE…]` writes new answers into the pages where they differ and leave nothing out, and
says which others differ.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
DOCS = ROOT / "docs"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MARK = "@@ answer ends @@"
_SHOWN_AS = {"text", "json", "csv"}
_START = 180  # seconds, on a busy machine
# What differs from run to run, and how the pages show it
_VARYING = [
    (re.compile(r"\b[0-9a-f]{32}\b"), "0123456789abcdef0123456789abcdef"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "0123456789abcdef" * 4),
    (re.compile(r"(\d{8}T\d{6}Z)-[0-9a-f]{8}\b"), r"\1-a1b2c3d4"),
    (re.compile(r"\b20(2[6-9]|[3-9]\d)-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "2026-11-20T16:02:08Z"),
    (re.compile(r"\b20(2[6-9]|[3-9]\d)\d{4}T\d{6}(\.?\d{6})?Z"), "20261120T160208Z"),
]


@dataclass
class Command:
    """A command of a page: what is run, the answer that the page shows (None: it shows none), and where."""

    run: str
    answer: str | None = None
    span: tuple[int, int] = (0, 0)
    printed: str = ""

    def differs(self) -> bool:
        """True if what was printed is not what the page shows."""
        if self.answer is None:
            return False
        parts = (re.escape(part) for part in self.answer.strip().split("…"))
        return re.fullmatch(".*?".join(parts), self.printed.strip(), re.DOTALL) is None


def commands(page: str) -> list[Command]:
    """The commands of a page in order, each with the answer that stands right after it."""
    found: list[Command] = []
    end = -1
    for match in _BLOCK.finditer(page):
        kind, text = match[1], match[2]
        if kind == "sh":
            found.append(Command(text))
            end = match.end()
        elif kind in _SHOWN_AS and found and not page[end : match.start()].strip():
            found[-1].answer, found[-1].span = text, match.span(2)
    return found


def tried(page: str) -> list[Command]:
    """The commands of a page with what they printed, in a newcomer's folder and against its server."""
    found = commands(page)
    with tempfile.TemporaryDirectory() as name, served(Path(name)) as environment:
        port = environment["PORT"]
        script = "".join(f"{command.run}\nprintf '%s\\n' '{_MARK}'\n" for command in found)
        run = subprocess.run(
            ["bash"],
            input=script.replace(":8000", f":{port}"),
            cwd=name,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=300,
        )
        text = run.stdout.replace("\r", "").replace(f":{port}", ":8000")
        text = text.replace(str(Path(name).resolve()), "/home/you/hiring-api")
    for command, printed in zip(found, usual(text).split(_MARK + "\n"), strict=False):
        command.printed = printed
    return found


def usual(text: str) -> str:
    """A text with the same ids, digests, names and times in each run."""
    for varying, example in _VARYING:
        text = varying.sub(example, text)
    return text


@contextmanager
def served(folder: Path) -> Iterator[dict[str, str]]:
    """A newcomer's clone in `folder`, with `make run` under way; yields the environment of a second shell."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    for name in ("hiring_api", "migration_job"):
        # With what Python has compiled already; other processes may be writing some of it
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("*.pyc.*"))
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
        except OSError:  # nobody listens yet, or it takes its time
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return


def pages() -> list[Path]:
    """The pages that have commands to run."""
    return [
        path for path in [README, *sorted(DOCS.glob("*.md"))] if commands(path.read_text(encoding="utf-8"))
    ]


def _rewrite(path: Path) -> bool:
    """Write new answers into a page; True if all of it is right now."""
    page = path.read_text(encoding="utf-8")
    right = True
    for command in reversed(tried(page)):
        if command.differs():
            if "…" in (command.answer or ""):
                sys.stdout.write(f"{path.name}: {command.run}prints\n{command.printed}not\n{command.answer}")
                right = False
            else:
                start, end = command.span
                page = f"{page[:start]}{command.printed.rstrip()}\n{page[end:]}"
    path.write_text(page, encoding="utf-8")
    return right


if __name__ == "__main__":
    chosen = [Path(name) for name in sys.argv[1:]] or pages()
    results = [_rewrite(path) for path in chosen]
    sys.exit(not all(results))
