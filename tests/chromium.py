"""A browser for tests: the one that is installed, or Chromium from the system's packages.

Its headless shell is the same Chromium without windows, and takes a third of the processor's time.

As a program, `python -m tests.chromium` installs one if there is none and that is possible. Without one it
says that the tests in a browser cannot run, and with REQUIRE_BROWSER=1 ends with 1.
"""

from __future__ import annotations

import os
import shutil
import sys

from tests.packages import apt_get

_SHELL = "chromium-headless-shell"
_NAMES = (_SHELL, "chromium", "google-chrome", "google-chrome-stable", "chromium-browser")
FLAGS = [
    "--headless",
    "--no-sandbox",  # which root cannot have, and containers often do not give
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def installed() -> str | None:
    """The path of a browser that Playwright can drive as Chromium."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


def required() -> bool:
    """True if a missing browser is a failure."""
    return os.environ.get("REQUIRE_BROWSER", "0") not in {"", "0"}


def main() -> int:
    """Provide a browser; 1 if one is required and there is none."""
    if installed() is None:
        apt_get([[_SHELL], ["chromium"]], "No browser is installed: installing Chromium with apt-get.")
    if installed() is None:
        box = f"{'!' * 78}\n! THE TESTS IN A BROWSER DO NOT RUN: there is neither Chromium nor Chrome.\n"
        box += f"! Install it (on Debian: apt-get install chromium).\n{'!' * 78}\n"
        sys.stderr.write(box)
        return 1 if required() else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
