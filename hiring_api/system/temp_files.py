"""Temporary files and folders that are removed soon after their owner ends, even if it was killed.

The owner holds a lock on what it made, which the system frees when the owner dies. Whoever makes the next one
removes those of the same kind that nobody holds. On file systems without such locks, they stay.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_RANDOM: Final = "[a-z0-9_]{8}"  # what tempfile puts between prefix and suffix


class ScratchFolder:
    """A new, empty folder, removed with all in it when it is closed."""

    def __init__(self, prefix: str, folder: Path | None = None) -> None:
        folder = folder or Path(tempfile.gettempdir())
        sweep(folder, prefix)
        while True:
            self.path = Path(tempfile.mkdtemp(prefix=prefix, dir=folder))
            with suppress(FileNotFoundError):  # swept before it was locked
                self._lock = os.open(self.path, os.O_RDONLY)
                if _locked(self._lock, self.path):
                    return

    def close(self) -> None:
        """Remove it."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *_exception: object) -> None:
        self.close()


def scratch_file(folder: Path, prefix: str, suffix: str = "") -> tuple[int, Path]:
    """The descriptor of a new file in `folder`, open for writing, and its path.

    The caller renames or removes it before closing it: from then on anybody may remove it.
    """
    sweep(folder, prefix, suffix)
    while True:
        descriptor, name = tempfile.mkstemp(suffix, prefix, folder)
        if _locked(descriptor, Path(name)):
            return descriptor, Path(name)


def _locked(descriptor: int, path: Path) -> bool:
    """True if what was just made is locked now; else another process has removed it, and it is closed."""
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    if is_the_file(path, descriptor):
        return True
    os.close(descriptor)
    return False


def sweep(folder: Path, prefix: str, suffix: str = "") -> None:
    """Remove what this user's processes have left in `folder`, if they have ended."""
    ours = re.compile(re.escape(prefix) + _RANDOM + re.escape(suffix))
    for path in _owned(folder, ours):
        # Others write into /tmp too: nothing is followed or waited for
        with suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(path)
            finally:
                os.close(descriptor)


def _owned(folder: Path, ours: re.Pattern[str]) -> Iterator[Path]:
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if ours.fullmatch(entry.name) and entry.stat(follow_symlinks=False).st_uid == os.geteuid():
                yield Path(entry.path)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink()


def is_the_file(path: Path, descriptor: int) -> bool:
    """True if the path still names the open file; its last holder may have removed it."""
    try:
        return os.fstat(descriptor).st_ino == path.stat().st_ino
    except FileNotFoundError:
        return False
