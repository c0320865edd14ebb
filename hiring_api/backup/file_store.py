"""Stores for backups: a local folder, or S3 as `s3://bucket/prefix`.

A file appears under its name when it is complete, or not at all.
"""

from __future__ import annotations

import errno
import os
import re
import tempfile
from abc import ABC, abstractmethod
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from hiring_api.errors import BackupsFull, NotFound, StorageUnavailable
from hiring_api.system import object_store
from hiring_api.system.disk_full import room
from hiring_api.system.listing import in_folder
from hiring_api.system.temp_files import scratch_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,100}")
_URL: Final = re.compile(r"[a-z0-9]+://")
_HIDDEN: Final = ".hiring-"
_PART: Final = ".part"
_FULL: Final = "there is no room left where backups are kept: delete some, or make room; nothing was kept"
_NO_BUCKET: Final = "the place of the backups is not there: create the bucket"
_NO_STORE: Final = "BACKUP_DIR is no place that backups can be kept in"
# S3 takes at most 10,000 parts: 80 GB
_PART_BYTES: Final = 8 * 1024 * 1024
_PARTS_AT_ONCE: Final = 3


class Store(ABC):
    """Files in a folder without subfolders, or in a bucket below a prefix.

    Raises:
        StorageUnavailable: from all methods, if the store cannot be reached.
        StorageFull: from all methods that write, if a disk is full.
    """

    def names(self) -> list[str]:
        """Return the names of all complete files, sorted."""
        return sorted(self.sizes())

    @abstractmethod
    def sizes(self) -> dict[str, int]:
        """Return the bytes of each complete file, by its name."""

    @abstractmethod
    def require_writable(self) -> None:
        """Require that files can be stored, as far as that is known without storing one."""

    @abstractmethod
    def exists(self) -> bool:
        """Return True if the folder exists; of a bucket, if there is any object below the prefix."""

    @abstractmethod
    def open(self, name: str) -> IO[bytes]:
        """Open a file for reading; it is seekable.

        Raises:
            NotFound: there is none of this name.
        """

    @abstractmethod
    def put(self, name: str, write: Callable[[IO[bytes]], object]) -> None:
        """Store what `write` writes into a file under `name`; replace a file of this name."""

    @abstractmethod
    def delete(self, name: str) -> None:
        """Delete a file, if there is one of this name."""


def open_store(address: str) -> Store:
    """Return the store at a path, or at an address such as `s3://bucket/prefix`.

    Raises:
        StorageUnavailable: it is another kind of address, or AWS's variables do not work.
    """
    if object_store.is_s3(address):
        return _S3(address)
    if _URL.match(address):
        raise StorageUnavailable(_NO_STORE)
    return _Folder(Path(address))


def _require_name(name: str) -> str:
    # Names come from requests too: none may lead out of the folder
    if not _NAME.fullmatch(name) or name.endswith(_PART):
        raise NotFound(f"there is no backup {name[:64]!r}")
    return name


class _Folder(Store):
    def __init__(self, path: Path) -> None:
        self._path = path

    def sizes(self) -> dict[str, int]:
        try:
            found = in_folder(self._path)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise StorageUnavailable("the backup folder cannot be read") from error
        return {name: size for name, size in found if _NAME.fullmatch(name) and not name.endswith(_PART)}

    def require_writable(self) -> None:
        there = self._path.absolute()
        try:
            while not there.exists():  # `put` makes the missing ones
                there = there.parent
            if not there.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(there))
            if not os.access(there, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(there))
        except OSError as error:
            raise StorageUnavailable("the backup folder cannot be written") from error

    def exists(self) -> bool:
        return self._path.exists()

    def open(self, name: str) -> IO[bytes]:
        try:
            return (self._path / _require_name(name)).open("rb")
        except FileNotFoundError:
            raise NotFound(f"there is no backup {name}") from None
        except OSError as error:
            raise StorageUnavailable("the backup folder cannot be read") from error

    def put(self, name: str, write: Callable[[IO[bytes]], object]) -> None:
        try:
            with room(_FULL, BackupsFull):
                self._path.mkdir(parents=True, exist_ok=True)
                self._put(self._path / _require_name(name), write)
        except OSError as error:
            raise StorageUnavailable("the backup folder cannot be written") from error

    def _put(self, path: Path, write: Callable[[IO[bytes]], object]) -> None:
        descriptor, part = scratch_file(self._path, _HIDDEN, _PART)
        try:
            with os.fdopen(descriptor, "w+b") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
                part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        self._sync()

    def _sync(self) -> None:
        """Write the folder's own entries to disk, so that they survive a power failure."""
        folder = os.open(self._path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def delete(self, name: str) -> None:
        try:
            (self._path / _require_name(name)).unlink(missing_ok=True)
            self._sync()
        except OSError as error:
            raise StorageUnavailable("the backup folder cannot be written") from error


class _S3(Store):
    """Objects in S3, which appear whole or not at all. They are copied to a temporary file to be read."""

    def __init__(self, address: str) -> None:
        try:
            bucket, self._prefix = object_store.split_address(address)
        except ValueError as error:
            raise StorageUnavailable(_NO_STORE) from error
        with _reached():
            self._bucket = object_store.open_bucket(bucket)

    def _key(self, name: str) -> str:
        return f"{self._prefix}/{_require_name(name)}".lstrip("/")

    def _listed(self) -> dict[str, int]:
        """The bytes of each object, by its name below the prefix."""
        with _reached(), object_store.explained():
            found = self._bucket.list_with_delimiter(self._prefix or None)
        return {one["path"].rpartition("/")[2]: one["size"] for one in found["objects"]}

    def sizes(self) -> dict[str, int]:
        try:
            return {name: size for name, size in self._listed().items() if _NAME.fullmatch(name)}
        except NotFound:  # no such bucket
            return {}

    def require_writable(self) -> None:
        try:
            self._listed()
        except NotFound as error:
            raise StorageUnavailable(_NO_BUCKET) from error

    def exists(self) -> bool:
        try:
            return bool(self._listed())
        except NotFound:
            return False

    def open(self, name: str) -> IO[bytes]:
        key = self._key(name)
        copy = tempfile.TemporaryFile()  # noqa: SIM115  # the caller closes it
        try:
            with _reached():
                for piece in object_store.pieces(self._bucket, key):
                    with room():
                        copy.write(piece)
        except BaseException:
            copy.close()
            raise
        copy.seek(0)
        return copy

    def put(self, name: str, write: Callable[[IO[bytes]], object]) -> None:
        key = self._key(name)
        with tempfile.TemporaryFile() as file:
            with room():
                write(file)
            file.seek(0)
            try:
                with _reached(), object_store.explained():
                    self._bucket.put(key, file, chunk_size=_PART_BYTES, max_concurrency=_PARTS_AT_ONCE)
            except NotFound as error:
                raise StorageUnavailable(_NO_BUCKET) from error

    def delete(self, name: str) -> None:
        key = self._key(name)
        with suppress(NotFound), _reached(), object_store.explained():
            self._bucket.delete(key)


@contextmanager
def _reached() -> Iterator[None]:
    """Turn the errors of S3 into those of a Store."""
    try:
        yield
    except object_store.NoSuchObject:
        raise NotFound("there is no such backup") from None
    except object_store.ObjectStoreError as error:
        raise StorageUnavailable("the place of the backups cannot be reached") from error
