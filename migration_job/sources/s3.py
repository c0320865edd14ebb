"""CSV files in S3: lists a prefix, and copies objects to disk as `https` does."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from hiring_api.errors import InvalidFile
from hiring_api.system.disk_full import room
from hiring_api.system.object_store import (
    NoSuchObject,
    NotAllowed,
    ObjectStoreError,
    explained,
    open_bucket,
    pieces,
    split_address,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def list_s3(source: str) -> list[str]:
    """The addresses directly under `s3://bucket/prefix`; those of folders end with a slash.

    Where `source` is itself an object, its own address alone.

    Raises:
        InvalidFile: there is no such bucket, or it may not be listed.
    """
    bucket, key = _split(source)
    with _readable(source):
        store = open_bucket(bucket)
        if key:
            # S3 answers a HEAD without words. What is wrong then, the list says
            with suppress(NoSuchObject, NotAllowed), explained():
                store.head(key)
                return [source]
        with explained():
            found = store.list_with_delimiter(key or None)
        # A program that shows S3 as folders puts an empty object under a folder's own name
        files = [one["path"] for one in found["objects"] if one["path"] != key]
        folders = [f"{one}/" for one in found["common_prefixes"]]
        if key and not files and not folders and not found["objects"]:
            raise NoSuchObject("there is nothing under this name")
    return [f"s3://{bucket}/{path}" for path in sorted([*files, *folders])]


def from_s3(source: str, target: Path) -> None:
    """Copy an object to the file `target`.

    Raises:
        InvalidFile: it is not there, may not be read, or ended early.
    """
    bucket, key = _split(source)
    with _readable(source), target.open("wb") as file:
        for piece in pieces(open_bucket(bucket), key):
            with room():
                file.write(piece)


def _split(source: str) -> tuple[str, str]:
    try:
        return split_address(source)
    except ValueError as error:
        raise InvalidFile(str(error)) from None


@contextmanager
def _readable(source: str) -> Iterator[None]:
    try:
        yield
    except ObjectStoreError as error:
        raise InvalidFile(f"{source} cannot be read: {error}") from None
