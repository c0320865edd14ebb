"""Files from S3, copied to disk as those from the web are. AWS's variables say where it is and who asks."""

from __future__ import annotations

import logging
import re
import shutil
from typing import TYPE_CHECKING, Any, Final

from hiring_api.errors import InvalidFile
from hiring_api.system.disk_full import room

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_COPIED: Final = 1024 * 1024  # bytes at once
_BUCKET: Final = re.compile(r"[A-Za-z0-9._-]{3,255}")
_NO_CREDENTIALS: Final = "there are no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
_UNKNOWN: Final = "S3 does not take the credentials: check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
_FORBIDDEN: Final = "the credentials do not allow it: they need to list the bucket and read its objects"
_AWAY: Final = "no S3 can be reached: check the network, AWS_ENDPOINT_URL and AWS_DEFAULT_REGION"
_SETTINGS: Final = "AWS's settings do not work: check AWS_ENDPOINT_URL, AWS_PROFILE and AWS_DEFAULT_REGION"
_REASONS: Final = {
    "NoSuchBucket": "there is no such bucket: check its name and AWS_ENDPOINT_URL",
    "NoSuchKey": "there is no such object",
    "404": "there is no such object",
    "InvalidAccessKeyId": _UNKNOWN,
    "SignatureDoesNotMatch": _UNKNOWN,
    "InvalidToken": _UNKNOWN,
    "ExpiredToken": "the credentials have expired: get new ones",
    "AccessDenied": _FORBIDDEN,
    "403": _FORBIDDEN,
    "RequestTimeTooSkewed": "this machine's clock is wrong",
    "PermanentRedirect": "the bucket is in another region: set AWS_DEFAULT_REGION",
    "NoCredentialsError": _NO_CREDENTIALS,
    "PartialCredentialsError": _NO_CREDENTIALS,
    "EndpointConnectionError": _AWAY,
    "ConnectTimeoutError": _AWAY,
    "ReadTimeoutError": _AWAY,
    "ConnectionClosedError": _AWAY,
}


def is_s3(source: str) -> bool:
    """Whether `source` is an address in S3."""
    return source.startswith("s3://")


def list_s3(source: str) -> list[str]:
    """What is under `s3://bucket/prefix`, folders with a slash at their end; or the one object of this name.

    Raises:
        InvalidFile: there is no such bucket, or it may not be listed.
    """
    if not _BUCKET.fullmatch(source.removeprefix("s3://").partition("/")[0]):
        raise InvalidFile(f"{source} names no bucket: it must look like s3://bucket/prefix")
    found: list[str] = _s3(source, lambda files: _under(files, source))
    return found


def _under(files: Any, source: str) -> list[str]:
    if files.isfile(source):
        return [source]
    root = source.rstrip("/")
    found = [(f"s3://{one['name'].rstrip('/')}", one["type"]) for one in files.ls(root, detail=True)]
    # A program that shows S3 as folders puts an empty object under a folder's own name
    return [name if kind == "file" else f"{name}/" for name, kind in found if name != root]


def from_s3(source: str, target: Path) -> None:
    """Copies an object to `target`.

    Raises:
        InvalidFile: it is not there or may not be read.
    """

    def copy(files: Any) -> None:
        with room(), files.open(source, "rb") as remote, target.open("wb") as file:
            shutil.copyfileobj(remote, file, _COPIED)

    _s3(source, copy)


def _s3(source: str, work: Callable[[Any], Any]) -> Any:
    """What `work` makes of the file system that S3 is."""
    try:
        import s3fs
    except ImportError:
        raise InvalidFile("s3:// needs the package s3fs: pip install s3fs") from None
    from botocore.exceptions import BotoCoreError, ClientError

    for name in ("botocore", "aiobotocore"):  # which tell where they found credentials
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        return work(s3fs.S3FileSystem(skip_instance_cache=True))
    except (OSError, ValueError, BotoCoreError, ClientError) as error:
        raise InvalidFile(f"{source} cannot be read: {_reason(error)}") from None


def _reason(error: BaseException) -> str:
    """What is wrong and what to do; s3fs hides what S3 answered behind errors of files."""
    for one in _chain(error):
        code = str(getattr(one, "response", {}).get("Error", {}).get("Code", ""))
        for known in (code, type(one).__name__):
            if known in _REASONS:
                return _REASONS[known]
        if code:
            return f"S3 answered {code}"
    if isinstance(error, PermissionError):
        return _FORBIDDEN
    if isinstance(error, FileNotFoundError):
        return "there is nothing under this name"
    return _SETTINGS


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and those that led to it, the first one first."""
    if error is not None:
        yield from _chain(error.__cause__ or error.__context__)
        yield error
