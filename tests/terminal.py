"""A program on a terminal of its own: what it shows there, and keys for it.

with Terminal(sys.executable, "-m", "migration_job") as terminal:
    terminal.until(r"departments: +100%")
    terminal.type(CTRL_C)
    status = terminal.end()
    terminal.shown                          # everything it wrote to standard error, which is the terminal
    terminal.output                         # its standard output, which is none
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import tempfile
import termios
import time

CTRL_C = b"\x03"
_SECONDS = 60
# The terminal becomes the one that the program's session is controlled by: its keys send signals
_CONTROLLED = (
    "import fcntl, os, sys, termios; fcntl.ioctl(2, termios.TIOCSCTTY, 0); "
    "os.execvp(sys.argv[1], sys.argv[1:])"
)


class Terminal:
    """One program. As a context manager it is running inside the block, and killed at its end."""

    def __init__(self, *command, environ=None, size=(24, 120)):
        self.shown = ""
        self._output = tempfile.TemporaryFile()  # noqa: SIM115  # closed at the end
        self._keys, screen = pty.openpty()
        fcntl.ioctl(screen, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-c", _CONTROLLED, *command],
            stdin=screen,
            stdout=self._output,
            stderr=screen,
            env=environ,
            start_new_session=True,
        )
        os.close(screen)

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self.process.kill()
        self.process.wait()
        os.close(self._keys)
        self._output.close()

    def until(self, pattern):
        """Reads on until what was shown has a match of `pattern`, and gives it."""
        deadline = time.monotonic() + _SECONDS
        while (found := re.search(pattern, self.shown)) is None:
            assert self._read(deadline), f"it ended without {pattern}: {self.shown[-2000:]}"
        return found

    def type(self, keys):
        """Presses keys."""
        os.write(self._keys, keys)

    def end(self):
        """The exit status, when the program has ended; everything it showed is read."""
        deadline = time.monotonic() + _SECONDS
        while self._read(deadline):
            pass
        return self.process.wait()

    @property
    def output(self):
        """What it wrote to standard output until now."""
        self._output.seek(0)
        return self._output.read().decode()

    def _read(self, deadline):
        """Reads what there is to read; false at the end."""
        ready, _, _ = select.select([self._keys], [], [], max(0, deadline - time.monotonic()))
        assert ready, f"nothing more after {_SECONDS} s: {self.shown[-2000:]}"
        try:
            data = os.read(self._keys, 65536)
        except OSError:  # Linux says EIO when the last program has left the terminal
            return False
        self.shown += data.decode(errors="replace")
        return bool(data)
