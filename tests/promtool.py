"""promtool for the tests: the one that is installed, or that of Debian's package prometheus.

As a program, `python -m tests.promtool` takes it out of the package into `.local/promtool/` where there is
none: one program of the package, none of its services. Where that is not possible it says so, and with
REQUIRE_PROMTOOL=1 ends with 1.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from tests.server import apt_get

FOLDER = Path(__file__).parent.parent / ".local" / "promtool"
_PATH = FOLDER / "promtool"
_IN_PACKAGE = "./usr/bin/promtool"


def installed() -> str | None:
    """The path of promtool."""
    return shutil.which("promtool") or (str(_PATH) if _PATH.exists() else None)


def required() -> bool:
    """True if a missing promtool is a failure."""
    return os.environ.get("REQUIRE_PROMTOOL", "0") not in {"", "0"}


def _fetch() -> bool:
    """Take promtool out of the package; False if that is not possible."""
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        return False
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # apt-get loads as another user
        command = ["apt-get", "-qq", "download", "prometheus"]
        subprocess.run(command, cwd=folder, stdout=sys.stderr, stderr=subprocess.DEVNULL, check=False)
        packages = list(folder.glob("prometheus_*.deb"))
        if not packages:
            return False
        content = folder / "content.tar"
        with content.open("wb") as tar:
            subprocess.run(["dpkg-deb", "--fsys-tarfile", packages[0]], stdout=tar, check=True)
        with tarfile.open(content) as tar:
            tar.extract(_IN_PACKAGE, folder, filter="data")
        FOLDER.mkdir(parents=True, exist_ok=True)
        shutil.move(folder / _IN_PACKAGE, _PATH)
    return True


def main() -> int:
    """Provide promtool; 1 if it is required and cannot be had."""
    if installed() or _fetch():
        return 0
    # The lists of packages may be missing: they are loaded with the first package
    apt_get([["dpkg"]], "Loading the lists of packages, for promtool.")
    if _fetch():
        return 0
    sys.stderr.write("! promtool is not there: the rules for Prometheus are not checked by it.\n")
    return 1 if required() else 0


if __name__ == "__main__":
    sys.exit(main())
