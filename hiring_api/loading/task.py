"""A file to load, its limit of rejects, and the result of the load."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pyroaring import BitMap, BitMap64

from hiring_api.model.checksum import Checksum

if TYPE_CHECKING:
    from sqlalchemy import Table

    from hiring_api.csv_input.files import CsvFile
    from hiring_api.planning.row_rules import OnConflict
    from hiring_api.rejects.record import Origin, Reject

    from .progress import Counts

_LIMIT: Final = re.compile(r"([0-9]{1,10})|((?:[0-9]{1,2}(?:\.[0-9]{1,4})?|100))%")


@dataclass(frozen=True, slots=True)
class Limit:
    """The greatest number of rejects of a file, or their greatest share of its rows."""

    rows: int | None = None
    share: float | None = None

    def exceeded(self, counts: Counts, *, ended: bool) -> bool:
        """True if there are more rejects than the limit. A share is only compared when the file has ended."""
        if self.rows is not None and counts.rejected > self.rows:
            return True
        return ended and self.share is not None and counts.rejected > self.share * counts.read


def limit_of(text: str) -> Limit | None:
    """Parse a limit such as `100` or `5%`; return None for any other text."""
    match = _LIMIT.fullmatch(text)
    if match is None:
        return None
    return Limit(rows=int(match[1])) if match[1] else Limit(share=float(match[2]) / 100)


@dataclass(frozen=True, slots=True)
class Task:
    """One file to load.

    `origin` is for the record. Where `replaces` holds, the rejects of an earlier file of the same name are
    those of an earlier state of this one.
    """

    table: Table
    file: CsvFile
    origin: Origin
    on_conflict: OnConflict = "error"
    limit: Limit = field(default_factory=Limit)
    replaces: bool = True


@dataclass(frozen=True, slots=True)
class Loaded:
    """The result of a load. `kept` is False if the file had more rejects than its limit, or was only checked.

    `rejects` are the first 100, `accepted` the ids that were (or would be) taken, `proven` the checksum of
    the rows written, which was compared with what the database has. What was refused is on record under
    `run`, but for earlier rejects that were refused `again`, which are named by their keys; where the load
    went on with one that was killed, also those until line `resumed`.
    """

    counts: Counts
    rejects: list[Reject] = field(default_factory=list)
    accepted: BitMap = field(default_factory=BitMap)
    kept: bool = True
    proven: Checksum = field(default_factory=Checksum)
    run: str = ""
    again: BitMap64 = field(default_factory=BitMap64)
    resumed: int = 0
