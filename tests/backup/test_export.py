"""Rows that a database packed become Avro bytes, whatever order they come in; what is no row is refused."""

import errno
import io
import os
import threading
from itertools import permutations

import pytest

from hiring_api.backup import export
from hiring_api.backup.backup import backup_table
from hiring_api.backup.export import _encode
from hiring_api.errors import StorageFull
from hiring_api.model.tables import Department

DEPARTMENTS = Department.__table__
ROWS = ((1, "Sales"), (2, "Law"), (300, "Ñandú"))
# Avro 1.12, "Binary Encoding": zigzag numbers; a string is its length in bytes, then UTF-8
ENCODED = b"\x02\x0aSales" + b"\x04\x06Law" + b"\xd8\x04\x0e" + "Ñandú".encode()


def packed(rows):
    return "".join(f"{row_id}\x1f{text}\x1f" for row_id, text in rows).encode()


@pytest.mark.parametrize("rows", list(permutations(ROWS)))
def test_rows_are_encoded_in_the_order_of_their_ids(rows):
    assert _encode(DEPARTMENTS, 3, packed(rows)) == ENCODED


WRONG = {
    "a value is missing": b"1\x1fSales\x1f2\x1f",
    "a value too many": packed(ROWS[:2]) + b"x\x1f",
    "the last separator is missing": packed(ROWS[:2])[:-1],
    "an id is no number": b"1\x1fSales\x1fx\x1fLaw\x1f",
    "an id is 0": b"0\x1fSales\x1f2\x1fLaw\x1f",
    "an id is too large": b"1\x1fSales\x1f2147483648\x1fLaw\x1f",
    "a text is empty": b"1\x1fSales\x1f2\x1f\x1f",
}


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG)
def test_what_is_no_row_is_refused(text):
    with pytest.raises(ValueError):  # noqa: PT011  # whatever it says, the row is then looked for
        _encode(DEPARTMENTS, 2, text)


class FullDisk(io.BytesIO):
    """A file whose disk has room for the header alone."""

    def write(self, data):
        if self.tell():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(data)


def test_a_disk_that_fills_up_ends_the_thread_that_fetches_before_its_connection(engine, monkeypatch):
    """SQLite's driver crashed where the connection was closed under the thread."""
    monkeypatch.setattr(export, "_ROWS", 2)
    with engine.begin() as connection:
        rows = [{"id": number, "department": f"Department {number}"} for number in range(1, 2000)]
        connection.execute(DEPARTMENTS.insert(), rows)
    before = threading.active_count()
    with pytest.raises(StorageFull) as full:
        backup_table(engine, DEPARTMENTS, FullDisk(), "null")
    assert threading.active_count() == before
    assert full.tb is not None  # a traceback keeps all frames, the generator's as well
