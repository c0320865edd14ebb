"""`create_app`: settings -> the Flask application that gunicorn serves."""

from __future__ import annotations

import logging

from flask import Flask
from flask_smorest import Api

from hiring_api.database.engine import engine_options, prepare
from hiring_api.database.readers import open_readers
from hiring_api.model.tables import tables
from hiring_api.settings import Settings, read_settings
from hiring_api.web.http import auth, problems, prometheus, request_ids, sources
from hiring_api.web.http.extensions import db
from hiring_api.web.routes import (
    backup_files,
    backups,
    batch,
    console,
    docs,
    health,
    lists,
    me,
    metrics,
    one_row,
    overview,
    rejects,
    uploads,
)
from hiring_api.web.schemas.converter import Described
from hiring_api.web.schemas.problem import ProblemSchema


class _Api(Api):
    """flask-smorest with problem+json for its errors, in answers and in the documentation."""

    ERROR_SCHEMA = ProblemSchema
    DEFAULT_ERROR_RESPONSE_NAME = None  # every status of an operation is named

    def _register_error_handlers(self) -> None:
        """`problems.register` has done it."""

    def _register_pagination_header(self) -> None:
        """Lists have the path of their next page in the body and in `Link`."""


def create_app(settings: Settings | None = None) -> Flask:
    """Put the application together; `settings` are those of the environment where none are given.

    Raises:
        SettingsError: a setting is wrong, or there are no credentials.
    """
    settings = settings or read_settings()
    settings.credentials()
    logging.getLogger("hiring_api").setLevel(settings.log_level)
    app = Flask(__name__, static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]  # columns come in their declared order
    app.config.update(
        SETTINGS=settings,
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=engine_options(settings.database_url),
        PROPAGATE_EXCEPTIONS=False,
        **docs.CONFIG,
    )
    db.init_app(app)
    with app.app_context():
        engine = prepare(db.engine)
    if settings.read_url is not None:
        readers = open_readers(engine, settings.read_url, settings.read_staleness)
        prometheus.count_connections(readers)
        app.extensions["readers"] = readers
    # What runs before a request does so in this order: its id is first, so that all others can log it
    request_ids.register(app)
    prometheus.register(app, engine)
    auth.guard(app, settings, engine)
    problems.register(app)
    sources.register(app, settings)
    api = _Api(app, spec_kwargs={"marshmallow_plugin": Described()})
    docs.register(app, api)
    for table in tables():
        blueprint = batch.routes(table)
        lists.add_routes(blueprint, table)
        one_row.add_routes(blueprint, table)
        api.register_blueprint(blueprint)
    for blueprint in (
        batch.all_routes(),
        backup_files.routes(),
        backups.routes,
        metrics.routes,
        uploads.routes(),
        rejects.routes,
        me.routes,
        overview.routes,
        health.routes,
        console.routes,
    ):
        api.register_blueprint(blueprint)
    return app
