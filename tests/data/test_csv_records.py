"""Bytes become records: quotes that never close, bytes that are no text, lines without end."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hiring_api.data import csv_records
from hiring_api.data.csv_records import Layout, Position, read_chunks

THREE = Layout(("a", "b", "c"), ",")


def records(data, layout=THREE):
    """The records as (line, fields, code of what is wrong with it)."""
    found = []
    for chunk in read_chunks(io.BytesIO(data), layout, Position()):
        assert chunk.first == len(found) + 1
        for index, fields in enumerate(chunk.fields):
            wrong = chunk.broken.get(index)
            found.append((chunk.lines[index], fields, wrong.code if wrong else None))
    return found


CASES = [
    pytest.param(b"", [], id="nothing"),
    pytest.param(b"1,2,3", [(1, ["1", "2", "3"], None)], id="no final newline"),
    pytest.param(b'1,"a,b",3\n', [(1, ["1", "a,b", "3"], None)], id="quoted separator"),
    pytest.param(b'1,"a""b",3\n', [(1, ["1", 'a"b', "3"], None)], id="doubled quote"),
    pytest.param(b'1,O"Neil,3\n', [(1, ["1", 'O"Neil', "3"], None)], id="quote in the middle"),
    pytest.param(
        b'1,"a\nb",3\n4,5,6\n',
        [(1, ["1", "a\nb", "3"], None), (3, ["4", "5", "6"], None)],
        id="quoted newline",
    ),
    pytest.param(
        b'1,"a,3\n4,5,6\n7,8,9\n',
        [(1, ["1", '"a', "3"], "invalid_format"), (2, ["4", "5", "6"], None), (3, ["7", "8", "9"], None)],
        id="a quote that never closes swallows nothing",
    ),
    pytest.param(
        b'1,"a,3\n4,5,6\n7,"b",9\n',
        [(1, ["1", '"a', "3"], "invalid_format"), (2, ["4", "5", "6"], None), (3, ["7", "b", "9"], None)],
        id="a quote that another record's quote would close",
    ),
    pytest.param(
        b'1,"a,3\n4,5,6\n7,b",9\n',
        [(1, ["1", '"a', "3"], "invalid_format"), (2, ["4", "5", "6"], None), (3, ["7", 'b"', "9"], None)],
        id="two lone quotes around whole records",
    ),
    pytest.param(
        b'1,"a"b,3\n4,5,6\n',
        [(1, ["1", '"a"b', "3"], "invalid_format"), (2, ["4", "5", "6"], None)],
        id="text after a closing quote",
    ),
    pytest.param(
        b"1,a\xff,3\n4,5,6\n",
        [(1, ["1", "a\\xff", "3"], "invalid_characters"), (2, ["4", "5", "6"], None)],
        id="a byte that is not UTF-8",
    ),
    pytest.param(
        b"1,a\x00b,3\n4,5,6\n", [(1, ["1", "a\x00b", "3"], None), (2, ["4", "5", "6"], None)], id="NUL"
    ),
]


@pytest.mark.parametrize(("data", "expected"), CASES)
def test_records_of(data, expected):
    assert records(data) == expected


@pytest.mark.parametrize(
    ("size", "lines_most"), [(40, 100), (64, 100), (100, 100), (100_000, 1), (100_000, 2)]
)
@pytest.mark.parametrize(("data", "expected"), CASES)
def test_records_do_not_depend_on_where_blocks_end(monkeypatch, size, lines_most, data, expected):
    monkeypatch.setattr(csv_records, "BLOCK", size)
    monkeypatch.setattr(csv_records, "_MOST", lines_most)
    repeated = data + b"\n" if data and not data.endswith(b"\n") else data
    lines = repeated.count(b"\n")
    times = 7
    several = [
        (line + lines * time, fields, code) for time in range(times) for line, fields, code in expected
    ]
    assert records(repeated * times) == several


def test_of_short_lines_a_chunk_has_not_too_many():
    data = b"".join(b"%d,,\n" % row for row in range(1, 50_001))
    chunks = list(read_chunks(io.BytesIO(data), Layout(("a", "b", "c"), ",", starts=0), Position()))
    assert [len(chunk.fields) < 17_000 for chunk in chunks] == [True] * 4
    assert [line for _, line, _ in flat(chunks)] == list(range(1, 50_001))


def test_a_line_of_ten_megabytes_is_one_broken_record():
    found = records(b"1,2,3\n" + b"x" * 10_000_000 + b"\n4,5,6\n")
    assert [(line, code) for line, _, code in found] == [(1, None), (2, "too_long"), (3, None)]
    assert len(found[1][1][0]) < 10_000


def flat(chunks):
    return [
        (chunk.first + index, chunk.lines[index], fields)
        for chunk in chunks
        for index, fields in enumerate(chunk.fields)
    ]


def test_reading_goes_on_from_any_chunk(monkeypatch):
    monkeypatch.setattr(csv_records, "BLOCK", 40)
    data = "".join(f'{row},"é\n{row}",x\n' for row in range(50)).encode()
    layout = Layout(("a", "b", "c"), ",", starts=0)
    whole = list(read_chunks(io.BytesIO(data), layout, Position()))
    assert len(whole) > 10
    for number, chunk in enumerate(whole[:-1], start=1):
        stream = io.BytesIO(data)
        stream.seek(chunk.end.offset)
        rest = list(read_chunks(stream, layout, chunk.end))
        assert flat(rest) == flat(whole[number:])
        assert rest[-1].end == whole[-1].end


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\x00"), max_size=8)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(texts, texts, texts).map(list), max_size=20), st.sampled_from(",;\t|"))
def test_whatever_a_csv_writer_wrote_is_read_again(rows, delimiter):
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows(rows)
    found = records(text.getvalue().encode(), Layout(("a", "b", "c"), delimiter))
    assert [fields for _, fields, _ in found] == rows
