"""Bytes become records as Python's `csv` reads them; quotes that never close, bytes that are no text, records
without end.
"""

from __future__ import annotations

import csv
import io
import random
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hiring_api.csv_input import records as csv_records
from hiring_api.csv_input.chunks import Layout, Position
from hiring_api.csv_input.quotes import LONGEST
from hiring_api.csv_input.records import read_chunks

THREE = Layout(("a", "b", "c"), ",")


def records(data, layout=THREE, block=None):
    """The records as (line, fields, code of what is wrong with it), of blocks of so many bytes."""
    found, end = [], Position()
    with pytest.MonkeyPatch.context() as patch:
        if block is not None:
            patch.setattr(csv_records, "BLOCK", block)
        for chunk in read_chunks(io.BytesIO(data), layout, Position()):
            assert chunk.first == len(found) + 1
            for index, fields in enumerate(chunk.fields):
                wrong = chunk.broken.get(index)
                found.append((chunk.lines[index], fields, wrong.code if wrong else None))
            end = chunk.end
    assert (end.offset, end.record) == (len(data), len(found))
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
        [(1, ["1", "a,3\n4,5,6\n7,b", "9"], None)],
        id="two lone quotes around whole records: a field, as RFC 4180 has it",
    ),
    pytest.param(
        b'1,Dev,"Builds, tests,\nships, quickly"\n2,Ops,x\n',
        [(1, ["1", "Dev", "Builds, tests,\nships, quickly"], None), (3, ["2", "Ops", "x"], None)],
        id="lines of a quoted field with the separators of a record",
    ),
    pytest.param(
        b'1,"a\nb","c\n2,x,y\n',
        [(2, ["1", '"a\nb"', '"c'], "invalid_format"), (3, ["2", "x", "y"], None)],
        id="a quote that never closes after one that spans lines: the reject is the line where it opened",
    ),
    pytest.param(
        b'1, "a, b", "c" \n', [(1, ["1", ' "a', ' b"', ' "c" '], None)], id="blanks are part of a field"
    ),
    pytest.param(b'1,"a" ,3\n', [(1, ["1", '"a" ', "3"], "invalid_format")], id="a blank after a quote"),
    pytest.param(
        b'1,"a\r\nb",3\r\n4,"a\rb",6\r\n',
        [(1, ["1", "a\r\nb", "3"], None), (3, ["4", "a\rb", "6"], None)],
        id="any line end within quotes",
    ),
    pytest.param(b"1,2,3\r4,5,6\r", [(1, ["1", "2", "3"], None), (2, ["4", "5", "6"], None)], id="CR alone"),
    pytest.param(
        b'1,"2",3\r4,5,6\n7,8,9\r\n',
        [(1, ["1", "2", "3"], None), (2, ["4", "5", "6"], None), (3, ["7", "8", "9"], None)],
        id="all three line ends",
    ),
    pytest.param(
        b"\n1,2,3\n\n", [(1, [], None), (2, ["1", "2", "3"], None), (3, [], None)], id="blank lines"
    ),
    pytest.param(
        b'1,"a\nb\xff",3\n4,5,6\n',
        [(1, ["1", '"a\nb\\xff"', "3"], "invalid_characters"), (3, ["4", "5", "6"], None)],
        id="a byte that is not UTF-8 in the second line of a field",
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
    repeated = data + b"\n" if data and not data.endswith((b"\n", b"\r")) else data
    lines = len(repeated.splitlines())
    times = 7
    several = [
        (line + lines * time, fields, code) for time in range(times) for line, fields, code in expected
    ]
    assert records(repeated * times) == several


def test_of_short_lines_a_chunk_has_not_too_many():
    data = b"".join(b"%d,,\n" % row for row in range(1, 50_001))
    chunks = list(read_chunks(io.BytesIO(data), Layout(("a", "b", "c"), ",", starts=0), Position()))
    assert [len(chunk.fields) < 25_000 for chunk in chunks] == [True] * 3
    assert [line for _, line, _ in flat(chunks)] == list(range(1, 50_001))


MARGIN = b"a,"
LIMITS = [
    pytest.param(MARGIN + b"x" * (LONGEST - 2), None, id="a line of 1 MiB"),
    pytest.param(MARGIN + b"x" * (LONGEST - 1), "too_long", id="a line of a byte more"),
    pytest.param(b'a,"' + b"x\n" * (LONGEST // 2 - 2) + b'"', None, id="quoted lines, 1 MiB with quotes"),
    pytest.param(b'a,"' + b"x\n" * (LONGEST // 2 - 2) + b'",', "too_long", id="a byte more"),
    pytest.param(b'"' + b"x" * (LONGEST - 1) + b'"', "too_long", id="a quote that closes after 1 MiB"),
    pytest.param(b'"' + b"x" * LONGEST + b'"', "invalid_format", id="a quote that closes a byte later"),
    pytest.param(MARGIN + b"x" * 10_000_000, "too_long", id="a line of 10 MB"),
    pytest.param(b'a,"' + b"x" * 10_000_000, "invalid_format", id="a quote in a line of 10 MB"),
    pytest.param(b"a" + b',"x\ny"' * 1_000_000, "too_long", id="many quoted fields of two lines"),
    pytest.param(b"a" + b',"x\ny"' * 1_000_000 + b',"', "invalid_format", id="the last never closed"),
    pytest.param(b"," * 5_000_000, "too_long", id="commas"),
    pytest.param(b'"' + b'""' * 1_000_000, "invalid_format", id="quotes"),
]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize(("record", "code"), LIMITS)
def test_a_record_has_at_most_1_mib(record, code, end):
    data = b"1,2,3" + end + record + end + b"4,5,6" + end
    lines = len(record.splitlines())
    for block in (None, 777_777):
        first, found, last = records(data, block=block)
        assert (first[1], found[2], last) == (["1", "2", "3"], code, (2 + lines, ["4", "5", "6"], None))
        if code is not None:
            assert found[0] == (2 if code == "too_long" else 1 + lines)
            assert ",".join(found[1]) == record[: 4096 if len(record) > LONGEST else None].decode()
    assert records(data[: -len(end) - len(b"4,5,6") - len(end)])[1:] == [found]


def test_a_quote_that_is_not_closed_within_1_mib_costs_its_line():
    text = b"4,5,6\n" * (LONGEST // 6 + 1)
    found = records(b'1,"a,3\n' + text + b'7,8",9\n')
    assert found[0] == (1, ["1", '"a', "3"], "invalid_format")
    assert found[1:-1] == [(line, ["4", "5", "6"], None) for line in range(2, len(found))]
    assert found[-1][1:] == (["7", '8"', "9"], None)


HOSTILE = {
    "a quote that is never closed": b'1,"a\n' + b"1,a\n" * 1_500_000,
    "a quote in each line": b'1,"a\n' * 200_000,
    "a quote that pairs of quotes never close": b'1,"a\n' + b'1,""\n' * 300_000,
    "pairs of quotes inside of fields": b'1,"a\n' + b'1,x""\n' * 300_000,
    "one record": b'a","b\n' * 300_000,
    "three quotes in each line": b'"""x\n' * 200_000,
    "quotes alone": b'"' * 5_000_000,
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_no_quotes_take_long(data):
    """Each needs a few seconds at most; what is read again and again for each quote would need hours."""
    begun = time.monotonic()
    layout = Layout(("a", "b"), ",")
    assert sum(len(chunk.fields) for chunk in read_chunks(io.BytesIO(data), layout, Position()))
    assert time.monotonic() - begun < 60


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


texts = st.text(st.one_of(st.sampled_from("\",;|\t\n\r '\x00"), st.characters(codec="utf-8")), max_size=8)
QUOTINGS = [csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]


@settings(max_examples=400, deadline=None)
@given(
    rows=st.lists(st.lists(st.one_of(texts, st.integers()), max_size=5), max_size=20),
    delimiter=st.sampled_from([",", ";", "\t", "|", " ", "§", "€"]),
    quoting=st.sampled_from(QUOTINGS),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    block=st.integers(1, 200),
)
@example([["a\nb", "c"], ["1", "2"]], ",", csv.QUOTE_MINIMAL, "\n", 3)
@example([["a\rb", "c"]], ",", csv.QUOTE_MINIMAL, "\n", 3)
def test_whatever_a_csv_writer_wrote_is_read_as_python_reads_it(rows, delimiter, quoting, end, block):
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator=end).writerows(rows)
    reader = csv.reader(io.StringIO(text.getvalue(), newline=""), delimiter=delimiter, strict=True)
    expected, line = [], 1
    for fields in reader:
        expected.append((line, fields, None))
        line = reader.line_num + 1
    assert records(text.getvalue().encode(), Layout((), delimiter), block) == expected


words = st.text(st.sampled_from("ab1 é'"), max_size=5)
quoted = words.map(lambda word: f'"x{word}"')  # one that begins with a comma may close a quote


@settings(max_examples=400, deadline=None)
@given(
    rows=st.lists(
        st.tuples(words, st.one_of(words, quoted, st.just('"two\nlines"')), words), min_size=1, max_size=20
    ),
    data=st.data(),
    block=st.integers(1, 200),
)
def test_a_quote_that_is_never_closed_costs_one_line(rows, data, block):
    lines = [",".join(row) for row in rows]
    place = data.draw(st.integers(0, len(rows) - 1))
    field = data.draw(st.integers(0, 2))
    wrong = list(rows[place])
    wrong[field] = f'"{wrong[field]}'
    if "\n" in lines[place] and field < 2:
        return  # the second of its lines is one by itself then
    text = [*lines[:place], ",".join(wrong), *lines[place + 1 :]]
    before = records("".join(f"{line}\n" for line in lines).encode())
    after = records("".join(f"{line}\n" for line in text).encode(), block=block)
    assert after[:place] + after[place + 1 :] == before[:place] + before[place + 1 :]
    assert after[place][2] == "invalid_format"
    assert ",".join(after[place][1]) == text[place]


def slowly(data, delimiter=","):
    """The records by Python's `csv`, one at a time, and by trying every quote where it cannot read one."""
    lines = data.splitlines(keepends=True)
    found = []
    place = 0
    while place < len(lines):
        texts = [line.decode("utf-8", "surrogateescape") for line in lines[place:]]
        reader = csv.reader(texts, delimiter=delimiter, strict=True)
        try:
            fields = next(reader)
        except csv.Error:
            opened = last_opened("".join(texts), delimiter)
            spans = len("".join(texts)[: opened + 1].encode("utf-8", "surrogateescape").splitlines())
            found.append((place + spans, raw(lines[place : place + spans], delimiter), "invalid_format"))
        else:
            spans = reader.line_num
            try:
                b"".join(lines[place : place + spans]).decode()
            except UnicodeDecodeError:
                fields = raw(lines[place : place + spans], delimiter)
                found.append((place + 1, fields, "invalid_characters"))
            else:
                found.append((place + 1, fields, None))
        place += spans
    return found


def raw(lines, delimiter):
    """The text of a record, split at every separator."""
    return b"".join(lines).rstrip(b"\r\n").decode(errors="backslashreplace").split(delimiter)


def last_opened(text, delimiter):
    """The last quote that opens a field of the first record: in its place, a letter would be a field."""
    opened = -1
    for place in (place for place, letter in enumerate(text) if letter == '"'):
        try:
            read = list(
                csv.reader(io.StringIO(f"{text[:place]}x", newline=""), delimiter=delimiter, strict=True)
            )
        except csv.Error:
            continue
        if len(read) == 1 and read[0][-1] == "x":
            opened = place
    return opened


SIGNS = [
    b'"',
    b'"',
    b'""',
    b",",
    b"\n",
    b"\r\n",
    b"\r",
    b" ",
    b"a",
    b'",',
    b',"',
    b"\x00",
    "é".encode(),
    b"\xff",
]


@pytest.mark.parametrize("seed", range(1000))
def test_mutated_files_are_read_as_an_independent_reading_has_them(seed):
    chance = random.Random(seed)
    text = io.StringIO(newline="")
    end = chance.choice(["\n", "\r\n"])
    rows = [["".join(chance.choices('ab,"\n ', k=chance.randrange(5))) for _ in range(3)] for _ in range(9)]
    csv.writer(text, quoting=chance.choice(QUOTINGS), lineterminator=end).writerows(rows)
    data = text.getvalue().encode()
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(len(data) + 1)
        data = data[:at] + chance.choice([b"", *SIGNS]) + data[at + chance.randrange(3) :]
    assert records(data, block=chance.randrange(1, 99)) == slowly(data)
