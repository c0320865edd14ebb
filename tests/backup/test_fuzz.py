"""Files mutated at random: an answer within the rules, never a crash. FUZZ_EXAMPLES says how many."""

import io
import os
import zipfile
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hiring_api.backup.archive import open_archive
from hiring_api.errors import InvalidFile, InvalidRows
from tests.avro.avro_files import ROWS, foreign, rows_in, saved

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "300"))
EXPECTED = [(row_id, text.decode()) for row_id, text in ROWS]
FIELDS = [{"name": "id", "type": ["null", "long"]}, {"name": "department", "type": "string"}]
RECORDS = [{"id": row_id, "department": text} for row_id, text in EXPECTED]
OURS = [saved(codec) for codec in ("null", "deflate", "zstandard")]
THEIRS = [foreign(FIELDS, RECORDS, codec) for codec in ("null", "deflate", "snappy", "xz", "bzip2")]

# Replaces `length` bytes at a place, given as a share of the file, by others
changes = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 12), st.binary(max_size=12)), min_size=1, max_size=4
)


def mutated(data, change):
    """The file after some replacements, insertions and deletions."""
    for share, length, new in change:
        at = int(share * len(data))
        data = data[:at] + new + data[at + length :]
    return data


@settings(max_examples=EXAMPLES, deadline=2000, suppress_health_check=[HealthCheck.too_slow])
@given(whole=st.sampled_from(OURS), change=changes)
def test_a_mutated_backup_is_refused_or_gives_the_saved_rows(whole, change):
    with suppress(InvalidFile):
        assert rows_in(mutated(whole, change)) == EXPECTED


@settings(max_examples=EXAMPLES, deadline=2000, suppress_health_check=[HealthCheck.too_slow])
@given(whole=st.sampled_from(THEIRS), change=changes)
def test_a_mutated_foreign_file_is_refused_or_gives_rows_that_keep_the_rules(whole, change):
    try:
        rows = rows_in(mutated(whole, change), ignore_extra=True)
    except (InvalidFile, InvalidRows):
        return
    assert all(type(row_id) is int and 0 < row_id < 2**31 and text.strip() == text for row_id, text in rows)


@pytest.fixture(scope="module")
def archive():
    """A zip of departments alone, as `backup_all` lays it out."""
    from hashlib import sha256

    data = saved("null")
    entry = {"table": "departments", "sha256": sha256(data).hexdigest(), "bytes": len(data)}
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr("departments.avro", data)
        made.writestr("manifest.json", f'{{"files": [{entry}]}}'.replace("'", '"'))
    return file.getvalue()


@settings(max_examples=EXAMPLES, deadline=2000, suppress_health_check=[HealthCheck.too_slow])
@given(change=changes)
def test_a_mutated_zip_is_refused_or_gives_the_saved_rows(archive, change):
    from tests.avro.avro_files import DEPARTMENTS

    try:
        with open_archive(io.BytesIO(mutated(archive, change)), [DEPARTMENTS]) as [file]:
            rows = [row for chunk in file.chunks() for row in chunk.values]
    except InvalidFile:
        return
    assert rows == EXPECTED
