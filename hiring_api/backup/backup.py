"""Write tables to files from one snapshot: an Avro file for one table, a zip of such files for all."""

from __future__ import annotations

import json
import shutil
import tempfile
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import IO, TYPE_CHECKING, Any, Final
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from hiring_api.avro.container import FileChecksum, write
from hiring_api.avro.schema import avro_schema
from hiring_api.database import identity, schema
from hiring_api.database.readers import staleness
from hiring_api.database.transactions import snapshot
from hiring_api.model.tables import resource, tables
from hiring_api.system.disk_full import room

from . import export
from .seal import EMPTY_SEAL, digest_of, seal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Engine, Table

    from .export import Tell

MANIFEST: Final = "manifest.json"
FORMAT: Final = 1
_PIECE: Final = 1024 * 1024
_EARLIEST_ZIP: Final = (1980, 1, 1, 0, 0, 0)  # a fixed time, so that equal rows make equal zips


@dataclass(frozen=True, slots=True)
class Entry:
    """One file in the manifest: its table, rows and size in bytes, and three digests in hex.

    `sha256` is that of the file's bytes, `checksum` that of its rows (as in the Avro file's own header),
    `schema_fingerprint` that of the table's Avro schema.
    """

    table: str
    file: str
    rows: int
    bytes: int
    sha256: str
    checksum: str
    schema_fingerprint: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds, from which database and schema revision.

    Everything that was committed before `time` (UTC, ISO 8601) is in it.
    """

    time: str
    revision: str | None
    database: dict[str, Any]
    codec: str
    files: list[Entry]
    format: int = FORMAT

    def to_json(self) -> dict[str, Any]:
        """Return the manifest as the zip stores it."""
        return asdict(self)

    def etag(self) -> str:
        """Return a digest that backups of the same rows in the same codec share."""
        return sha256("".join(entry.sha256 for entry in self.files).encode()).hexdigest()


def backup_table(engine: Engine, table: Table, file: IO[bytes], codec: str) -> FileChecksum:
    """Write the rows of `table` into `file` as Avro; return their number and checksum.

    Raises:
        Conflict: a stored row breaks the row rules, so that no file can hold it.
        DatabaseUnavailable: the connection was lost; the file is incomplete.
        StorageFull: the file's disk is full.
    """
    with room(), snapshot(engine) as connection, closing(export.blocks(connection, table)) as blocks:
        return write(file, avro_schema(table), codec, blocks)


def backup_all(
    engine: Engine,
    file: IO[bytes],
    codec: str,
    chosen: Sequence[Table] | None = None,
    tell: Tell | None = None,
) -> Manifest:
    """Write a zip of Avro files and a manifest into `file`; return the manifest.

    Args:
        engine: the database.
        file: open for reading and writing, seekable.
        codec: one of `avro.codecs.WRITTEN`.
        chosen: the tables, parents first; None for all.
        tell: called with the number of rows of each block that was written.

    Raises:
        Conflict, DatabaseUnavailable: as `backup_table` does.
        StorageFull: the disk of temporary files is full.
        OSError: `file` cannot be written; the caller knows what kind of file it is.
    """
    begun = datetime.now(UTC)
    with snapshot(engine) as connection, ZipFile(file, "w", ZIP_STORED) as archive:
        revision = schema.revision(connection)
        entries = [_write_entry(connection, table, archive, codec, tell) for table in chosen or tables()]
        database = identity.identify(connection).to_json()
        as_of = begun - timedelta(seconds=staleness(connection))
        manifest = Manifest(f"{as_of:%Y-%m-%dT%H:%M:%SZ}", revision, database, codec, entries)
        text = json.dumps(manifest.to_json(), indent=2)
        archive.writestr(ZipInfo(MANIFEST, _EARLIEST_ZIP), text)
        archive.comment = EMPTY_SEAL
    seal(file)
    return manifest


def _write_entry(
    connection: Connection, table: Table, archive: ZipFile, codec: str, tell: Tell | None
) -> Entry:
    """Write a table's Avro file into the zip.

    It is written to a temporary file first, because the header of an Avro file of ours is completed last,
    and a zip cannot be written out of order.
    """
    name = f"{table.name}.avro"
    with tempfile.TemporaryFile() as part:
        with room(), closing(export.blocks(connection, table, tell)) as blocks:
            content = write(part, avro_schema(table), codec, blocks)
        size, digest = part.tell(), digest_of(part)
        part.seek(0)
        with archive.open(ZipInfo(name, _EARLIEST_ZIP), "w", force_zip64=True) as entry:
            shutil.copyfileobj(part, entry, _PIECE)
    return Entry(table.name, name, content.rows, size, digest, content.checksum, fingerprint(table))


def fingerprint(table: Table) -> str:
    """Return the SHA-256 of the table's Avro schema, in hex."""
    return sha256(json.dumps(avro_schema(table), separators=(",", ":")).encode()).hexdigest()


def file_name(table: Table | None, at: datetime) -> str:
    """Return the file name of a downloaded backup, such as `employees-20211107T160208Z.avro`.

    `table` is None for a zip of all tables; `at` is the time in UTC.
    """
    stem = resource(table) if table is not None else "all"
    return f"{stem}-{at:%Y%m%dT%H%M%SZ}.{'avro' if table is not None else 'zip'}"
