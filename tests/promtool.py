"""promtool for the tests: the one that is installed, or that of Debian's package prometheus.

As a program, `python -m tests.promtool` takes it out of the package into `.local/promtool/` where there is
none: one program of the package, none of its services. Where that is not possible it says so, and with
REQUIRE_PROMTOOL=1 ends with 1.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from tests.packages import apt_get, take

FOLDER = Path(__file__).parent.parent / ".local" / "promtool"
_PATH = FOLDER / "promtool"


def installed() -> str | None:
    """The path of promtool."""
    return shutil.which("promtool") or (str(_PATH) if _PATH.exists() else None)


def required() -> bool:
    """True if a missing promtool is a failure."""
    return os.environ.get("REQUIRE_PROMTOOL", "0") not in {"", "0"}


def _fetch() -> bool:
    """Take promtool out of the package; False if that is not possible."""
    return take("prometheus", ["usr/bin/promtool"], FOLDER)


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
