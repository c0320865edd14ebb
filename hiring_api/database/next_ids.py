"""The ids that a database gives: it counts on from the highest that ever was, and stops at the last one.

A single row with that id, once, and none is given again, not even when the row is gone. So the counter is set
back then; else it stays where it is, so that the id of a row that was deleted is not given to another one.
"""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from hiring_api.errors import HiringError
from hiring_api.model.columns import MAX_ID
from hiring_api.model.tables import resource

from .dialects import dialect_of
from .driver_errors import translated
from .transactions import snapshot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Engine, Table

log = logging.getLogger(__name__)

_FEW: Final = 1_000_000  # ids left to give


@dataclass(frozen=True, slots=True)
class Reset:
    """The next id of a table, before and after its counter was set back."""

    table: str
    before: int
    after: int

    def to_json(self) -> dict[str, Any]:
        """Return the counters as users see them."""
        return asdict(self)


def replenish(engine: Engine, tables: Sequence[Table]) -> None:
    """Set back the counters that have few ids left, where that gains some.

    It only ever helps: what fails is logged, such as a right that is missing.
    """
    for table in tables:
        try:
            with snapshot(engine) as connection:
                left = MAX_ID - dialect_of(connection).next_id(connection, table)
                possible = MAX_ID - _highest(connection, table)
            if left < min(_FEW, possible - 1):
                reset(engine, table)
        except (HiringError, DBAPIError) as error:
            log.warning(
                "%s has few ids left to give: run python -m hiring_api reset-ids (%s)", table.name, error
            )


def reset(engine: Engine, table: Table) -> Reset:
    """Let the ids of a table go on after the highest that is in it.

    Raises:
        DatabaseUnavailable: it cannot be reached, or others use the table without end.
    """
    with translated(engine):
        before = _next(engine, table)
        dialect_of(engine).reset_next_id(engine, table)
        return Reset(resource(table), before, _next(engine, table))


def _next(engine: Engine, table: Table) -> int:
    """The id that the database would give next."""
    with snapshot(engine) as connection:
        return dialect_of(connection).next_id(connection, table)


def _highest(connection: Connection, table: Table) -> int:
    """The highest id in the table; 0 in an empty one."""
    return connection.execute(select(func.max(table.c.id))).scalar() or 0
