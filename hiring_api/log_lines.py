"""Log lines: as text, or as JSON objects for programs that collect them (`LOG_FORMAT=json`).

Each line of a message is a line of the log, with its time and request: a thousand refused rows are one record
of the logging module, which costs more than the lines themselves.
"""

from __future__ import annotations

import copy
import json
import logging
import os
import sys
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from types import TracebackType

_BODY = "\0"
_NONE: Final = (None, "-")
# What every record has; other attributes came with `extra` or from a filter, and are members of their own
_OF_ALL_RECORDS: Final = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"}

log = logging.getLogger(__name__)


class LinesFormatter(logging.Formatter):
    """Puts what stands before a message before each of its lines."""

    def format(self, record: logging.LogRecord) -> str:
        """The lines of the record."""
        message = record.getMessage()
        if "\n" not in message:
            return super().format(record)
        frame = copy.copy(record)
        frame.msg, frame.args = _BODY, ()
        before, _, after = super().format(frame).partition(_BODY)
        return "\n".join(f"{before}{line}" for line in message.split("\n")) + after


class JsonFormatter(logging.Formatter):
    """Makes an object of each line of a message; a traceback is a member of the last one."""

    def format(self, record: logging.LogRecord) -> str:
        """The objects of the record, a line each, in ASCII."""
        members: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")[:-6] + "Z",
            "level": record.levelname,
            "logger": record.name,
        }
        extra = {name: value for name, value in vars(record).items() if name not in _OF_ALL_RECORDS}
        members |= {name: value for name, value in sorted(extra.items()) if value not in _NONE}
        lines = [{**members, "message": line} for line in record.getMessage().rstrip("\n").split("\n")]
        if record.exc_info:
            lines[-1]["traceback"] = self.formatException(record.exc_info)
        return "\n".join(json.dumps(line, default=str) for line in lines)


def wants_json() -> bool:
    """True if LOG_FORMAT asks for JSON; read without the other settings, which may be wrong."""
    return os.environ.get("LOG_FORMAT", "").lower() == "json"


def log_to_stderr(level: str) -> None:
    """Write what the process logs, from `level` on, to standard error: as text, or as LOG_FORMAT says."""
    if wants_json():
        log_json()
        logging.getLogger().setLevel(level)
    else:
        handler = logging.StreamHandler()
        handler.setFormatter(LinesFormatter("%(asctime)s %(levelname)s %(message)s"))
        logging.basicConfig(level=level, handlers=[handler])
    logging.getLogger("alembic").setLevel(logging.WARNING)


def log_json() -> logging.Handler:
    """Write as JSON whatever the process logs, warns of or dies of; return the handler that does so."""
    root = logging.getLogger()
    for handler in root.handlers:
        if isinstance(handler.formatter, JsonFormatter):
            return handler
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    root.addHandler(handler)
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_death
    threading.excepthook = lambda death: _log_death(death.exc_type, death.exc_value, death.exc_traceback)
    return handler


def _log_death(
    kind: type[BaseException], error: BaseException | None, traceback: TracebackType | None
) -> None:
    log.critical("died of %s", kind.__name__, exc_info=(kind, error or kind(), traceback))


def say(sentence: str) -> None:
    """Tell whoever runs the program what went wrong: as it is on standard error, or as an object there."""
    if wants_json():
        log_json()
        log.error("%s", sentence)
    else:
        sys.stderr.write(f"{sentence}\n")
