"""The rows of a backup -> a table, a temporary one or the real one."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from hiring_api.database import bulk_load
from hiring_api.database.locks import references_held
from hiring_api.model.checksum import Checksum
from hiring_api.model.row_lines import to_lines
from hiring_api.system.prefetch import ahead

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Table

    from hiring_api.avro.reader import AvroRows
    from hiring_api.model.row_lines import RowLines

    from .checks import Checker

# Chunks that the database takes at once. Before each statement it is idle for the time of some round trips,
# and longer: after each of these this thread waits for Python's lock
_TOGETHER: Final = 4
_AHEAD: Final = 2  # times as many chunks


def fill(connection: Connection, rows: AvroRows, into: Table, checker: Checker | None = None) -> Checksum:
    """Loads all rows of a file, the next ones being read while the database takes the last; their checksum.

    Args:
        connection: in a transaction.
        rows: checked already, unless a checker is given.
        into: an empty table.
        checker: validates the rows before they are loaded.

    Raises:
        IntegrityError: as `bulk_load.load` does.
        InvalidRows: the checker found rows that break a rule.
    """
    total = Checksum()
    with ahead(_row_lines(rows, checker), _AHEAD) as batches:
        for batch in batches:
            with references_held(connection, batch, into):
                bulk_load.load(connection, batch, into)
            total += batch.checksum
    return total


def _row_lines(rows: AvroRows, checker: Checker | None) -> Iterator[RowLines]:
    chunks = rows.chunks()
    while some := list(islice(chunks, _TOGETHER)):
        if checker is not None:
            for chunk in some:
                checker.take(chunk)
        yield to_lines(rows.table, [row for chunk in some for row in chunk.values]).ready()
