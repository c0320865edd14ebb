"""Engines: how this program connects to a database."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool, QueuePool

from .dialects import dialect_of
from .driver_errors import interruption

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.engine import URL

_POOL = f"{QueuePool.__module__}.{QueuePool.__name__}"  # as SQLAlchemy names its logger


def engine_options(url: URL) -> dict[str, Any]:
    """The arguments of `create_engine` for `url`: sessions are strict, in UTC, with all of Unicode."""
    return dialect_of(url).engine_options(url)


def open_engine(url: URL, patience: float | None = None) -> Engine:
    """An engine for `url`, ready for `transaction` and `snapshot`.

    Marked transactions wait `patience` seconds for a server that can write, 15 by default.
    """
    waiting = {} if patience is None else {"patience": patience}
    return prepare(create_engine(url, execution_options=waiting, **engine_options(url)))


def open_hasty_engine(url: URL) -> Engine:
    """An engine for what must not keep a request waiting: it fails after a second or less where another one
    would wait for a lock or a server. Each connection is closed after its use.
    """
    options = engine_options(url)
    kept = {name: options[name] for name in options.keys() & {"isolation_level"}}
    connect = options["connect_args"] | dialect_of(url).hasty_arguments
    return prepare(create_engine(url, connect_args=connect, poolclass=NullPool, **kept))


def prepare(engine: Engine) -> Engine:
    """Prepare an engine that others have made for `transaction` and `snapshot`; return it."""
    logging.getLogger(_POOL).addFilter(_not_of_an_interruption)
    dialect_of(engine).prepare(engine)
    return engine


def _not_of_an_interruption(record: logging.LogRecord) -> bool:
    """False for what is not worth a line of the log: that Ctrl-C cut a conversation with the server short, so
    that the connection could not be reset. It is closed.
    """
    error = record.exc_info[1] if record.exc_info else None
    return error is None or (isinstance(error, Exception) and interruption(error) is None)
