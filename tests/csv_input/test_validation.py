"""The fast way through a chunk takes and refuses exactly what the schema does, in the same words."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hiring_api.csv_input.chunks import Chunk, Layout, Position
from hiring_api.csv_input.plain_lines import plain_rows
from hiring_api.csv_input.records import read_chunks
from hiring_api.csv_input.validation import validate_chunk
from hiring_api.model.row_lines import to_lines
from hiring_api.model.tables import Department, Employee, kinds, references
from hiring_api.model.validation import validate_fields

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
    "2021- 1-27T16:02:08Z",
    "2021-00-27T16:02:08Z",
    "2021-13-27T16:02:08Z",
    "2021-07-00T16:02:08Z",
    "2021-07-32T16:02:08Z",
    "2021-07-27T16:60:08Z",
    "    -  -  T  :  :  Z",
    "",
]


def slow(table, layout, fields):
    validated = validate_fields(table, layout.names, fields)
    if not validated.errors:
        return tuple(validated.values[name] for name in kinds(table))
    return validated.values, validated.errors


def assert_equal_to_slow(table, layout, records):
    assert_validated_alike(table, layout, Chunk(1, records, range(1, len(records) + 1)))
    texts = map(layout.delimiter.join, records)
    lines = [text.encode(errors="surrogatepass") for text in texts if not set(text) & set('"\n\r')]
    for end in (b"\n", b"\r\n"):
        for file in (end.join(lines), end.join(lines) + end):
            for chunk in read_chunks(io.BytesIO(file), layout, Position()):
                assert_validated_alike(table, layout, chunk)


def assert_validated_alike(table, layout, chunk):
    records = list(chunk.fields)
    validated = validate_chunk(table, layout, chunk)
    fast = dict(zip(validated.indexes, validated.rows.rows, strict=True))
    fast |= {index: (row.values, row.errors) for index, row in validated.refused.items()}
    sure = [index for index in range(len(records)) if index not in chunk.broken]
    blank = [index for index in sure if not "".join(records[index]).strip()]
    assert validated.blank == len(blank)
    expected = {index: slow(table, layout, records[index]) for index in sure if index not in blank}
    expected |= {index: ({}, [error]) for index, error in chunk.broken.items()}
    assert fast == expected
    again = to_lines(table, validated.rows.rows)
    assert (again.lines, again.checksum, again.ids) == (
        validated.rows.lines,
        validated.rows.checksum,
        validated.rows.ids,
    )
    for name in references(table):
        assert validated.rows.whole(name).tolist() == again.whole(name).tolist()


@pytest.mark.parametrize("place", range(5))
def test_each_value_alone_among_right_ones(place):
    layout = Layout(tuple(kinds(employees)), ",")
    right = ["1", "Ana", "2021-07-27T16:02:08Z", "1", "1"]
    values = [IDS, TEXTS, INSTANTS, IDS, IDS][place]
    records = [[*right[:place], value, *right[place + 1 :]] for value in values]
    assert_equal_to_slow(employees, layout, records)
    for record in records:
        assert_equal_to_slow(employees, layout, [right, record, right])


PLAIN = [
    ["1", "Ana O'Neil", "2021-07-27T16:02:08Z", "1", "2"],
    ["999999999", "é 日本 😀", "2020-02-29T00:00:00Z", "12", "183"],
    ["7", "x" * 255, "9999-12-31T23:59:59Z", "999999999", "1"],
    ["8", "back\\slash % 'quotes'", "1000-01-01T00:00:00Z", "1", "1"],
    ["9", "NULL", "2000-02-29T23:59:59Z", "1", "1"],
]
NOT_PLAIN = [
    ["0", "Ana", "2021-07-27T16:02:08Z", "1", "2"],
    ["01", "Ana", "2021-07-27T16:02:08Z", "1", "2"],
    ["1", " Ana", "2021-07-27T16:02:08Z", "1", "2"],
    ["1", "Ana", "2100-02-29T16:02:08Z", "1", "2"],
    ["1", "Ana", "2021-07-27T16:02:08Z", "", "2"],
    ["1", "Ana", "2021-07-27T16:02:08Z", "1"],
    ["1", "A\u200dna", "2021-07-27T16:02:08Z", "1", "2"],
]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_plain_lines_are_taken_as_bytes(delimiter):
    layout = Layout(tuple(kinds(employees)), delimiter)
    records = [*PLAIN, *NOT_PLAIN, *PLAIN]
    text = "".join(delimiter.join(fields) + "\n" for fields in records)
    [chunk] = read_chunks(io.BytesIO(text.encode()), layout, Position())
    places, rows = plain_rows(employees, layout, chunk)
    last = len(PLAIN) + len(NOT_PLAIN)
    assert places.tolist() == [*range(len(PLAIN)), *range(last, last + len(PLAIN))]
    assert rows.lines[0] == b"1\tAna O'Neil\t2021-07-27 16:02:08\t1\t2\n"
    assert rows.checksum == to_lines(employees, rows.rows).checksum


def field(values, alphabet):
    return st.one_of(st.sampled_from(values), st.text(alphabet, max_size=25))


record = st.tuples(
    field(IDS, "0123456789.-+ e"),
    field(TEXTS, st.characters()),
    field(INSTANTS, "0123456789-:TZ+. "),
    field(IDS, "0123456789.- "),
    field(IDS, st.characters()),
).map(list)


def test_valid_rows_stand_in_the_order_of_their_records_however_they_were_read():
    data = b"1,Plain\n 2 , with blanks \n3,Plain\nwrong,Plain\n4.0,a float\n5,Plain\n"
    layout = Layout(("id", "department"), ",")
    [chunk] = read_chunks(io.BytesIO(data), layout, Position())
    validated = validate_chunk(departments, layout, chunk)
    assert validated.indexes.tolist() == [0, 1, 2, 4, 5]
    assert [row[0] for row in validated.rows.rows] == [1, 2, 3, 4, 5]
    assert validated.rows.whole("id").tolist() == [1, 2, 3, 4, 5]


@settings(max_examples=300, deadline=None)
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


def test_empty_fields_beyond_the_last_column_are_no_error():
    layout = Layout(tuple(kinds(departments)), ",")
    records = [["1", "Sales", ""], ["2", "Law", "", " ", "\t"], ["x", "Care", ""], ["3", "R&D", "", "x"]]
    validated = validate_chunk(departments, layout, Chunk(1, records, range(1, 5)))
    assert list(validated.rows.rows) == [(1, "Sales"), (2, "Law")]
    codes = {index: [error.code for error in row.errors] for index, row in validated.refused.items()}
    assert codes == {2: ["invalid_format"], 3: ["column_count"]}


DOUBTFUL = ["NULL", "null", " NaN ", "None", "N/A", "\\N", "undefined", "#N/A", '"Law"', '""']
SURE = ["Nancy", "Nu", "NULLs", "n", "-", '"Law', 'Law"', '"', "U", "Nicht a", "nanna", "2", "É NULL"]


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_texts_that_nobody_may_have_meant_are_counted(line_end):
    layout = Layout(tuple(kinds(employees)), ",")
    names = [*DOUBTFUL, *SURE]
    lines = [f"{row}, {name},2021-07-27T16:02:08Z,1,1" for row, name in enumerate(names, start=1)]
    for chosen in (lines, [line for line in lines if '"' not in line], lines[:1], []):
        data = "".join(f"{line}{line_end}" for line in chosen).encode()
        validated = [
            validate_chunk(employees, layout, chunk)
            for chunk in read_chunks(io.BytesIO(data), layout, Position())
        ]
        assert sum(len(one.rows) for one in validated) == len(chosen)
        assert sum(one.doubtful for one in validated) == sum(
            line in chosen for line in lines[: len(DOUBTFUL)]
        )
