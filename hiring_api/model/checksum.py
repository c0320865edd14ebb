"""The checksum of a set of rows: what proves that rows arrived as they were sent."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Checksum:
    """How many rows, and the sum over them of the CRC-32 of the row's line times the row's id.

    A sum, so that the checksums of parts can be added and subtracted, that the order of rows does not matter,
    and that a database can compute it over stored rows. Each CRC-32 is multiplied by the id because a CRC is
    linear: two values that change places between two rows would often leave a plain sum as it was.
    """

    rows: int = 0
    total: int = 0

    def __add__(self, other: Checksum) -> Checksum:
        return Checksum(self.rows + other.rows, self.total + other.total)

    def __sub__(self, other: Checksum) -> Checksum:
        return Checksum(self.rows - other.rows, self.total - other.total)
