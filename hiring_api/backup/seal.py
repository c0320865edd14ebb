"""The seal of a zip that we wrote: a comment at its end with the SHA-256 of every byte before it.

A zip has a checksum for each entry, but none for what is around the entries: names, times, offsets, and bytes
before or after them could change unnoticed. Other programs show the comment or ignore it.
"""

from __future__ import annotations

import sys
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from hiring_api.errors import InvalidFile

if TYPE_CHECKING:
    from typing import IO

NOT_READABLE: Final = "the zip is not a readable backup"
_MARK: Final = b"hiring-api sha256 "
_DIGITS: Final = 2 * sha256().digest_size
EMPTY_SEAL: Final = _MARK + b"0" * _DIGITS
_PIECE: Final = 1024 * 1024
# The record at the end of every zip (APPNOTE.TXT 4.3.16). Its last field is the length of the comment
_END: Final = b"PK\x05\x06"
_END_BYTES: Final = 22


def seal(file: IO[bytes]) -> None:
    """Write the seal of a complete zip in the place of `EMPTY_SEAL`, its comment."""
    size = file.seek(0, 2)
    digest = digest_of(file, size - _DIGITS)
    file.seek(size - _DIGITS)
    file.write(digest.encode())


def require_intact(file: IO[bytes]) -> bytes:
    """Compare a zip with its seal; return the record at its end, without the comment.

    A zip without a comment comes from another program, and has no seal.

    Raises:
        InvalidFile: bytes of it changed, are missing or were added; or it is no zip.
    """
    size = file.seek(0, 2)
    file.seek(max(0, size - _END_BYTES - len(EMPTY_SEAL)))
    tail = file.read()
    sealed = tail[_END_BYTES:].startswith(_MARK)
    end = tail[:_END_BYTES] if sealed else tail[-_END_BYTES:]
    if not end.startswith(_END) or end[-2:] != (len(EMPTY_SEAL) if sealed else 0).to_bytes(2, "little"):
        raise InvalidFile(f"{NOT_READABLE}: it is no zip, or cut short, or has bytes behind its end")
    if sealed and digest_of(file, size - _DIGITS).encode() != tail[-_DIGITS:]:
        raise InvalidFile(f"{NOT_READABLE}: its bytes are not those that were saved")
    file.seek(0)
    return end


def digest_of(file: IO[bytes], size: int = sys.maxsize) -> str:
    """Return the SHA-256 of a file's first `size` bytes, of all by default, as hexadecimal digits."""
    digest = sha256()
    file.seek(0)
    while size and (piece := file.read(min(size, _PIECE))):
        digest.update(piece)
        size -= len(piece)
    return digest.hexdigest()
