"""Log lines: each line of a message is a line of the log, with its time and request.

A thousand refused rows are one record of the logging module, which costs more than the lines themselves.
"""

from __future__ import annotations

import copy
import logging

_BODY = "\0"


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
