"""The files at an address, with their sizes: in a folder, or in S3 below a prefix."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from hiring_api.errors import StorageUnavailable

from . import object_store


class Listed(NamedTuple):
    """A file: its name within the folder, and its size in bytes."""

    name: str
    bytes: int


def list_files(address: str) -> list[Listed]:
    """The files of a folder or below a prefix, or the one file that is meant; hidden ones are left out.

    Raises:
        StorageUnavailable: it is not there, cannot be read, or is another kind of address.
    """
    if object_store.is_s3(address):
        found = _in_s3(address)
    elif address == "-" or "://" in address:
        raise StorageUnavailable("only a folder, a file or s3://bucket/prefix can be listed")
    else:
        try:
            found = _on_disk(Path(address))
        except FileNotFoundError:
            raise StorageUnavailable("there is no folder or file of this name") from None
        except OSError as error:
            raise StorageUnavailable("it cannot be read") from error
    return sorted(file for file in found if not file.name.startswith("."))


def _on_disk(path: Path) -> list[Listed]:
    return in_folder(path) if path.is_dir() else [Listed(path.name, path.stat().st_size)]


def in_folder(path: Path) -> list[Listed]:
    """The files of a folder, hidden ones too, in no order; raises OSError where it cannot be read."""
    found = []
    with os.scandir(path) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):  # deleted meanwhile, or a link to nothing
                if entry.is_file():
                    found.append(Listed(entry.name, entry.stat().st_size))
    return found


def _in_s3(address: str) -> list[Listed]:
    try:
        bucket, key = object_store.split_address(address)
        store = object_store.open_bucket(bucket)
        if key:
            # S3 answers a HEAD without words. What is wrong then, the list says
            with suppress(object_store.NoSuchObject, object_store.NotAllowed), object_store.explained():
                return [Listed(key.rpartition("/")[2], store.head(key)["size"])]
        with object_store.explained():
            found = store.list_with_delimiter(key or None)["objects"]
    except ValueError as error:
        raise StorageUnavailable(str(error)) from None
    except object_store.ObjectStoreError as error:
        raise StorageUnavailable("it cannot be read") from error
    if not found:
        raise StorageUnavailable("there is nothing under this name")
    return [Listed(one["path"].rpartition("/")[2], one["size"]) for one in found if one["path"] != key]
