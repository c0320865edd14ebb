"""A zip with anything changed is refused; of one that another program made, nothing but the rows counts."""

import io
import json
import zipfile

import pytest

from hiring_api.backup.archive import open_archive, tables_in
from hiring_api.backup.backup import backup_all
from hiring_api.database import bulk_load
from hiring_api.database.transactions import transaction
from hiring_api.errors import InvalidFile, InvalidRows
from hiring_api.model.row_lines import to_lines
from tests.avro.avro_files import DEPARTMENTS, ROWS

EXPECTED = [(row_id, text.decode()) for row_id, text in ROWS]


@pytest.fixture
def saved(engine):
    """A zip of departments alone, as the program writes it."""
    transaction(engine, lambda connection: bulk_load.load(connection, to_lines(DEPARTMENTS, EXPECTED)))
    file = io.BytesIO()
    backup_all(engine, file, "deflate", [DEPARTMENTS])
    return file.getvalue()


def rows_in(data):
    """All rows of a zip; raises InvalidFile or InvalidRows."""
    file = io.BytesIO(data)
    with open_archive(file, tables_in(file)) as [rows]:
        return [row for chunk in rows.chunks() for row in chunk.values]


def refused(data):
    try:
        rows = rows_in(data)
    except (InvalidFile, InvalidRows):
        return True
    assert rows == EXPECTED
    return False


def zipped_anew(data, change=lambda _manifest: None, how=zipfile.ZIP_STORED):
    """The same files in a zip of another program, after a change of the manifest."""
    with zipfile.ZipFile(io.BytesIO(data)) as old:
        manifest = json.loads(old.read("manifest.json"))
    change(manifest)
    return with_manifest(data, json.dumps(manifest).encode(), how)


def with_manifest(data, manifest, how):
    """The same files in a zip of another program, with these bytes as the manifest."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(file, "w", how) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name) if name.endswith("avro") else manifest)
    return file.getvalue()


def each_bit_turned(whole):
    for place in range(len(whole)):
        for bit in range(8):
            data = bytearray(whole)
            data[place] ^= 1 << bit
            yield place, bytes(data)


def test_every_bit_of_a_zip_is_accounted_for(saved):
    assert rows_in(saved) == EXPECTED
    for place, data in each_bit_turned(saved):
        assert refused(data), f"byte {place}"


def test_a_zip_cut_anywhere_is_refused(saved):
    for end in range(len(saved)):
        assert refused(saved[:end]), f"cut after {end} bytes"


@pytest.mark.parametrize("added", [b"\0", b"PK", b"#!/bin/sh\n" * 10])
@pytest.mark.parametrize("make", [lambda data: data, zipped_anew], ids=["ours", "zipped anew"])
def test_bytes_before_or_behind_a_zip_are_refused(saved, make, added):
    assert refused(added + make(saved))
    assert refused(make(saved) + added)
    assert refused(make(saved) + make(saved))


def test_the_seal_of_another_zip_is_refused(saved, engine):
    file = io.BytesIO()
    backup_all(engine, file, "null", [DEPARTMENTS])
    assert refused(saved[:-64] + file.getvalue()[-64:])


@pytest.mark.parametrize("how", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_zip_that_another_program_made_of_the_same_files_is_taken(saved, how):
    assert rows_in(zipped_anew(saved, how=how)) == EXPECTED


def test_no_bit_of_such_a_zip_makes_more_than_a_refusal(saved):
    for _, data in each_bit_turned(zipped_anew(saved, how=zipfile.ZIP_DEFLATED)):
        refused(data)


def files(manifest):
    return manifest["files"][0]


CHANGES = {
    "rows": lambda manifest: files(manifest).update(rows=4),
    "checksum": lambda manifest: files(manifest).update(checksum="0" * 64),
    "schema_fingerprint": lambda manifest: files(manifest).update(schema_fingerprint="0" * 64),
    "sha256": lambda manifest: files(manifest).update(sha256="0" * 64),
    "bytes": lambda manifest: files(manifest).update(bytes=7),
    "table": lambda manifest: files(manifest).update(table="jobs"),
    "one more": lambda manifest: manifest["files"].append({**files(manifest), "table": "jobs"}),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_manifest_that_tells_of_other_files_is_refused(saved, what):
    assert refused(zipped_anew(saved, CHANGES[what]))


@pytest.mark.parametrize(
    ("manifest", "told"),
    [
        ("[]", "is not one of ours"),
        ("{", "is not one of ours"),
        ("\xff", "is not one of ours"),
        ("[" * 100_000, "is not one of ours"),
        ('{"format": 1}', "is not one of ours"),
        ('{"files": 7}', "is not one of ours"),
        ('{"files": [7]}', "is not one of ours"),
        (" " * 2_000_000 + "{}", "too large"),
    ],
    ids=["a list", "no JSON", "no UTF-8", "a deep one", "no files", "a number", "numbers", "a large one"],
)
def test_a_manifest_that_is_none_is_refused(saved, manifest, told):
    data = with_manifest(saved, manifest.encode("latin-1"), zipfile.ZIP_DEFLATED)
    with pytest.raises(InvalidFile, match=told):
        rows_in(data)


def test_other_programs_find_a_zip_whole(saved):
    with zipfile.ZipFile(io.BytesIO(saved)) as archive:
        assert archive.testzip() is None
        assert archive.comment.startswith(b"hiring-api sha256 ")
