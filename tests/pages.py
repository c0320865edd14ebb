"""Runs the commands of the pages in docs/, and compares what they print with what the pages say.

A block marked `sh` is a command that a reader can copy; the block after it, marked `text`, `json` or `csv`,
is its answer, in which `…` stands for whatever is left out. Blocks marked `shell` are not run: what needs
Docker, a service manager or another machine. Each page has a fresh folder with `make run` under way, and one
bash that runs its commands one after the other.

`python -m tests.pages [PAGE…]` writes new answers into the pages where they differ and leave nothing out, and
says which others differ.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests import walkthrough

DOCS = walkthrough.ROOT / "docs"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MARK = "@@ answer ends @@"
_SHOWN_AS = {"text", "json", "csv"}


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
    with tempfile.TemporaryDirectory() as name, walkthrough.served(Path(name)) as environment:
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
    for varying, example in walkthrough._VARYING:
        text = varying.sub(example, text)
    for command, printed in zip(found, text.split(_MARK + "\n"), strict=False):
        command.printed = printed
    return found


def pages() -> list[Path]:
    """The pages that have commands to run."""
    return [path for path in sorted(DOCS.glob("*.md")) if commands(path.read_text(encoding="utf-8"))]


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
    chosen = [DOCS / name for name in sys.argv[1:]] or pages()
    results = [_rewrite(path) for path in chosen]
    sys.exit(not all(results))
