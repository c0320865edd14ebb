"""Where kept backups lie: a local folder, or anything that fsspec opens, such as s3://bucket/prefix.

A file appears under its name when all of it is there, or not at all.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, cast

from hiring_api.errors import BackupsFull, NotFound, StorageUnavailable
from hiring_api.system.disk_full import room
from hiring_api.system.temp_files import scratch_file

if TYPE_CHECKING:
    from collections.abc import Callable

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,100}")
_URL: Final = re.compile(r"[a-z0-9]+://")
_HIDDEN: Final = ".hiring-"
_PART: Final = ".part"


class Store(ABC):
    """A flat place for files. What cannot be reached raises StorageUnavailable, a full disk StorageFull."""

    @abstractmethod
    def names(self) -> list[str]:
        """The names of all whole files, sorted."""

    @abstractmethod
    def exists(self) -> bool:
        """Whether the place is there. Of an object store: whether there is anything in it."""

    @abstractmethod
    def open(self, name: str) -> BinaryIO:
        """A file for reading, seekable; raises NotFound."""

    @abstractmethod
    def put(self, name: str, write: Callable[[BinaryIO], None]) -> None:
        """Stores what `write` writes as `name`, replacing what was there."""

    @abstractmethod
    def delete(self, name: str) -> None:
        """Deletes a file, if it is there."""


def open_store(place: str) -> Store:
    """The store at a path, or at an address such as s3://bucket/prefix."""
    return _Remote(place) if _URL.match(place) else _Folder(Path(place))


def _checked(name: str) -> str:
    # Names come from requests too: none may lead out of the place
    if not _NAME.fullmatch(name) or name.endswith(_PART):
        raise NotFound(f"there is no backup {name[:64]!r}")
    return name


class _Folder(Store):
    def __init__(self, path: Path) -> None:
        self._path = path

    def names(self) -> list[str]:
        try:
            found = sorted(entry.name for entry in os.scandir(self._path) if entry.is_file())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StorageUnavailable("the backup folder cannot be read") from error
        return [name for name in found if _NAME.fullmatch(name) and not name.endswith(_PART)]

    def exists(self) -> bool:
        return self._path.exists()

    def open(self, name: str) -> BinaryIO:
        try:
            return (self._path / _checked(name)).open("rb")
        except FileNotFoundError:
            raise NotFound(f"there is no backup {name}") from None
        except OSError as error:
            raise StorageUnavailable("the backup folder cannot be read") from error

    def put(self, name: str, write: Callable[[BinaryIO], None]) -> None:
        try:
            with room(kind=BackupsFull):
                self._path.mkdir(parents=True, exist_ok=True)
                self._put(self._path / _checked(name), write)
        except OSError as error:
            raise StorageUnavailable("the backup folder cannot be written") from error

    def _put(self, path: Path, write: Callable[[BinaryIO], None]) -> None:
        descriptor, part = scratch_file(self._path, _HIDDEN, _PART)
        try:
            with os.fdopen(descriptor, "w+b") as file:
                write(cast("BinaryIO", file))
                file.flush()
                os.fsync(file.fileno())
                part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        self._sync()

    def _sync(self) -> None:
        """Makes the folder's own entries survive a power failure."""
        folder = os.open(self._path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def delete(self, name: str) -> None:
        try:
            (self._path / _checked(name)).unlink(missing_ok=True)
            self._sync()
        except OSError as error:
            raise StorageUnavailable("the backup folder cannot be written") from error


def _remote_errors() -> tuple[type[Exception], ...]:
    """What a place that cannot be reached raises; that of S3 is no OSError."""
    try:
        from botocore.exceptions import BotoCoreError
    except ImportError:
        return (OSError,)
    return (OSError, BotoCoreError)


class _Remote(Store):
    """Objects appear whole in object stores. They are copied to a temporary file to be read."""

    def __init__(self, place: str) -> None:
        import fsspec

        try:
            self._files, self._root = fsspec.core.url_to_fs(place.rstrip("/"))
        except (ImportError, ValueError) as error:
            raise StorageUnavailable("BACKUP_DIR is no place that backups can be kept in") from error

    def _at(self, name: str) -> str:
        return f"{self._root}/{_checked(name)}"

    def _done(self, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except FileNotFoundError:
            raise NotFound("there is no such backup") from None
        except _remote_errors() as error:
            raise StorageUnavailable("the place of the backups cannot be reached") from error

    def names(self) -> list[str]:
        self._files.invalidate_cache()
        try:
            found = self._done(lambda: self._files.ls(self._root, detail=False))
        except NotFound:
            return []
        return sorted(name for path in found if _NAME.fullmatch(name := path.rsplit("/", 1)[-1]))

    def exists(self) -> bool:
        return bool(self._done(lambda: self._files.exists(self._root)))

    def _copy(self, path: str, copy: Any) -> None:
        with self._files.open(path, "rb") as file:
            shutil.copyfileobj(file, copy)

    def open(self, name: str) -> BinaryIO:
        copy = tempfile.TemporaryFile()  # noqa: SIM115  # the caller closes it
        try:
            with room():
                self._done(lambda: self._copy(self._at(name), copy))
        except BaseException:
            copy.close()
            raise
        copy.seek(0)
        return cast("BinaryIO", copy)

    def put(self, name: str, write: Callable[[BinaryIO], None]) -> None:
        with tempfile.TemporaryFile() as file:
            with room():
                write(cast("BinaryIO", file))
            file.seek(0)
            try:
                self._done(lambda: self._upload(cast("BinaryIO", file), self._at(name)))
            except NotFound as error:
                raise StorageUnavailable(
                    "the place of the backups is not there: create the bucket"
                ) from error

    def _upload(self, file: BinaryIO, path: str) -> None:
        with self._files.open(path, "wb") as target:
            shutil.copyfileobj(file, target, 8 * 1024 * 1024)

    def delete(self, name: str) -> None:
        path = self._at(name)
        if self._done(lambda: self._files.exists(path)):
            self._done(lambda: self._files.rm_file(path))
