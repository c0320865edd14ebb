"""Linters of the OpenAPI document, and what makes a TypeScript client of it. They need Node.js and npm.

`python -m tests.openapi_tools` installs the versions that `.ci/openapi/package-lock.json` pins into
`.local/openapi/`; with the argument `lint` it also has Redocly and Spectral check the document, which fails
for warnings, too. Without Node.js it says loudly what is left out, and ends with 1 where it is required: in
CI, unless REQUIRE_NODE=0, and with REQUIRE_NODE=1.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.api_page import document

ROOT = Path(__file__).parent.parent
PINNED = ROOT / ".ci" / "openapi"
FOLDER = ROOT / ".local" / "openapi"
_LISTS = ("package.json", "package-lock.json", ".npmrc")
_OLDEST = 20  # version of Node.js
_QUIET = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true", "NO_COLOR": "1"}


def required() -> bool:
    """True if missing programs are a failure."""
    return os.environ.get("REQUIRE_NODE", "1" if os.environ.get("CI") == "true" else "0") not in {"", "0"}


def installed() -> bool:
    """True if the programs are there in the versions that are pinned."""
    lock = FOLDER / "installed.json"
    return lock.is_file() and lock.read_bytes() == (PINNED / "package-lock.json").read_bytes()


def run(program: str, *arguments: str | Path, folder: Path = FOLDER) -> subprocess.CompletedProcess[str]:
    """Run one of the programs in `folder`, and return its exit status and output."""
    command = [FOLDER / "node_modules" / ".bin" / program, *arguments]
    environ = {**os.environ, **_QUIET}
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)


def install() -> bool:
    """Install the programs where that has not been done; False if that is not possible."""
    if installed():
        return True
    if shutil.which("npm") is None or _node_version() < _OLDEST:
        return False
    sys.stderr.write("Installing the linters of the OpenAPI document into .local/openapi, by npm.\n")
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in _LISTS:
        shutil.copy(PINNED / name, FOLDER)
    command = ["npm", "ci", "--loglevel=error"]
    if subprocess.run(command, cwd=FOLDER, stdout=sys.stderr, check=False).returncode:
        return False
    shutil.copy(PINNED / "package-lock.json", FOLDER / "installed.json")
    return True


def _node_version() -> int:
    if shutil.which("node") is None:
        return 0
    said = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    return int(said.strip().removeprefix("v").partition(".")[0])


def findings(api: dict[str, object]) -> str:
    """What Redocly and Spectral find wrong in a document, warnings included; empty if nothing."""
    file = FOLDER / "openapi.json"
    file.write_text(json.dumps(api, indent=1), encoding="utf-8")
    redocly = run("redocly", "lint", file, "--config", PINNED / "redocly.yaml", "--format=json")
    totals = json.loads(redocly.stdout or "{}").get("totals")
    ruleset = PINNED / "spectral.yaml"
    spectral = run("spectral", "lint", file, "--ruleset", ruleset, "--fail-severity=hint", "--quiet")
    found = ""
    if redocly.returncode or totals is None or any(totals.values()):
        found += f"redocly: {redocly.stdout}{redocly.stderr}\n"
    if spectral.returncode:
        found += f"spectral: {spectral.stdout}{spectral.stderr}\n"
    return found


def main(arguments: list[str]) -> int:
    """Install the programs, and check the document if that is asked for; return the exit status."""
    if not install():
        box = f"{'!' * 78}\n! THE OPENAPI DOCUMENT IS NOT LINTED, AND NO TYPESCRIPT CLIENT IS MADE OF IT:\n"
        box += f"! it takes Node.js {_OLDEST} or newer, and npm that can install packages.\n{'!' * 78}\n"
        sys.stderr.write(box)
        return 1 if required() else 0
    found = findings(document()) if arguments == ["lint"] else ""
    sys.stderr.write(found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
