"""A property for each kind of column: all forms of its values take the same and refuse in the same words."""

from datetime import datetime

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hiring_api.model.columns import MAX_ID, Instant, Text, Whole
from tests.model.columns.forms import (
    by_field,
    from_avro,
    from_csv_bytes,
    from_csv_text,
    from_json,
    micros,
    round_trip,
    table_of,
)

# What a line of a CSV file can hold without quotes; it has its own tests for the others
FIELD = st.characters(codec="utf-8", exclude_characters='",\r\n')
SOME = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
FEW = settings(SOME, max_examples=15)


def agree_on_texts(kind, texts):
    """JSON, CSV text, plain CSV lines and quoted ones, which may hold line ends."""
    table = table_of(kind)
    every = [*texts, *(f"{text}{end}{text}" for text in texts for end in ("\n", "\r\n"))]
    values = [kind.from_csv(text.strip()) for text in every]
    expected = [by_field(table, value) for value in values]
    assert [from_json(table, value) for value in values] == expected
    assert [from_csv_text(table, text) for text in every] == expected
    assert from_csv_bytes(table, texts, quoted=False) == expected[: len(texts)]
    assert from_csv_bytes(table, every, quoted=True) == expected
    for value, taken in zip(map(kind.check, values), expected, strict=True):
        assert value is None or (type(value), value) == taken
    return table, expected


def agree_on_avro(table, avro_type, values, json):
    """An Avro file of others: `json` spells the JSON value that is validated."""
    assert from_avro(table, avro_type, values) == [by_field(table, json(value)) for value in values]


def comes_back(engine, kind, values):
    """Through the database and a backup, in every way in and out."""
    rows, found = round_trip(engine, table_of(kind), values)
    assert all(part == rows for part in found)


whole_texts = st.lists(
    st.one_of(
        st.integers(-2, 2**31 + 2).map(str),
        st.integers(0, 12).map(lambda digits: "9" * digits),
        st.from_regex(r"[ 0-9+\-._]{0,12}", fullmatch=True),
        st.text(st.characters(categories=["Nd", "No"]), max_size=3),
        st.text(FIELD, max_size=5),
    ),
    min_size=1,
    max_size=8,
)


@SOME
@given(whole_texts)
@example(
    ["1", "007", "8.0", "8.5", "1e3", "+1", "1_0", "٣", "²", " 5 ", "-1", "0", str(MAX_ID), str(MAX_ID + 1)]
)
def test_all_forms_agree_what_a_whole_number_is(texts):
    table, _ = agree_on_texts(Whole(), texts)
    numbers = [int(text) for text in texts if text.isascii() and text.isdigit()] or [0]
    for some in (numbers, [1, MAX_ID], [1, MAX_ID + 1], [0, 1]):
        agree_on_avro(table, "long", some, lambda value: value)
    agree_on_avro(table, ["null", "long"], [*numbers, None], lambda value: value)


@FEW
@given(st.lists(st.integers(1, MAX_ID), min_size=1, max_size=20))
@example([1, MAX_ID, 8191, 8192, 2**27])
def test_whole_numbers_come_back_from_the_database_and_from_backups(engine, numbers):
    comes_back(engine, Whole(), numbers)


texts_of = st.lists(
    st.one_of(
        st.text(FIELD, max_size=12),
        st.text(
            st.characters(categories=["Zs", "Cc", "Cf", "L", "So"], exclude_characters='",\r\n'), max_size=12
        ),
        st.integers(8, 12).map(lambda length: "é" * length),
    ),
    min_size=1,
    max_size=8,
)


@SOME
@given(texts_of)
@example(
    ["Ana", " Ana ", "\u00a0Ana\u2003", "a\u200db", "\u3000a", "a\tb", "x" * 10, "x" * 11, "", " ", "\x00"]
)
def test_all_forms_agree_what_a_text_is(texts):
    table, _ = agree_on_texts(Text(10), texts)
    for some in (texts, ["x" * 10, "a"], ["x" * 11, "a"], ["a", " b"], ["a", ""]):
        agree_on_avro(table, "string", some, lambda value: value)
    agree_on_avro(table, ["string", "null"], [*texts, None], lambda value: value)


