"""Recognise files that are not CSV: what they are instead, and what the user can do."""

from __future__ import annotations

import codecs
import re
from typing import Final

_MOST_CONTROLS: Final = 0.1  # of all bytes; no text has as many
_CONTROLS: Final = bytes(set(range(32)) - set(b"\t\n\r\f\x1a"))
_NULS: Final = re.compile(rb"\0+")


def _encoded(name: str) -> str:
    kind = name[: len("UTF-16")].upper()
    return f"it is {kind}. Save it as UTF-8, or name its encoding to the migration job: --encoding {name}"


_AS_CSV: Final = "Save it as CSV in UTF-8"
# By the first bytes; the mark of UTF-32 begins with that of UTF-16
_KNOWN: Final = {
    codecs.BOM_UTF32_LE: _encoded("utf-32"),
    codecs.BOM_UTF32_BE: _encoded("utf-32"),
    codecs.BOM_UTF16_LE: _encoded("utf-16"),
    codecs.BOM_UTF16_BE: _encoded("utf-16"),
    b"PK\x03\x04": f"it is a workbook (.xlsx, .ods) or another zip. {_AS_CSV}",
    b"\xd0\xcf\x11\xe0": f"it is a workbook (.xls). {_AS_CSV}",
    b"PAR1": f"it is Parquet. {_AS_CSV}",
    b"Obj\x01": f"it is Avro. Restore it, or convert it. {_AS_CSV}",
    b"%PDF": f"it is a PDF. {_AS_CSV}",
    b"\x1f\x8b": "it is compressed (gzip). Unpack it first",
    b"\x28\xb5\x2f\xfd": "it is compressed (Zstandard). Unpack it first",
}


def no_csv(sample: bytes) -> str | None:
    """Return what a file is instead of CSV, as the rest of a sentence, and what to do; None if it may be CSV.

    `sample` are its first bytes. Several NUL bytes in a row count as one, and those at its end do not count:
    files from tapes or crashed disks have them.
    """
    for magic, what in _KNOWN.items():
        if sample.startswith(magic):
            return what
    text = _NULS.sub(b"\0", sample).rstrip(b"\0")
    controls = len(text) - len(text.translate(None, _CONTROLS))
    if controls <= _MOST_CONTROLS * len(text) and (text or not sample):
        return None
    return _utf_16(sample.rstrip(b"\0")) or "it holds binary data"


def _utf_16(sample: bytes) -> str | None:
    """Recognise UTF-16 without a byte order mark: most of it is ASCII, so that every other byte is NUL."""
    for encoding, high in (("utf-16-le", sample[1::2]), ("utf-16-be", sample[::2])):
        if 2 * high.count(0) > len(high) > 0:
            return _encoded(encoding)
    return None
