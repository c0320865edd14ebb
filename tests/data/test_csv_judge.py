"""The fast way through a chunk takes and refuses exactly what the schema does, in the same words."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hiring_api.data.csv_judge import judge_chunk
from hiring_api.data.csv_records import Chunk, Layout
from hiring_api.data.rows import judge_fields
from hiring_api.data.tables import Department, Employee, kinds

employees, departments = Employee.__table__, Department.__table__

IDS = [
    "1",
    "007",
    "2147483647",
    "2147483648",
    "999999999",
    "0",
    "-1",
    "8.0",
    "8.5",
    "1e3",
    "+1",
    "1_0",
    "٣",
    "²",
    "",
]
IDS += [" 5 ", "5\u2003", "9" * 30, "true", "\u200b1", "1\x00", "0x1", "00", "1\n", "\n"]
TEXTS = [
    "Ana",
    " Ana ",
    "\u00a0Ana\u2003",
    "",
    " ",
    "\t",
    "a\tb",
    "x" * 255,
    "x" * 256,
    " " * 300 + "x",
    "a\x00b",
]
TEXTS += ["a\u2028b", "\ud800", "e\u0301", "\u200d", "👩\u200d👩\u200d👧", "\x85", "NULL", "a\x85b", "\ufeff"]
INSTANTS = [
    "2021-07-27T16:02:08Z",
    "2021-07-27 16:02:08Z",
    "2021-07-27T16:02:08",
    "2021-07-27T16:02:08+05:00",
    "2021-07-27T16:02:08.123456Z",
    "2021-07-27T16:02:08.1234567Z",
    " 2021-07-27T16:02:08Z",
    "2021-07-27",
    "2021-02-29T00:00:00Z",
    "2020-02-29T00:00:00Z",
    "2021-07-27T24:00:00Z",
    "2021-07-27T16:02:60Z",
    "2021-W05-5T10:00:00Z",
    "0999-12-31T23:59:59Z",
    "0999-12-31T23:59:59-00:01",
    "1000-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-01:00",
    "2021-07-27t16:02:08z",
    "20210727T160208.000Z",
    "2021-07-27T16:2:08.5Z",
    "٢021-07-27T16:02:08Z",
    "2021-07-27X16:02:08Z",
    "",
]


def slow(table, layout, fields):
    judged = judge_fields(table, layout.names, fields)
    if not judged.errors:
        return tuple(judged.values[name] for name in kinds(table))
    return judged.values, judged.errors


def assert_equal_to_slow(table, layout, records):
    judged = judge_chunk(table, layout, Chunk(1, records, range(1, len(records) + 1)))
    fast = dict(zip(judged.places, judged.rows, strict=True))
    fast |= {index: (row.values, row.errors) for index, row in judged.refused.items()}
    blank = [index for index, fields in enumerate(records) if not "".join(fields).strip()]
    assert judged.blank == len(blank)
    expected = {
        index: slow(table, layout, fields) for index, fields in enumerate(records) if index not in blank
    }
    assert fast == expected


@pytest.mark.parametrize("place", range(5))
def test_each_value_alone_among_right_ones(place):
    layout = Layout(tuple(kinds(employees)), ",")
    right = ["1", "Ana", "2021-07-27T16:02:08Z", "1", "1"]
    values = [IDS, TEXTS, INSTANTS, IDS, IDS][place]
    records = [[*right[:place], value, *right[place + 1 :]] for value in values]
    assert_equal_to_slow(employees, layout, records)
    for record in records:
        assert_equal_to_slow(employees, layout, [right, record, right])


def field(values, alphabet):
    return st.one_of(st.sampled_from(values), st.text(alphabet, max_size=25))


record = st.tuples(
    field(IDS, "0123456789.-+ e"),
    field(TEXTS, st.characters()),
    field(INSTANTS, "0123456789-:TZ+. "),
    field(IDS, "0123456789.- "),
    field(IDS, st.characters()),
).map(list)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(record, st.lists(st.text(max_size=3), max_size=7)), max_size=12))
def test_any_records(records):
    assert_equal_to_slow(employees, Layout(tuple(kinds(employees)), ","), records)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(st.text(max_size=5), field(TEXTS, st.characters()), field(IDS, "0123456789")).map(list)
    )
)
def test_any_records_of_reordered_columns(records):
    assert_equal_to_slow(departments, Layout((None, "department", "id"), ";"), records)
