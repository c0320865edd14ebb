"""Find out if a backup can be restored, without restoring it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from hiring_api.database import bulk_load, staging
from hiring_api.database.transactions import transaction
from hiring_api.errors import InvalidFile

from . import catalogue
from .checks import Checked, check, require_references
from .load_rows import fill

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Engine

    from hiring_api.avro.reader import AvroRows

    from .catalogue import KeptBackup
    from .file_store import Store

Level = Literal["checksum", "decode", "restore"]
LEVELS: Final = ("checksum", "decode", "restore")


def verify(engine: Engine | None, files: Sequence[AvroRows], level: Level) -> dict[str, int]:
    """Verify the files of a backup; return the number of rows of each table, by its name.

    Args:
        engine: a database in which temporary tables may be created; only the level `restore` needs it.
        files: a file for each table, parents before the tables that refer to them.
        level: `checksum` compares bytes with checksums; `decode` also validates every row and checks that
            references between the files exist; `restore` also loads the rows into temporary tables and
            compares what is stored.

    Raises:
        InvalidFile: a file is damaged, or the database returns other rows than it was given.
        InvalidRows: rows break a row rule.
        Conflict: references between the files do not exist.
    """
    for file in files:
        file.verify()
    if level == "checksum":
        return {file.table.name: file.content.rows if file.content else 0 for file in files}
    checked = [check(file) for file in files]
    require_whole(checked)
    if level == "restore":
        if engine is None:
            raise ValueError("the level restore needs a database")
        transaction(engine, lambda connection: _load_temporarily(connection, checked))
    return {file.table.name: len(file.ids) for file in checked}


def verify_kept(engine: Engine | None, store: Store, kept: KeptBackup, level: Level) -> KeptBackup:
    """Verify a kept backup and note in its entry what was found; return the entry.

    Raises:
        InvalidFile, InvalidRows, Conflict: it is damaged, which is noted.
        HiringError: it could not be verified; nothing is noted.
    """
    try:
        with catalogue.opened(store, kept) as files:
            verify(engine, files, level)
    except catalogue.DAMAGED:
        catalogue.mark(store, kept, level, ok=False)
        raise
    return catalogue.mark(store, kept, level, ok=True)


def require_whole(files: Sequence[Checked]) -> None:
    """Require references to tables among the files to exist there.

    Raises:
        Conflict: some do not.
    """
    require_references(None, files, replace=True)


def _load_temporarily(connection: Connection, files: Sequence[Checked]) -> None:
    for file in files:
        stage = staging.create(connection, file.table)
        try:
            total = fill(connection, file.rows, stage)
            if bulk_load.checksum(connection, stage) != total:
                raise InvalidFile(f"the rows of {file.table.name} come back differently from the database")
        finally:
            staging.drop(connection, stage)
