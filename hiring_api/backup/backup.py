"""Tables -> files, all from one snapshot: an Avro file for one table, a zip of them for all."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import IO, TYPE_CHECKING, Any, Final
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from hiring_api.avro.container import FileChecksum, write
from hiring_api.avro.schema import avro_schema
from hiring_api.database import identity, schema
from hiring_api.database.transactions import snapshot
from hiring_api.model.tables import resource, tables
from hiring_api.system.disk_full import room

from . import export
from .seal import EMPTY_SEAL, seal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy import Connection, Engine, Table

    Tell = Callable[[int], object]

MANIFEST: Final = "manifest.json"
FORMAT: Final = 1
_PIECE: Final = 1024 * 1024
_EARLIEST_ZIP: Final = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Entry:
    """What the manifest says of one file: rows, bytes, SHA-256 of the bytes, checksum of the content."""

    table: str
    file: str
    rows: int
    bytes: int
    sha256: str
    checksum: str
    schema_fingerprint: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is in a backup, of which database and revision of its schema, and when (UTC) it was taken."""

    time: str
    revision: str | None
    database: dict[str, Any]
    codec: str
    files: list[Entry]
    format: int = FORMAT

    def to_json(self) -> dict[str, Any]:
        """The manifest as it stands in the zip and in the catalogue."""
        return asdict(self)

    def etag(self) -> str:
        """The same for backups of the same rows in the same codec."""
        return sha256("".join(entry.sha256 for entry in self.files).encode()).hexdigest()


def backup_table(engine: Engine, table: Table, file: IO[bytes], codec: str) -> FileChecksum:
    """Writes `table` into `file`.

    Raises:
        Conflict: a stored row breaks the row rules so far that no file could hold it.
        DatabaseUnavailable: the database went away; the file is not whole.
        StorageFull: the file's disk is full.
    """
    with room(), snapshot(engine) as connection:
        return _write_table(connection, table, file, codec)


def _write_table(
    connection: Connection, table: Table, file: IO[bytes], codec: str, tell: Tell | None = None
) -> FileChecksum:
    blocks = export.blocks(connection, table)
    return write(file, avro_schema(table), codec, blocks if tell is None else _told(blocks, tell))


def _told(blocks: Iterator[tuple[int, bytes]], tell: Tell) -> Iterator[tuple[int, bytes]]:
    for rows, data in blocks:
        yield rows, data
        tell(rows)


def backup_all(
    engine: Engine,
    file: IO[bytes],
    codec: str,
    chosen: Sequence[Table] | None = None,
    tell: Tell | None = None,
) -> Manifest:
    """Writes a zip of all tables (or those chosen) and a manifest into `file`.

    `tell` is told the number of rows of each block.

    Raises:
        Conflict, DatabaseUnavailable: as `backup_table` does.
        StorageFull: the disk of temporary files is full.
        OSError: that of `file` is, or what else its writing raises; its owner knows what that means.
    """
    taken = datetime.now(UTC)
    with snapshot(engine) as connection, ZipFile(file, "w", ZIP_STORED) as archive:
        revision = schema.revision(connection)
        entries = [_write_entry(connection, table, archive, codec, tell) for table in chosen or tables()]
        database = identity.identify(connection).to_json()
        manifest = Manifest(f"{taken:%Y-%m-%dT%H:%M:%SZ}", revision, database, codec, entries)
        text = json.dumps(manifest.to_json(), indent=2)
        archive.writestr(ZipInfo(MANIFEST, _EARLIEST_ZIP), text)
        archive.comment = EMPTY_SEAL
    seal(file)
    return manifest


def _write_entry(
    connection: Connection, table: Table, archive: ZipFile, codec: str, tell: Tell | None
) -> Entry:
    name = f"{table.name}.avro"
    with tempfile.TemporaryFile() as part:
        with room():
            content = _write_table(connection, table, part, codec, tell)
        size = part.tell()
        part.seek(0)
        with archive.open(ZipInfo(name, _EARLIEST_ZIP), "w", force_zip64=True) as entry:
            digest = _copy(part, entry)
    return Entry(table.name, name, content.rows, size, digest, content.checksum, fingerprint(table))


def _copy(source: IO[bytes], target: IO[bytes]) -> str:
    """The SHA-256 of the bytes copied, in hex."""
    digest = sha256()
    while piece := source.read(_PIECE):
        digest.update(piece)
        target.write(piece)
    return digest.hexdigest()


def fingerprint(table: Table) -> str:
    """The SHA-256 of the table's Avro schema in hex."""
    return sha256(json.dumps(avro_schema(table), separators=(",", ":")).encode()).hexdigest()


def file_name(table: Table | None, at: datetime) -> str:
    """What a downloaded backup is called: the table (or all of them) and the time in UTC."""
    stem = resource(table) if table is not None else "all"
    return f"{stem}-{at:%Y%m%dT%H%M%SZ}.{'avro' if table is not None else 'zip'}"