right_texts = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=12).map(str.strip)


@FEW
@given(st.lists(right_texts.filter(bool), min_size=1, max_size=20))
@example(["O'Neil", "back\\slash", "%s", "a'', 'b", "NULL", "\\N", "José", "🎉" * 12, "a b", "e\u0301"])
def test_texts_come_back_from_the_database_and_from_backups(engine, texts):
    comes_back(engine, Text(12), texts)


instants = st.datetimes(datetime(1000, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999))
instant_texts = st.lists(
    st.one_of(
        st.datetimes().map(lambda instant: f"{instant.isoformat(timespec='seconds')}Z"),
        st.datetimes().map(lambda instant: f"{instant.isoformat(' ')}+05:30"),
        st.from_regex(r"[0-9]{4}-[01][0-9]-[0-3][0-9][T ][0-2][0-9]:[0-6][0-9]:[0-6][0-9]Z", fullmatch=True),
        st.text("0123456789+-TZ: .", max_size=30),
        st.text(FIELD, max_size=20),
    ),
    min_size=1,
    max_size=8,
)


@SOME
@given(
    instant_texts, st.lists(st.integers(-(2**63), 2**63 - 1) | instants.map(micros), min_size=1, max_size=8)
)
@example(
    ["0999-12-31T23:59:59Z", "1000-01-01T00:00:00Z", "9999-12-31T23:59:59-00:01", "2021-02-29T00:00:00Z"],
    [
        micros(datetime(1000, 1, 1)) - 1,
        micros(datetime(1000, 1, 1)),
        micros(datetime.max),
        micros(datetime.max) + 1,
    ],
)
@example(["2021-07-27T24:00:00Z", "2021-07-27", "2021-07-27T16:02:08.1234567Z", "٢021-07-27T16:02:08Z"], [0])
def test_all_forms_agree_what_an_instant_is(texts, numbers):
    table, _ = agree_on_texts(Instant("hired"), texts)
    agree_on_avro(table, "string", texts, lambda value: value)
    for logical, unit in (("timestamp-micros", 1), ("local-timestamp-millis", 1000)):
        avro_type = {"type": "long", "logicalType": logical}
        found = from_avro(table, {"type": "long"} | avro_type, [Raw(number) for number in numbers])
        assert found == [by_field(table, iso(number * unit)) for number in numbers]


class Raw(int):
    """A number that fastavro writes as it is."""


def iso(number):
    """The JSON form of microseconds since 1970, a year that is never right for others."""
    first, last = micros(datetime(1000, 1, 1)), micros(datetime.max)
    if not first <= number <= last:
        return "0000-01-01T00:00:00Z"
    seconds, fraction = divmod(number, 1_000_000)
    days, clock = divmod(seconds, 86_400)
    day = datetime.fromordinal(719_163 + days)
    hours, rest = divmod(clock, 3600)
    return f"{day:%Y-%m-%d}T{hours:02}:{rest // 60:02}:{rest % 60:02}.{fraction:06}Z".rjust(27, "0")


@FEW
@given(st.lists(instants, min_size=1, max_size=20))
@example([datetime(1000, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999), datetime(1969, 12, 31, 23, 59)])
def test_instants_come_back_from_the_database_and_from_backups(engine, values):
    comes_back(engine, Instant("hired"), values)


@pytest.mark.parametrize("kind", [Whole(), Text(), Instant("hired")], ids=lambda kind: type(kind).__name__)
def test_a_null_and_an_empty_field_are_required_in_every_form(kind):
    table = table_of(kind)
    assert from_json(table, None) == [("value", "required", "value is required: null is no value")]
    empty = [("value", "required", "value is required: it is empty")]
    assert from_csv_text(table, "") == empty
    assert from_csv_bytes(table, [" ", ""], quoted=False) == [empty, empty]
