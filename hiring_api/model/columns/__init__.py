"""The kinds of columns: `Id` and `Reference` (whole), `Text` (text), `Instant` (instant).

Each kind's file holds every rule about its values, in all the forms they come in: SQL, JSON, CSV and Avro.
A value inside the program is an `int`, a `str`, or, for an instant, a naive `datetime` in UTC: drivers lose
the offset of aware ones silently.

Reading order: `kind` (what a kind must say), `whole`, `text`, `instant`; `byte_columns` and `varint` are the
forms of many values at once that they share: bytes of CSV lines, and Avro's binary encoding.
"""

from .instant import Instant, InstantField
from .kind import Kind, Unread
from .text import Text
from .whole import MAX_ID, Id, Reference, Whole

__all__ = ["MAX_ID", "Id", "Instant", "InstantField", "Kind", "Reference", "Text", "Unread", "Whole"]
