"""Read the zip of a backup. The zip is not trusted: sizes, names and checksums are compared before use."""

from __future__ import annotations

import json
import shutil
import tempfile
from contextlib import ExitStack, contextmanager
from typing import IO, TYPE_CHECKING, Any, Final
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo
from zlib import error as zlib_error

from hiring_api.avro.reader import AvroRows
from hiring_api.errors import InvalidFile
from hiring_api.model.tables import tables
from hiring_api.system.disk_full import room

from .backup import MANIFEST, fingerprint
from .seal import NOT_READABLE, digest_of, require_intact

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Table

_MANIFEST_BYTES: Final = 1024 * 1024
_ENTRY_BYTES: Final = 8 * 1024**3
_RATIO: Final = 200  # bytes unpacked for a byte stored, at most; Avro files are compressed already
_DIRECTORY_BYTES: Final = 64 * 1024
_ENCRYPTED: Final = 1  # a bit of a zip entry's flags

# What zipfile raises for a damaged archive. NotImplementedError: an unknown compression. RuntimeError: an
# encrypted entry
_DAMAGED = (BadZipFile, zlib_error, EOFError, ValueError, LookupError, NotImplementedError, RuntimeError)


@contextmanager
def open_archive(
    file: IO[bytes], chosen: Sequence[Table] | None = None, *, ignore_extra: bool = False
) -> Iterator[list[AvroRows]]:
    """Unpack a zip into temporary files; yield a reader for each table, parents first.

    Args:
        file: the zip, seekable.
        chosen: the tables that the zip must hold, no others; None for all tables.
        ignore_extra: pass over fields of the Avro files that are no columns.

    Raises:
        InvalidFile: the zip is damaged, lacks an expected file or has another one, or a file does not match
            the manifest.
        StorageFull: there is no room to unpack it.
    """
    expected = tables() if chosen is None else chosen
    names = [*(f"{table.name}.avro" for table in expected), MANIFEST]
    with ExitStack() as stack:
        parts = [stack.enter_context(tempfile.TemporaryFile()) for _ in expected]
        try:
            _require_small_directory(file, names)
            archive = stack.enter_context(ZipFile(file))
            entries = _entries(archive, names)
            described = _described_files(archive, entries[MANIFEST])
            if set(described) != {table.name for table in expected}:
                raise InvalidFile(f"{NOT_READABLE}: {MANIFEST} describes other files than those in it")
            for table, part in zip(expected, parts, strict=True):
                _unpack(archive, entries[f"{table.name}.avro"], part, described[table.name])
        except _DAMAGED as error:
            raise InvalidFile(NOT_READABLE) from error
        pairs = zip(expected, parts, strict=True)
        files = [AvroRows(part, table, ignore_extra=ignore_extra) for table, part in pairs]
        for rows in files:
            _require_described(rows, described[rows.table.name])
        yield files


def tables_in(file: IO[bytes]) -> list[Table]:
    """Return the tables that a zip seems to hold, parents first, judging by the names of its files.

    Raises:
        InvalidFile: it is no zip, or damaged.
    """
    try:
        _require_small_directory(file, [*(f"{table.name}.avro" for table in tables()), MANIFEST])
        with ZipFile(file) as archive:
            names = set(archive.namelist())
    except _DAMAGED as error:
        raise InvalidFile(NOT_READABLE) from error
    return [table for table in tables() if f"{table.name}.avro" in names]


def read_manifest(file: IO[bytes]) -> dict[str, Any]:
    """Return the manifest of a zip that `open_archive` has accepted: `time`, `database`, `files`, and more.

    Raises:
        InvalidFile: it cannot be read.
    """
    try:
        with ZipFile(file) as archive:
            return _manifest(archive, archive.getinfo(MANIFEST))
    except _DAMAGED as error:
        raise InvalidFile(NOT_READABLE) from error


def _require_small_directory(file: IO[bytes], names: Sequence[str]) -> None:
    """Refuse a zip whose directory is so long that reading it would fill the memory."""
    end = require_intact(file)
    entries = int.from_bytes(end[10:12], "little")
    length = int.from_bytes(end[12:16], "little")
    if entries > len(names) or length > _DIRECTORY_BYTES:
        raise InvalidFile(f"{NOT_READABLE}: it has other files than {', '.join(names)}")


def _entries(archive: ZipFile, names: Sequence[str]) -> dict[str, ZipInfo]:
    """Return the entries of a zip by name; refuse other names, compressions and sizes than ours."""
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


def _described_files(archive: ZipFile, entry: ZipInfo) -> dict[str, dict[str, Any]]:
    """Return what the manifest says of each table's file, by the table's name."""
    try:
        return {item["table"]: {**item} for item in _manifest(archive, entry)["files"]}
    except (TypeError, KeyError):
        raise InvalidFile(f"{NOT_READABLE}: {MANIFEST} is not one of ours") from None


def _manifest(archive: ZipFile, entry: ZipInfo) -> dict[str, Any]:
    if entry.file_size > _MANIFEST_BYTES:
        raise InvalidFile(f"{NOT_READABLE}: {MANIFEST} is too large")
    with archive.open(entry) as packed:
        text = packed.read(_MANIFEST_BYTES)  # a limit: the entry may unpack to more than it claims
    try:
        return {**json.loads(text)}
    except (ValueError, TypeError, RecursionError):
        raise InvalidFile(f"{NOT_READABLE}: {MANIFEST} is not one of ours") from None


def _unpack(archive: ZipFile, entry: ZipInfo, part: IO[bytes], described: dict[str, Any]) -> None:
    """Copy an entry into `part`, and compare size and SHA-256 with the manifest."""
    with room(), archive.open(entry) as packed:
        shutil.copyfileobj(packed, part)  # at most `entry.file_size` bytes: zipfile stops there
    if part.tell() != described.get("bytes") or digest_of(part) != described.get("sha256"):
        raise InvalidFile(f"{NOT_READABLE}: {entry.filename} is not the file that {MANIFEST} describes")


def _require_described(rows: AvroRows, described: dict[str, Any]) -> None:
    """Require an Avro file of ours to have the rows, checksum and schema that the manifest names."""
    if rows.content is None:
        return
    found = {
        "rows": rows.content.rows,
        "checksum": rows.content.checksum,
        "schema_fingerprint": fingerprint(rows.table),
    }
    if {name: described.get(name, value) for name, value in found.items()} != found:
        raise InvalidFile(f"{NOT_READABLE}: {MANIFEST} tells of other rows of {rows.table.name}")
