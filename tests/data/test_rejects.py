"""Refused rows on record: whatever way they go in, what is stored is what was refused, and why."""

import json

import pytest
from sqlalchemy import select

from hiring_api.data import bulk
from hiring_api.data.rejects import Origin, Reject, keep, rejects, written
from hiring_api.data.rows import RowError
from hiring_api.data.tables import tables

ODD = "tab \t line\nquote ' \" backslash \\ percent %s % null \0 ñ 🎉 \ud800"
WRONG = RowError("name", "required", "name is required: it is empty")
ROW = {"id": 7, "name": ODD, ODD: [1.5, None, {"x": True}]}
SOURCES = ["POST /employees", "odd \t 100%s\n'\\\" ñ🎉.csv", "x" * 600]


def alike(number):
    return Reject({**ROW, "id": number}, [WRONG, RowError(None, "column_count", ODD)], record=number)


def apart(number):
    return Reject([ODD, str(number)], [RowError(f"{ODD} {number}", "unknown_field", ODD)], line=number)


def sometimes_with_a_line(number):
    return alike(number) if number % 2 else apart(number)


def flat(number):
    return Reject({"a": number, ODD: "}\x01{", "b": "},{"}, [WRONG], record=number)


def nested(number):
    return Reject({"a": [{"b": number}, {}] * (number % 2)} if number % 5 else {}, [WRONG], record=number)


def with_line_and_record(number):
    return Reject(ODD, [WRONG._replace(message=f"{number % 7}")] * (number % 3), number, number + 1)


@pytest.mark.parametrize("local", [True, False])
@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("count", [1, 99, 100, 1000])
@pytest.mark.parametrize("refused", [alike, apart, sometimes_with_a_line, with_line_and_record, nested, flat])
def test_what_is_stored_is_what_was_refused(engine, refused, count, source, local):
    table, given = tables()[0], [refused(number) for number in range(1, count + 1)]
    if not local:
        bulk._without_local.add(engine)
    with engine.begin() as connection:
        keep(connection, table, Origin(source, "run-1"), given, logged=0)
        found = connection.execute(select(rejects).order_by(rejects.c.id)).all()
    assert len(found) == count
    for reject, row in zip(given, found, strict=True):
        assert (row.table_name, row.source, row.run) == (table.name, source[:512], "run-1")
        assert (row.line, row.record, row.resolved_at) == (reject.line, reject.record, None)
        assert {"line": row.line, "record": row.record, "raw": row.raw, "errors": row.errors} == written(
            reject
        )
        assert json.loads(row.raw) == reject.raw
        assert row.errors == json.dumps([error.to_json() for error in reject.errors])
    assert len({row.refused_at for row in found}) == 1


def test_each_refused_row_has_a_line_in_the_log(engine, caplog):
    with engine.begin() as connection:
        keep(connection, tables()[0], Origin("POST /jobs", "r"), [alike(1), apart(2), apart(3)], logged=2)()
    [record] = caplog.records
    first, second = record.message.split("\n")
    start = "refused row 1 of departments from POST /jobs: "
    assert first.startswith(start + '{"id": 1, "name": "tab \\t line\\n')
    assert "[required: name is required: it is empty; column_count: tab \\t line\\n" in first
    assert second.startswith('refused line 2 of departments from POST /jobs: ["tab \\t line')
