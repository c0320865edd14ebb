"""Read tables: a page by keyset, one row, or a whole selection as a stream.

Filters come from the declaration: a reference filters by its value, an instant by a half-open range under
the word its column gives. The texts of a row are searched together.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from operator import eq, ge, lt
from typing import TYPE_CHECKING, Any

from sqlalchemy import exists, func, or_, select

from hiring_api.model.columns import Instant, Reference, Text
from hiring_api.model.tables import columns, kinds, references

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import ColumnElement, Connection, Select, Table

    from hiring_api.model.validation import Row

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {"eq": eq, "from": ge, "until": lt}
_FETCHED = 1000  # rows a time from the server's cursor


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows of a table, and how much is told of them.

    Attributes:
        after: rows with an id above this one.
        before: rows with an id below this one; a page then has the last of them.
        limit: at most so many.
        filters: values by the names of `filter_names`, which all let the rows through.
        search: a text that one of the row's texts contains, upper or lower case.
        expand: also tell the rows that these refer to.
    """

    after: int = 0
    before: int | None = None
    limit: int | None = None
    filters: dict[str, Any] = field(default_factory=dict)
    search: str | None = None
    expand: bool = False


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


def searched(table: Table) -> list[str]:
    """The columns that a search looks into: the texts."""
    return [name for name, kind in kinds(table).items() if isinstance(kind, Text)]


def find(connection: Connection, table: Table, row_id: int) -> dict[str, Any] | None:
    """The row with that id in its JSON form, or None."""
    row = connection.execute(select(*columns(table)).where(table.c.id == row_id)).one_or_none()
    return None if row is None else to_json(table, row._asdict())


def page(connection: Connection, table: Table, selection: Selection) -> list[dict[str, Any]]:
    """The selected rows in the order of their ids, in their JSON form; with `before` those next to it."""
    if selection.before is None:
        query = _query(table, selection).order_by(table.c.id)
        return [_shown(table, dict(row), selection) for row in connection.execute(query).mappings()]
    query = _query(table, selection).order_by(table.c.id.desc())
    return [_shown(table, dict(row), selection) for row in connection.execute(query).mappings()][::-1]


def stream(connection: Connection, table: Table, selection: Selection) -> Iterator[dict[str, Any]]:
    """Yield the rows of `page` one at a time, in memory that does not grow with their number."""
    options = connection.execution_options(stream_results=True, yield_per=_FETCHED)
    for row in options.execute(_query(table, selection).order_by(table.c.id)).mappings():
        yield _shown(table, dict(row), selection)


def count(connection: Connection, table: Table, selection: Selection) -> int:
    """How many rows the filters and the search let through, on all pages."""
    every = replace(selection, after=0, before=None)
    query = select(func.count()).select_from(table).where(*_conditions(table, every))
    return int(connection.execute(query).scalar_one())


def has_more(connection: Connection, table: Table, selection: Selection) -> bool:
    """Whether rows with an id above `after` are selected."""
    query = select(exists(select(table.c.id).where(*_conditions(table, selection))))
    return bool(connection.execute(query).scalar())


def to_json(table: Table, row: Row) -> dict[str, Any]:
    """A row with its values as JSON and CSV show them."""
    return {name: kind.to_json(row[name]) for name, kind in kinds(table).items()}


def _query(table: Table, selection: Selection) -> Select[Any]:
    """The rows; where they are expanded, the columns of those that they refer to behind their own.

    The outer joins find each row: references hold. They keep the server from beginning with the parents, of
    which there are few, and sorting all their children.
    """
    query = select(*columns(table))
    for name, parent in references(table).items() if selection.expand else ():
        of_reference = parent.alias()
        others = [of_reference.c[column].label(f"{name}.{column}") for column in kinds(parent)]
        query = query.add_columns(*others).outerjoin(of_reference, of_reference.c.id == table.c[name])
    query = query.where(*_conditions(table, selection))
    return query if selection.limit is None else query.limit(selection.limit)


def _conditions(table: Table, selection: Selection) -> Iterator[ColumnElement[bool]]:
    if selection.after:
        yield table.c.id > selection.after
    if selection.before is not None:
        yield table.c.id < selection.before
    names = filter_names(table)
    for name, value in selection.filters.items():
        column, operator = names[name]
        yield _OPERATORS[operator](table.c[column], value)
    if selection.search is not None:
        # INSTR takes no character for a pattern, as LIKE would
        wanted = func.lower(selection.search)
        yield or_(*(func.instr(func.lower(table.c[name]), wanted) > 0 for name in searched(table)))


def _shown(table: Table, values: Row, selection: Selection) -> dict[str, Any]:
    shown = to_json(table, values)
    if selection.expand:
        shown["references"] = {
            name: to_json(parent, {column: values[f"{name}.{column}"] for column in kinds(parent)})
            for name, parent in references(table).items()
        }
    return shown
