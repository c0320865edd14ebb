"""`GET /overview`: the figures that tell at a glance how the data are."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from flask import Response, jsonify

from hiring_api.backup import catalogue
from hiring_api.database import identity
from hiring_api.database.transactions import require_writable, snapshot
from hiring_api.errors import HiringError, NotFound
from hiring_api.loading.progress import last_loads
from hiring_api.model.tables import resource, tables
from hiring_api.queries.lists import Selection, count
from hiring_api.rejects.listing import instant, reject_figures
from hiring_api.users.roles import READER
from hiring_api.web.http.backup_folder import described, store
from hiring_api.web.http.extensions import engine
from hiring_api.web.http.routing import Routes
from hiring_api.web.schemas.overview import OverviewSchema

if TYPE_CHECKING:
    from hiring_api.database.identity import Database
    from hiring_api.loading.progress import LastLoad
    from hiring_api.rejects.listing import Figures

routes = Routes("overview", __name__, description="The state of the data at a glance")


@routes.route("/overview")
@routes.needs(READER)
@routes.query()
@routes.response(200, OverviewSchema)
def overview() -> Response:
    """Tell the state of the data: rows, rejects and last load of each table, newest backup, database.

    The rows are counted, in one snapshot. A database that can only be read, and a place of backups that
    cannot be reached, are told in `problem`; a database that cannot be reached is a 503.
    """
    with snapshot(engine()) as connection:
        rows = {table.name: count(connection, table, Selection()) for table in tables()}
        rejects = {figures.table.name: figures for figures in reject_figures(connection)}
        loads = last_loads(connection)
        here = identity.identify(connection)
    found = [
        {
            "table": resource(table),
            "rows": rows[table.name],
            "rejects": _rejects(rejects[table.name]),
            "last_load": _load(loads.get(table.name)),
        }
        for table in tables()
    ]
    return jsonify(database=_database(), tables=found, backups=_backups(here))


def _rejects(figures: Figures) -> dict[str, Any]:
    last = None if figures.last is None else instant(figures.last)
    return {"open": figures.unresolved, "resolved": figures.resolved, "last": last}


def _load(load: LastLoad | None) -> dict[str, Any] | None:
    if load is None:
        return None
    moments = {"begun_at": instant(load.begun_at), "ended_at": instant(load.ended_at)}
    return {"run": load.run, "source": load.source, **moments, **asdict(load.counts)}


def _database() -> dict[str, Any]:
    try:
        require_writable(engine())
    except HiringError as error:
        return {"writable": False, "problem": error.message}
    return {"writable": True, "problem": None}


def _backups(here: Database) -> dict[str, Any]:
    try:
        newest = catalogue.newest(store(), here)
    except NotFound:
        return {"newest": None, "problem": None}
    except HiringError as error:
        return {"newest": None, "problem": error.message}
    age = datetime.now(UTC) - datetime.fromisoformat(newest.time)
    return {"newest": {**described(newest), "age_seconds": int(age.total_seconds())}, "problem": None}
