"""Reading the zip of a backup. Nothing that it says of itself is believed, and it names no path."""

from __future__ import annotations

import json
import tempfile
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from typing import IO, TYPE_CHECKING, Any, Final
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo
from zlib import error as zlib_error

from hiring_api.avro.reader import AvroRows
from hiring_api.errors import InvalidFile
from hiring_api.model.tables import tables
from hiring_api.system.disk_full import room

from .backup import MANIFEST, fingerprint
from .seal import NOT_READABLE, require_intact

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Table

_MANIFEST_BYTES: Final = 1024 * 1024
_ENTRY_BYTES: Final = 8 * 1024**3
_RATIO: Final = 200  # of what comes out to what is stored; Avro files are compressed already
_PIECE: Final = 1024 * 1024
_DIRECTORY_BYTES: Final = 64 * 1024
_ENCRYPTED: Final = 1

# What zipfile raises for a damaged archive; NotImplementedError is a compression it does not know,
# RuntimeError an encrypted entry
_DAMAGED = (BadZipFile, zlib_error, EOFError, ValueError, LookupError, NotImplementedError, RuntimeError)


@contextmanager
def open_archive(
    file: IO[bytes], chosen: Sequence[Table] | None = None, *, ignore_extra: bool = False
) -> Iterator[list[AvroRows]]:
    """The files of all tables (or of those chosen, no others) in a zip, parents first.

    Raises:
        InvalidFile: it is damaged, lacks an expected file or has another one, or a file is not what the
            manifest says.
        StorageFull: there is no room to unpack it.
    """
    expected = tables() if chosen is None else chosen
    names = [*(f"{table.name}.avro" for table in expected), MANIFEST]
    with ExitStack() as stack:
        try:
            _limit_directory(file, names)
            archive = stack.enter_context(ZipFile(file))
            entries = _entries(archive, names)
            manifest = _manifest(archive, entries[MANIFEST])
            if set(manifest) != {table.name for table in expected}:
                raise InvalidFile(f"{NOT_READABLE}: {MANIFEST} describes other files than those in it")
            parts = {table.name: stack.enter_context(tempfile.TemporaryFile()) for table in expected}
            for table in expected:
                part = parts[table.name]
                _unpack(archive, entries[f"{table.name}.avro"], part, manifest[table.name])
        except _DAMAGED as error:
            raise InvalidFile(NOT_READABLE) from error
        files = [_rows(parts[table.name], table, ignore_extra=ignore_extra) for table in expected]
        for file_rows in files:
            _require_described(file_rows, manifest[file_rows.table.name])
        yield files


def tables_in(file: IO[bytes]) -> list[Table]:
    """The tables that a backup seems to hold, going by the names in the zip; its reading tells the rest.

    Raises:
        InvalidFile: it is no zip, or damaged.
    """
    try:
        _limit_directory(file, [*(f"{table.name}.avro" for table in tables()), MANIFEST])
        with ZipFile(file) as archive:
            names = set(archive.namelist())
    except _DAMAGED as error:
        raise InvalidFile(NOT_READABLE) from error
    return [table for table in tables() if f"{table.name}.avro" in names]


def _rows(part: Any, table: Table, *, ignore_extra: bool) -> AvroRows:
    return AvroRows(part, table, ignore_extra=ignore_extra)


def _limit_directory(file: IO[bytes], names: Sequence[str]) -> None:
    """Refuses a zip whose directory is so long that reading it would fill the memory."""
    end = require_intact(file)
    number = int.from_bytes(end[10:12], "little")
    length = int.from_bytes(end[12:16], "little")
    if number > len(names) or length > _DIRECTORY_BYTES:
        raise InvalidFile(f"{NOT_READABLE}: it has other files than {', '.join(names)}")


def _entries(archive: ZipFile, names: Sequence[str]) -> dict[str, ZipInfo]:
    found = archive.infolist()
    if found and all(entry.header_offset for entry in found):
        raise InvalidFile(f"{NOT_READABLE}: it has bytes before its first file")
    if sorted(entry.filename for entry in found) != sorted(names):
        raise InvalidFile(f"{NOT_READABLE}: it must hold just {', '.join(names)}")
    for entry in found:
        if entry.flag_bits & _ENCRYPTED:
            raise InvalidFile(f"{NOT_READABLE}: {entry.filename} is encrypted")
        if entry.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
            raise InvalidFile(f"{NOT_READABLE}: {entry.filename} must be stored or deflated")
        if entry.file_size > min(_ENTRY_BYTES, _RATIO * (entry.compress_size + 1024)):
            raise InvalidFile(f"{NOT_READABLE}: {entry.filename} would grow too large")
    return {entry.filename: entry for entry in found}


def manifest_of(file: IO[bytes]) -> dict[str, Any]:
    """What the manifest says of the whole zip, which `open_archive` has read: `time`, `database`, and more.

    Raises:
        InvalidFile: it cannot be read.
    """
    try:
        with ZipFile(file) as archive:
            return _said(archive, archive.getinfo(MANIFEST))
    except _DAMAGED as error:
        raise InvalidFile(NOT_READABLE) from error


def _manifest(archive: ZipFile, entry: ZipInfo) -> dict[str, dict[str, Any]]:
    """What the manifest says of each table's file."""
    try:
        return {item["table"]: {**item} for item in _said(archive, entry)["files"]}
    except (TypeError, KeyError):
        raise InvalidFile(f"{NOT_READABLE}: {MANIFEST} is not one of ours") from None


def _said(archive: ZipFile, entry: ZipInfo) -> dict[str, Any]:
    if entry.file_size > _MANIFEST_BYTES:
        raise InvalidFile(f"{NOT_READABLE}: {MANIFEST} is too large")
    with archive.open(entry) as opened:
        text = opened.read(_MANIFEST_BYTES + 1)
    try:
        return {**json.loads(text)}
    except (ValueError, TypeError, RecursionError):
        raise InvalidFile(f"{NOT_READABLE}: {MANIFEST} is not one of ours") from None


def _unpack(archive: ZipFile, entry: ZipInfo, part: IO[bytes], said: dict[str, Any]) -> None:
    with room(), archive.open(entry) as opened:
        digest, size = _copied(opened, part, entry.file_size)
    if digest != said.get("sha256") or size != said.get("bytes"):
        raise InvalidFile(f"{NOT_READABLE}: {entry.filename} is not the file that {MANIFEST} describes")


def _require_described(rows: AvroRows, said: dict[str, Any]) -> None:
    """What the manifest says of the rows is what the file says of them, where it is one of ours."""
    if rows.content is None:
        return
    true = {
        "rows": rows.content.rows,
        "checksum": rows.content.checksum,
        "schema_fingerprint": fingerprint(rows.table),
    }
    if {name: said.get(name, value) for name, value in true.items()} != true:
        raise InvalidFile(f"{NOT_READABLE}: {MANIFEST} tells of other rows of {rows.table.name}")


def _copied(source: IO[bytes], target: IO[bytes], most: int) -> tuple[str, int]:
    """The SHA-256 and number of the bytes copied; zipfile gives at most as many as the entry claims."""
    digest, size = sha256(), 0
    while size <= most and (piece := source.read(_PIECE)):
        digest.update(piece)
        target.write(piece)
        size += len(piece)
    return digest.hexdigest(), size
