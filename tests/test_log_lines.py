"""Each line of a message is a line of the log."""

import logging

from hiring_api.log_lines import LinesFormatter


def formatted(message, **kwargs):
    record = logging.LogRecord("rejects", logging.WARNING, "", 0, message, (), kwargs.get("exc_info"))
    return LinesFormatter("%(levelname)s [%(name)s] %(message)s").format(record)


def test_a_message_of_one_line_is_as_ever():
    assert formatted("one") == "WARNING [rejects] one"


def test_each_line_has_what_stands_before_a_message():
    assert formatted("one\ntwo") == "WARNING [rejects] one\nWARNING [rejects] two"
