"""Files made to do harm: refused soon and in little memory."""

import json
import subprocess
import sys
import time
import zlib

import pytest

from hiring_api.avro.container import block, header
from hiring_api.errors import InvalidFile
from tests.avro.avro_files import DEPARTMENTS, rows_in

SYNC = b"S" * 16
PLAIN = {
    "type": "record",
    "name": "departments",
    "fields": [{"name": "id", "type": "int"}, {"name": "department", "type": "string"}],
}


def file(schema, *blocks, codec=b"null"):
    return header({"avro.schema": json.dumps(schema).encode(), "avro.codec": codec}, SYNC) + b"".join(blocks)


def with_field(declared):
    return {**PLAIN, "fields": [*PLAIN["fields"], {"name": "more", "type": declared}]}


def deflate_bomb():
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = b"".join(packer.compress(bytes(10_000_000)) for _ in range(60)) + packer.flush()
    return file(PLAIN, block(1000, packed, SYNC), codec=b"deflate")


def zstandard_bomb():
    import zstandard

    packed = zstandard.ZstdCompressor().compress(bytes(600_000_000))
    return file(PLAIN, block(1000, packed, SYNC), codec=b"zstandard")


def snappy_bomb():
    import cramjam

    content = bytes(400_000_000)
    packed = bytes(cramjam.snappy.compress_raw(content)) + zlib.crc32(content).to_bytes(4, "big")
    return file(PLAIN, block(1000, packed, SYNC), codec=b"snappy")


def snappy_lie():
    return file(PLAIN, block(1000, b"\xff\xff\xff\xff\x0f" + b"\0" * 50, SYNC), codec=b"snappy")


def bzip2_bomb():
    import bz2

    return file(PLAIN, block(1000, bz2.compress(bytes(400_000_000)), SYNC), codec=b"bzip2")


def xz_bomb():
    import lzma

    return file(PLAIN, block(1000, lzma.compress(bytes(400_000_000), preset=0), SYNC), codec=b"xz")


BOMBS = {
    "2^40 empty records": lambda: file(
        {"type": "record", "name": "x", "fields": [{"name": "a", "type": "null"}]}, block(1 << 40, b"", SYNC)
    ),
    "2^40 records of nothing but the columns": lambda: file(PLAIN, block(1 << 40, b"", SYNC)),
    "more records than bytes": lambda: file(PLAIN, block(1000, b"\0" * 1000, SYNC)),
    "a block that claims a terabyte": lambda: file(PLAIN) + b"\x02" + b"\x80\x80\x80\x80\x80\x80\x01",
    "a string that claims a gigabyte": lambda: file(PLAIN, block(1, b"\x02\x80\x80\x80\x80\x08abc", SYNC)),
    "a string of negative length": lambda: file(PLAIN, block(1, b"\x02\x01abc", SYNC)),
    "deflate": deflate_bomb,
    "zstandard": zstandard_bomb,
    "snappy": snappy_bomb,
    "a length of 4 GB in snappy": snappy_lie,
    "bzip2": bzip2_bomb,
    "xz": xz_bomb,
    "a header value of a gigabyte": lambda: b"Obj\x01\x02\x80\x80\x80\x80\x08",
    "2^60 header entries": lambda: b"Obj\x01\x80\x80\x80\x80\x80\x80\x80\x80\x20",
    "a schema of 60 KB in brackets": lambda: header({"avro.schema": b"[" * 60_000}, SYNC),
    "a schema of many fields": lambda: file(
        {**PLAIN, "fields": [{"name": f"f{n}", "type": "int"} for n in range(1000)]}
    ),
    "a recursive schema": lambda: file(with_field("departments")),
    "a record in a record": lambda: file(with_field(PLAIN)),
    "an array": lambda: file(with_field({"type": "array", "items": "null"})),
    "a map": lambda: file(with_field({"type": "map", "values": "int"})),
    "a fixed of a gigabyte": lambda: file(with_field({"type": "fixed", "name": "f", "size": 1 << 30})),
    "a fixed of no size": lambda: file(with_field({"type": "fixed", "name": "f", "size": -1})),
    "an empty union": lambda: file(with_field([])),
    "a union in a union": lambda: file(with_field(["null", ["null", "int"]])),
    "a schema that is a list": lambda: file([PLAIN]),
    "a schema that is a number": lambda: file(7),
    "fields that are no list": lambda: file({**PLAIN, "fields": "id"}),
    "a field without a name": lambda: file({**PLAIN, "fields": [{"type": "int"}]}),
    "a field whose type is a number": lambda: file({**PLAIN, "fields": [{"name": "id", "type": 7}]}),
    "a symbol that is a number": lambda: file(with_field({"type": "enum", "name": "e", "symbols": 3})),
    "an unknown codec": lambda: file(PLAIN, codec=b"\xff\xfelzma"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_soon(name):
    data = BOMBS[name]()
    started = time.monotonic()
    with pytest.raises(InvalidFile):
        rows_in(data, DEPARTMENTS, ignore_extra=True)
    assert time.monotonic() - started < 10


# How far a process has grown is known of its whole life only: so each file has one of its own. Linux counts
# in ru_maxrss what the parent had, which has made the bomb
_GROWN = """
import re, sys
from pathlib import Path
from hiring_api.errors import InvalidFile
from tests.avro.avro_files import DEPARTMENTS, rows_in

def peak():
    return int(re.search(r"VmHWM:\\s+([0-9]+) kB", Path("/proc/self/status").read_text())[1])

data = Path(sys.argv[1]).read_bytes()
before = peak()
try:
    rows_in(data, DEPARTMENTS, ignore_extra=True)
except InvalidFile:
    print(peak() - before)
"""
INFLATING = ["deflate", "zstandard", "snappy", "bzip2", "xz"]


@pytest.mark.parametrize("name", INFLATING)
def test_a_bomb_that_inflates_is_refused_before_it_does(name, tmp_path):
    """A block may have 64 MiB: room for some of those, but not for what the bomb becomes."""
    assert _grown(BOMBS[name](), tmp_path) < 200_000


def _grown(data, folder):
    """By how many KiB a process grows that refuses the file."""
    (folder / "bomb.avro").write_bytes(data)
    command = [sys.executable, "-c", _GROWN, str(folder / "bomb.avro")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout)
