"""Read tables: a page by keyset, one row, or a whole selection as a stream.

Filters come from the declaration: a reference filters by its value, an instant by a half-open range under
the word its column gives.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import eq, ge, lt
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from hiring_api.model.columns import Instant, Reference
from hiring_api.model.tables import columns, kinds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import ColumnElement, Connection, Select, Table

    from hiring_api.model.validation import Row

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {"eq": eq, "from": ge, "until": lt}
_FETCHED = 1000  # rows a time from the server's cursor


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows: those with an id above `after` that all `filters` let through, at most `limit`.

    `filters` has values by the names of `filter_names`.
    """

    after: int = 0
    limit: int | None = None
    filters: dict[str, Any] = field(default_factory=dict)


def filter_names(table: Table) -> dict[str, tuple[str, str]]:
    """For each filter of a table, its column and operator: `eq`, `from` (included) or `until` (excluded)."""
    names = {}
    for column, kind in kinds(table).items():
        if isinstance(kind, Reference):
            names[column] = (column, "eq")
        elif isinstance(kind, Instant):
            names[f"{kind.word}_from"] = (column, "from")
            names[f"{kind.word}_until"] = (column, "until")
    return names


def find(connection: Connection, table: Table, row_id: int) -> dict[str, Any] | None:
    """The row with that id in its JSON form, or None."""
    row = connection.execute(select(*columns(table)).where(table.c.id == row_id)).one_or_none()
    return None if row is None else to_json(table, row._asdict())


def page(connection: Connection, table: Table, selection: Selection) -> list[dict[str, Any]]:
    """The selected rows in the order of their ids, in their JSON form."""
    found = connection.execute(_statement(table, selection)).mappings()
    return [to_json(table, dict(row)) for row in found]


def stream(connection: Connection, table: Table, selection: Selection) -> Iterator[dict[str, Any]]:
    """As `page`, but yield a row at a time, in memory that does not grow with their number."""
    options = connection.execution_options(stream_results=True, yield_per=_FETCHED)
    for row in options.execute(_statement(table, selection)).mappings():
        yield to_json(table, dict(row))


def to_json(table: Table, row: Row) -> dict[str, Any]:
    """A row with its values as JSON and CSV show them."""
    return {name: kind.to_json(row[name]) for name, kind in kinds(table).items()}


def _statement(table: Table, selection: Selection) -> Select[Any]:
    names = filter_names(table)
    chosen = [_condition(table, *names[name], value) for name, value in selection.filters.items()]
    statement = select(*columns(table)).where(table.c.id > selection.after, *chosen).order_by(table.c.id)
    return statement if selection.limit is None else statement.limit(selection.limit)


def _condition(table: Table, column: str, operator: str, value: Any) -> ColumnElement[bool]:
    condition: ColumnElement[bool] = _OPERATORS[operator](table.c[column], value)
    return condition
