"""A file with anything changed is refused, or gives exactly the rows that were saved; nothing between."""

import io
import random

import pytest

from hiring_api.avro import container
from hiring_api.avro.container import OUR_SYNC
from hiring_api.errors import InvalidFile, InvalidRows
from hiring_api.model.columns.varint import varint
from tests.avro.avro_files import ROWS, foreign, rows_in, saved

CODECS = ["null", "deflate", "zstandard"]
EXPECTED = [(row_id, text.decode()) for row_id, text in ROWS]


def refused_or_the_same(data, expected=EXPECTED):
    """Whether the file is refused; fails where it gives other rows, or another error comes out."""
    try:
        found = rows_in(data)
    except InvalidFile:
        return True
    assert found == expected
    return False


@pytest.mark.parametrize("codec", CODECS)
def test_a_file_with_any_single_bit_changed_is_refused(codec):
    whole = saved(codec)
    assert rows_in(whole) == EXPECTED
    for place in range(len(whole)):
        for bit in range(8):
            data = bytearray(whole)
            data[place] ^= 1 << bit
            assert refused_or_the_same(bytes(data)), f"bit {bit} of byte {place}"


@pytest.mark.parametrize("codec", CODECS)
def test_a_file_cut_anywhere_is_refused(codec):
    whole = saved(codec)
    for end in range(len(whole)):
        assert refused_or_the_same(whole[:end]), f"cut after {end} bytes"
    assert refused_or_the_same(whole + b"\0")


@pytest.mark.parametrize("codec", CODECS)
def test_random_damage_in_a_large_file_is_refused(codec):
    rows = [(number, f"Department of {number * 7919 % 1000} affairs".encode()) for number in range(1, 5001)]
    whole = saved(codec, rows, per_block=1000)
    expected = [(row_id, text.decode()) for row_id, text in rows]
    chance = random.Random(codec)
    for _ in range(60):
        data = bytearray(whole)
        for _ in range(chance.choice((1, 1, 2, 8))):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        if data != whole:  # a bit may be turned twice
            assert refused_or_the_same(bytes(data), expected)


def parts(codec="null"):
    """The header and the blocks of a backup."""
    head, *blocks = saved(codec).split(OUR_SYNC)
    return head + OUR_SYNC, [block + OUR_SYNC for block in blocks[:-1]]


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize(
    "order", [(1, 0, 2), (0, 1), (0, 2), (0, 1, 2, 2), (0, 0, 1, 2), (), (0, 1, 1), (0, 0, 2)]
)
def test_blocks_exchanged_repeated_or_left_out_are_refused(codec, order):
    head, blocks = parts(codec)
    assert len(blocks) == 3
    assert refused_or_the_same(head + b"".join(blocks[place] for place in order))


def test_blocks_of_another_backup_are_refused():
    head, blocks = parts()
    other = saved(rows=[(1, b"Other"), *ROWS[1:]]).split(OUR_SYNC)[1] + OUR_SYNC
    assert refused_or_the_same(head + other + b"".join(blocks[1:]))


@pytest.mark.parametrize("key", [b"hiring.rows", b"hiring.checksum"])
def test_a_backup_that_lost_its_checksum_is_refused(key):
    with pytest.raises(InvalidFile, match="row count or checksum is damaged"):
        rows_in(saved().replace(key, b"x" * len(key)))


@pytest.mark.parametrize("codec", CODECS)
def test_a_header_that_says_the_same_in_another_way_is_refused(codec):
    for key, other in ((b"avro.codec", b"avro.codes"), (b"hiring.blocks", b"hiring.blockz")):
        with pytest.raises(InvalidFile):
            rows_in(saved(codec).replace(key, other))
    head, _, rest = saved(codec).partition(b"Obj\x01\x0a")
    assert head == b""
    negative = b"Obj\x01\x09" + varint(rest.index(OUR_SYNC) - 1) + rest  # a count below 0, then its size
    with pytest.raises(InvalidFile, match="its header is damaged"):
        rows_in(negative)


def test_a_backup_of_before_its_blocks_were_summed_is_still_read(monkeypatch):
    ours = container._our_header
    monkeypatch.setattr(
        container, "_our_header", lambda schema, codec, content, _blocks: ours(schema, codec, content, None)
    )
    old = saved("deflate")
    monkeypatch.undo()
    assert b"hiring.blocks" not in old
    assert rows_in(old) == EXPECTED


FIELDS = [{"name": "id", "type": "int"}, {"name": "department", "type": "string"}]


@pytest.mark.parametrize("codec", ["null", "deflate", "bzip2", "xz", "snappy"])
def test_damage_in_files_without_a_checksum_never_crashes(codec):
    records = [{"id": row_id, "department": text} for row_id, text in EXPECTED]
    whole = foreign(FIELDS, records, codec)
    assert rows_in(whole) == EXPECTED
    for place in range(len(whole)):
        for bit in range(8):
            data = bytearray(whole)
            data[place] ^= 1 << bit
            try:
                rows_in(bytes(data))
            except (InvalidFile, InvalidRows):
                continue


def test_bytes_after_the_last_record_of_a_block_are_noticed():
    whole = foreign(FIELDS, [{"id": 1, "department": "Sales"}], sync_marker=b"S" * 16)
    head, block = whole[: whole.index(b"S" * 16) + 16], whole[whole.index(b"S" * 16) + 16 :]
    assert block == b"\x02\x0e\x02\x0aSales" + b"S" * 16
    with pytest.raises(InvalidFile, match="bytes after its last row"):
        rows_in(head + b"\x02\x10\x02\x0aSales\x00" + b"S" * 16)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not an Avro object container file"),
        (b"id,department\n1,Sales\n", "not an Avro object container file"),
        (b"PK\x03\x04", "not an Avro object container file"),
        (b"Obj\x01", "cut short"),
        (b"Obj\x01" + b"\xff" * 20, "too long"),
        (b"Obj\x01\x00" + b"s" * 16, "schema is not JSON"),
    ],
)
def test_what_is_no_avro_file_is_refused_with_a_reason(data, message):
    with pytest.raises(InvalidFile, match=message):
        rows_in(data)


def test_a_file_can_be_read_twice():
    from hiring_api.avro.reader import AvroRows
    from tests.avro.avro_files import DEPARTMENTS

    rows = AvroRows(io.BytesIO(saved()), DEPARTMENTS)
    first, second = ([chunk.values for chunk in rows.chunks()] for _ in range(2))
    assert first == second
