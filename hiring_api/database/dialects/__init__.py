"""The databases that the program runs on: all that differs between them is in this folder, and only here.

Reading order: `dialect` (the class `Dialect`: what a database must be able to do), `failures` (what
the errors of all drivers can mean), `sqlite` and `mysql/` (MySQL and MariaDB), which do it.

Another database is one new module with a subclass of `Dialect`, a line in `_DIALECTS`, its driver's name in
`hiring_api.settings`, and its tests. What a table is made of is declared with SQLAlchemy in `model/tables.py`
and `database/bookkeeping.py`, with `with_variant` and table options where the standard type is too small on
MySQL: every reader knows these, and a database that needs none of them is not mentioned there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy.engine import URL

from .mysql import MySQL
from .sqlite import SQLite

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from .dialect import Dialect

# By the names that SQLAlchemy gives them
_DIALECTS: Final[dict[str, Dialect]] = {"sqlite": SQLite(), "mysql": MySQL(), "mariadb": MySQL()}


def dialect_of(database: Engine | Connection | URL) -> Dialect:
    """The dialect of a database, of which an engine, a connection or the address is given."""
    name = database.get_backend_name() if isinstance(database, URL) else database.dialect.name
    return _DIALECTS[name]
