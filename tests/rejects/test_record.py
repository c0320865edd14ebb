"""Refused rows on record: whatever way they go in, what is stored is what was refused, and why."""

import pytest
from sqlalchemy import select

from hiring_api.csv_input.chunks import Layout
from hiring_api.database.bookkeeping import rejects
from hiring_api.model.row_errors import RowError
from hiring_api.model.tables import Department, tables
from hiring_api.rejects.record import Origin, Reject, keep, raw_fields
from hiring_api.rejects.resolve import mark_resolved
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
        "user": None,
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
    ids = [reject["id"] for reject in found]
    assert ids == sorted(set(ids))  # a server may leave some out between two parts of many
    assert found == [shown(key, reject, source[:512]) for key, reject in zip(ids, given, strict=True)]


@pytest.mark.parametrize("user", ["ann", "Zoë 🎉", "a\tb\\'\n", "x" * 300])
def test_who_sent_a_row_is_on_record(engine, user):
    with engine.begin() as connection:
        keep(connection, tables()[1], Origin("POST /jobs", "run-1", user), [alike(1), alike(2)], logged=0)
    assert [reject["user"] for reject in on_record(engine)] == [user[:255]] * 2


def test_a_row_that_is_very_long_is_on_record_by_its_beginning(engine):
    put_on_record(engine, [Reject(["y" * 900_000], [WRONG], 1, 1), Reject(["é" * 500_000], [WRONG], 2, 2)])
    whole, cut = on_record(engine)
    assert whole["row"] == ["y" * 900_000]
    assert cut["row"].startswith('["\\u00e9\\u00e9')
    assert cut["row"].endswith("… (3000004 characters)")
    assert len(cut["row"]) < 1_000_100


def test_sql_counts_what_is_still_open(engine):
    """The query of the documentation, as an operator types it."""
    put_on_record(engine, [alike(number) for number in (1, 2, 3)])
    with engine.begin() as connection:
        keep(connection, tables()[1], Origin("POST /jobs", "run"), [alike(1)])
        mark_resolved(connection, {2: 7})
        query = "SELECT table_name, count(*) FROM rejects WHERE resolved_at IS NULL GROUP BY 1"
        found = {tuple(row) for row in connection.exec_driver_sql(query)}
    assert found == {("departments", 2), ("jobs", 1)}


@pytest.mark.parametrize(
    ("raw", "errors", "row_id"),
    [
        ({"id": 7}, [WRONG], 7),
        ({"id": "7"}, [WRONG], None),
        ({"id": 2**31}, [WRONG], None),
        ({"name": "no id"}, [WRONG], None),
        ([" 7.0 ", ""], [WRONG], 7),
        (["x", ""], [WRONG], None),
        (["7", "Research", " Development"], [RowError(None, "column_count", "the line has 3 fields")], None),
        ([], [WRONG], None),
        ("text", [WRONG], None),
        (["7", "x" * 2_000_000], [WRONG], 7),
    ],
)
def test_a_reject_has_the_id_of_its_row_where_that_is_valid(engine, raw, errors, row_id):
    put_on_record(engine, [Reject(raw, errors)])
    with engine.connect() as connection:
        assert connection.execute(select(rejects.c.row_id)).scalar_one() == row_id


def test_each_refused_row_has_a_line_in_the_log(engine, caplog):
    with engine.begin() as connection:
        keep(connection, tables()[0], Origin("POST /jobs", "r"), [alike(1), apart(2), apart(3)], logged=2)()
    [record] = caplog.records
    first, second = record.message.split("\n")
    start = "refused row 1 of departments from POST /jobs: "
    assert first.startswith(start + '{"id": 1, "name": "tab \\t line\\n')
    assert "[required: name is required: it is empty; column_count: tab \\t line\\n" in first
    assert second.startswith('refused line 2 of departments from POST /jobs: ["tab \\t line')


def test_of_thousands_of_refused_rows_as_many_are_logged_as_was_asked_for(engine, caplog):
    refused = [Reject({"id": number}, [WRONG], None, number) for number in range(1, 2501)]
    with engine.begin() as connection:
        keep(connection, tables()[0], Origin("POST /jobs", "r"), refused, logged=1100)()
    [record] = caplog.records
    numbers = [int(line.split()[2]) for line in record.message.split("\n")]
    assert numbers == list(range(1, 1101))
    assert len(on_record(engine)) == 2500


FIELDS = [
    pytest.param(("department", "id"), [" a", "x"], ["x", " a"], id="in the table's order, with blanks"),
    pytest.param(
        (None, "department", "id"), ["n, \n", "a", "x"], ["x", "a", "n, \n"], id="ignored ones come last"
    ),
    pytest.param(("id", "department"), ["x", "a", "", " "], ["x", "a", "", " "], id="empty ones too many"),
    pytest.param(("department", "id"), ["a", "x", "y"], ["a", "x", "y"], id="too many, as they came"),
    pytest.param(("department", "id"), ["a"], ["a"], id="too few, as they came"),
    pytest.param(("id", "department"), ["x", "y" * 10_000], ["x", "y" * 10_000], id="a long one"),
    pytest.param(
        ("id", "department"),
        ["x", "y" * 10_001],
        ["x", f"{'y' * 10_000}… (10001 characters)"],
        id="one that is too long, by its beginning",
    ),
    pytest.param(("id", "department"), ["y"] * 1001, ["y"] * 1000, id="the first of very many"),
]


@pytest.mark.parametrize(("names", "fields", "kept"), FIELDS)
def test_all_fields_of_a_refused_record_are_kept(names, fields, kept):
    assert raw_fields(Department.__table__, Layout(names, ","), fields) == kept
