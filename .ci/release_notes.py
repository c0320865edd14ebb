"""The section of CHANGELOG.md for a tag such as v0.2.0, as the release's text.

Usage: python3 .ci/release_notes.py TAG. Needs Python 3.11 or newer and nothing else.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def notes(tag: str, changelog: str, project: str) -> str:
    """The lines under the heading of `tag`'s version in `changelog`; `project` is pyproject.toml's text.

    Raises:
        ValueError: the tag is not that version's, or the changelog says nothing of it.
    """
    version = tomllib.loads(project)["project"]["version"]
    if tag != f"v{version}":
        raise ValueError(f"the tag is {tag}, but pyproject.toml says {version}: it must be v{version}")
    sections = re.split(r"^## \[([^\]]+)\].*$", changelog, flags=re.MULTILINE)
    found = dict(zip(sections[1::2], sections[2::2], strict=True)).get(version, "")
    # Links are written below the last section
    text = re.sub(r"^\[[^\]]+\]: .*$", "", found, flags=re.MULTILINE).strip()
    if not text:
        raise ValueError(f"CHANGELOG.md has no section for {version}: give [Unreleased] its version and date")
    return f"{text}\n"


def main(arguments: list[str]) -> int:
    """Prints the notes; the exit status: 0, 1 with a sentence, or 2 for wrong usage."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python3 .ci/release_notes.py TAG\n")
        return 2
    changelog, project = (
        (ROOT / name).read_text(encoding="utf-8") for name in ("CHANGELOG.md", "pyproject.toml")
    )
    try:
        sys.stdout.write(notes(arguments[0], changelog, project))
    except ValueError as wrong:
        sys.stderr.write(f"release_notes: {wrong}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
