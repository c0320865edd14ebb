"""Files that are not on this machine's disk: standard input, https://, s3://. They are copied to disk first,
so that a load can be checked before it begins and gone on with after it was killed.
"""

from __future__ import annotations

import shutil
import sys
import urllib.error
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING, Any, Final

from hiring_api.data.errors import InvalidFile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import IO

_COPIED: Final = 1024 * 1024  # bytes at once
_SECONDS: Final = 60.0  # without a byte


def from_stdin(target: Path) -> None:
    """Copies standard input to `target`."""
    with target.open("wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file, _COPIED)


def is_web(source: str) -> bool:
    """Whether `source` is an address of the web."""
    return source.startswith(("https://", "http://"))


def from_web(source: str, target: Path) -> None:
    """Copies what is at an address to `target`.

    Raises:
        InvalidFile: it is not there, or ended early.
    """
    shown = without_secrets(source)
    try:
        with urllib.request.urlopen(source, timeout=_SECONDS) as answer, target.open("wb") as file:  # noqa: S310  # is_web
            shutil.copyfileobj(answer, file, _COPIED)
            expected = answer.headers.get("Content-Length")
            if expected is not None and file.tell() != int(expected):
                raise InvalidFile(f"{shown} ended after {file.tell()} of {expected} bytes")
    except urllib.error.HTTPError as error:
        raise InvalidFile(f"{shown} cannot be read: the server answered {error.code}") from None
    except OSError as error:
        raise InvalidFile(f"{shown} cannot be read: {getattr(error, 'reason', error)}") from None


def without_secrets(source: str) -> str:
    """An address without user, password and query, which may be a signature."""
    parts = urllib.parse.urlsplit(source)
    return urllib.parse.urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def is_s3(source: str) -> bool:
    """Whether `source` is an address in S3."""
    return source.startswith("s3://")


def list_s3(source: str) -> list[str]:
    """The files under `s3://bucket/prefix`, or the one that has this very name.

    Raises:
        InvalidFile: there is no such bucket, or it may not be listed.
    """
    found: list[str] = _s3(source, lambda files: _under(files, source))
    return found


def _under(files: Any, source: str) -> list[str]:
    if files.isfile(source):
        return [source]
    return [f"s3://{name}" for name in files.ls(source.rstrip("/"), detail=False) if files.isfile(name)]


def from_s3(source: str, target: Path) -> None:
    """Copies an object to `target`.

    Raises:
        InvalidFile: it is not there or may not be read.
    """

    def copy(files: Any) -> None:
        with files.open(source, "rb") as remote, target.open("wb") as file:
            _copy(remote, file)

    _s3(source, copy)


def _copy(remote: IO[bytes], file: IO[bytes]) -> None:
    shutil.copyfileobj(remote, file, _COPIED)


def _s3(source: str, work: Callable[[Any], Any]) -> Any:
    """What `work` makes of the file system that S3 is; address and credentials come from AWS's variables."""
    try:
        import s3fs
    except ImportError:
        raise InvalidFile("s3:// needs the package s3fs: pip install s3fs") from None
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return work(s3fs.S3FileSystem(skip_instance_cache=True))
    except (OSError, BotoCoreError, ClientError) as error:
        raise InvalidFile(f"{source} cannot be read: {error}") from None
