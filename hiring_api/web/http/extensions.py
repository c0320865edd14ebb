"""The Flask extensions that the routes share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask_httpauth import HTTPBasicAuth
from flask_sqlalchemy import SQLAlchemy

from hiring_api.model.tables import Base

if TYPE_CHECKING:
    from sqlalchemy import Engine

auth = HTTPBasicAuth(realm="hiring")
db = SQLAlchemy(metadata=Base.metadata)


def engine() -> Engine:
    """The engine of the application that answers the present request."""
    return db.engine
