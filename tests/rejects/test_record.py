"""Refused rows on record: whatever way they go in, what is stored is what was refused, and why."""

import pytest
from sqlalchemy import select

from hiring_api.database.bookkeeping import reject_packs
from hiring_api.model.row_errors import RowError
from hiring_api.model.tables import tables
from hiring_api.rejects.packs import Reject
from hiring_api.rejects.record import Origin, keep
from tests.conftest import on_record

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


def shown(number, reject, source):
    return {
        "id": number,
        "table": "departments",
        "source": source,
        "run": "run-1",
        "line": reject.line,
        "record": reject.record,
        "row": reject.raw,
        "errors": [error.to_json() for error in reject.errors],
        "resolved_at": None,
    }


def put_on_record(engine, given, source="POST /departments"):
    with engine.begin() as connection:
        keep(connection, tables()[0], Origin(source, "run-1"), given, logged=0)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("count", [1, 2, 1000, 1001])
@pytest.mark.parametrize("refused", [alike, apart, sometimes_with_a_line, with_line_and_record, nested, flat])
def test_what_is_on_record_is_what_was_refused(engine, refused, count, source):
    given = [refused(number) for number in range(1, count + 1)]
    put_on_record(engine, given, source)
    found = on_record(engine)
    assert len({reject.pop("refused_at") for reject in found}) == 1
    assert found == [shown(number, reject, source[:512]) for number, reject in enumerate(given, start=1)]


def packs(engine):
    with engine.connect() as connection:
        return connection.execute(select(reject_packs).order_by(reject_packs.c.id)).all()


def test_a_pack_has_as_many_rejects_as_are_not_too_long_together(engine):
    long = [Reject(["x" * 300_000], [WRONG], line, line) for line in range(1, 10)]
    put_on_record(engine, [*long, Reject(["y" * 3_000_000], [WRONG], 10, 10)])
    found = packs(engine)
    assert [(pack.first_line, pack.last_line, pack.size) for pack in found] == [
        (1, 2, 2),
        (3, 5, 3),
        (6, 7, 2),
        (8, 8, 1),
        (9, 9, 1),
        (10, 10, 1),
    ]
    assert max(len(pack.content) for pack in found) < 1_100_000
    *whole, cut = on_record(engine)
    assert [(reject["id"], reject["row"]) for reject in whole] == [
        (number, long[0].raw) for number in (1, 2, 1001, 1002, 1003, 2001, 2002, 3001, 4001)
    ]
    assert cut["row"].startswith('["yyy')
    assert cut["row"].endswith("… (3000004 characters)")


def test_what_is_said_of_many_rows_is_kept_once(engine):
    put_on_record(engine, [alike(number) for number in range(1000)])
    [pack] = packs(engine)
    assert pack.content.count("required: it is empty") == 1


def test_each_refused_row_has_a_line_in_the_log(engine, caplog):
    with engine.begin() as connection:
        keep(connection, tables()[0], Origin("POST /jobs", "r"), [alike(1), apart(2), apart(3)], logged=2)()
    [record] = caplog.records
    first, second = record.message.split("\n")
    start = "refused row 1 of departments from POST /jobs: "
    assert first.startswith(start + '{"id": 1, "name": "tab \\t line\\n')
    assert "[required: name is required: it is empty; column_count: tab \\t line\\n" in first
    assert second.startswith('refused line 2 of departments from POST /jobs: ["tab \\t line')
