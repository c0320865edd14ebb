"""Turn a full disk into an error of this program, whoever was writing."""

from __future__ import annotations

import errno
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from hiring_api.errors import StorageFull

if TYPE_CHECKING:
    from collections.abc import Iterator

_NO_ROOM: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def room(
    message: str = "there is no room left for temporary files (TMPDIR): nothing was kept",
    kind: type[StorageFull] = StorageFull,
) -> Iterator[None]:
    """Raise `kind` with `message` if the disk is full, a quota used up or a file too large in the block."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise kind(message) from error
        raise
