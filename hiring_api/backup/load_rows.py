"""Load the rows of a backup file into a table, a temporary one or the real one."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from hiring_api.database import bulk_load
from hiring_api.database.locks import references_held
from hiring_api.database.transaction_size import require_taken
from hiring_api.model.checksum import Checksum
from hiring_api.model.row_lines import to_lines
from hiring_api.system.prefetch import ahead

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Table

    from hiring_api.avro.reader import AvroRows
    from hiring_api.model.row_lines import RowLines

    from .checks import Checker

# Chunks in one statement. Between statements the database is idle for the time of some round trips, and
# longer, because after each round trip this thread waits for Python's global lock
_TOGETHER: Final = 4
_AHEAD: Final = 2  # statements prepared ahead


def fill(connection: Connection, rows: AvroRows, into: Table, checker: Checker | None = None) -> Checksum:
    """Load all rows of a file, and return their checksum.

    A thread reads the next rows while the database stores the last ones.

    Args:
        connection: in a transaction.
        rows: the file; its rows are checked already, unless a checker is given.
        into: an empty table.
        checker: collects the rows before they are loaded.

    Raises:
        TransactionTooLarge: the table is surely more than a cluster takes in one transaction.
        IntegrityError: as `bulk_load.load` does.
        InvalidRows: the checker found rows that break a rule.
    """
    total = Checksum()
    with ahead(_row_lines(rows, checker), _AHEAD) as parts:
        for part in parts:
            if not total.rows and rows.content and into is rows.table:
                require_taken(connection, part, rows.content.rows)
            with references_held(connection, part, into):
                bulk_load.load(connection, part, into)
            total += part.checksum
    return total


def _row_lines(rows: AvroRows, checker: Checker | None) -> Iterator[RowLines]:
    chunks = rows.chunks()
    while some := list(islice(chunks, _TOGETHER)):
        if checker is not None:
            for chunk in some:
                checker.add(chunk)
        yield to_lines(rows.table, [row for chunk in some for row in chunk.values]).ready()
