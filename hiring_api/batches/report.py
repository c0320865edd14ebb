"""A batch and what came of it: options, the outcome of each row, and the answer that tells them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Literal

from hiring_api.model.tables import resource

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Table

    from hiring_api.model.row_errors import RowError
    from hiring_api.planning.row_rules import OnConflict

    from .columns import BatchRows

Mode = Literal["partial", "atomic"]
Returned = Literal["all", "failed", "summary"]


@dataclass(frozen=True, slots=True)
class Options:
    """The parameters of a batch, as `POST /departments` and the others take them."""

    mode: Mode = "partial"
    on_conflict: OnConflict = "error"
    dry_run: bool = False


@dataclass(slots=True)
class Outcome:
    """The outcome of one row; its status is inserted, updated, skipped, failed or rolled_back."""

    status: str
    id: int | None = None
    errors: tuple[RowError, ...] = ()


def _nothing() -> None:
    """Log nothing, if nothing was recorded."""


@dataclass(slots=True)
class BatchReport:
    """The outcomes of a batch's rows, in the order of the rows. `tell` logs which were refused, and why."""

    table: Table
    options: Options
    outcomes: list[Outcome]
    tell: Callable[[], None] = _nothing

    def counts(self) -> Counter[str]:
        """Count the rows by status."""
        return Counter(map(attrgetter("status"), self.outcomes))


@dataclass(frozen=True, slots=True)
class Batch:
    """Validated rows for one table."""

    table: Table
    rows: BatchRows


def answer(report: BatchReport, returned: Returned = "all") -> dict[str, Any]:
    """A report as users see it: the counts, and the outcomes of all rows, of the failed ones, or none."""
    counts = report.counts()
    found: dict[str, Any] = {
        "table": resource(report.table),
        "mode": report.options.mode,
        "dry_run": report.options.dry_run,
        "received": len(report.outcomes),
        **{status: counts[status] for status in ("inserted", "updated", "skipped", "failed")},
    }
    if returned != "summary":
        found["results"] = [
            _result(index, outcome)
            for index, outcome in enumerate(report.outcomes)
            if returned == "all" or outcome.status == "failed"
        ]
    return found


def _result(index: int, outcome: Outcome) -> dict[str, Any]:
    result: dict[str, Any] = {"index": index, "status": outcome.status, "id": outcome.id}
    if outcome.errors:
        result["errors"] = [error.to_json() for error in outcome.errors]
    return result
