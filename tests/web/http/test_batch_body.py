"""Bodies of a batch as bytes: what is no JSON, CSV or NDJSON, in no UTF-8 or gzip, too long or too deep."""

import gzip
import json
import zlib

import pytest
from sqlalchemy import func, select

from hiring_api.model.tables import Department

ROW = b'{"department": "Sales"}'
PLAIN = {"Content-Type": "application/json"}
ZIPPED = {**PLAIN, "Content-Encoding": "gzip"}
CSV = {"Content-Type": "text/csv"}
LINES = {"Content-Type": "application/x-ndjson"}
TITLES = {
    400: "Bad Request",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Content",
}
LIMIT = 8 * 1024 * 1024
COUNT = "send 1 to 1000 rows in one request, not "
ARRAY = "send a JSON array of 1 to 1000 rows, or one row as an object"
UNUSABLE = "the body is not usable JSON: "
NOT = "the body is not JSON: "
NOT_CSV = "the body is not CSV: "
UTF = "the body is not UTF-8: "
NO_NAME = " is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"
CHARSET = "the charset must be utf-8"
ENCODING = "the Content-Encoding must be gzip, or none"
DIGITS = UNUSABLE + "a number in it has too many digits"
TWICE = UNUSABLE + "the key %r stands twice in an object"
DEEP = UNUSABLE + "it is nested too deeply"
TYPES = "send the rows as application/json, application/x-ndjson or text/csv"
HEADER = "the first line of the CSV must name the columns id,department"
TOO_LARGE = f"the body is larger than {LIMIT} bytes: send it in parts"
NO_GZIP = "the body is not the gzip that its Content-Encoding says"
CUT = "the gzip body ended before its end"


def json_rows(count):
    return b"[" + b",".join([ROW] * count) + b"]"


WRONG = {
    "empty": (PLAIN, b"", 400, "the body is empty"),
    "blank": (PLAIN, b" \n", 400, "the body is empty"),
    "cut": (PLAIN, b"[" + ROW, 400, NOT + "Expecting ',' delimiter: line 1 column 25 (char 24)"),
    "two values": (PLAIN, ROW + ROW, 400, NOT + "Extra data: line 1 column 24 (char 23)"),
    "NaN": (PLAIN, b'{"id": NaN}', 400, UNUSABLE + "NaN is no JSON value"),
    "Infinity": (PLAIN, b'{"id": Infinity}', 400, UNUSABLE + "Infinity is no JSON value"),
    "-Infinity": (PLAIN, b"-Infinity", 400, UNUSABLE + "-Infinity is no JSON value"),
    "1e400": (PLAIN, b'{"id": 1e400}', 400, UNUSABLE + "the number 1e400 is too large"),
    "digits": (PLAIN, b'{"id": %s}' % (b"1" * 5000), 400, DIGITS),
    "key twice": (PLAIN, b'{"id": 1, "id": 2}', 400, TWICE % "id"),
    "key twice within": (PLAIN, b'[{"x": {"a": 1, "a": 1}}]', 400, TWICE % "a"),
    "deep arrays": (PLAIN, b"[" * 200_000, 400, DEEP),
    "deep objects": (PLAIN, b'{"a":' * 200_000, 400, DEEP),
    "deep and closed": (PLAIN, b'[{"department":' + b"[" * 100 + b"]" * 100 + b"}]", 400, DEEP),
    "ten MB of nesting": (PLAIN, b"[" * 10_000_000, 413, TOO_LARGE),
    "a control": (PLAIN, b'"\x01"', 400, NOT + "Invalid control character at: line 1 column 2 (char 1)"),
    "Latin-1": (PLAIN, '{"department": "Café"}'.encode("latin-1"), 400, UTF + "byte 19 is wrong"),
    "UTF-16": (PLAIN, '{"department": "x"}'.encode("utf-16"), 400, UTF + "byte 0 is wrong"),
    "surrogate in UTF-8": (PLAIN, b'{"department": "\xed\xa0\x80"}', 400, UTF + "byte 16 is wrong"),
    "a charset": ({"Content-Type": "application/json; charset=latin-1"}, ROW, 415, CHARSET),
    "a number": (PLAIN, b"7", 422, ARRAY),
    "a string": (PLAIN, b'"rows"', 422, ARRAY),
    "null": (PLAIN, b"null", 422, ARRAY),
    "empty array": (PLAIN, b"[]", 422, COUNT + "0"),
    "1001 rows": (PLAIN, json_rows(1001), 422, COUNT + "1001"),
    "no type": ({}, ROW, 415, TYPES),
    "another type": ({"Content-Type": "application/xml"}, ROW, 415, TYPES),
    "a form": ({"Content-Type": "application/x-www-form-urlencoded"}, b"department=Sales", 415, TYPES),
    "too long": (PLAIN, b" " * LIMIT + b"1", 413, TOO_LARGE),
    "another encoding": ({**PLAIN, "Content-Encoding": "br"}, ROW, 415, ENCODING),
    "two encodings": ({**PLAIN, "Content-Encoding": "gzip, gzip"}, ROW, 415, ENCODING),
    "no gzip": (ZIPPED, ROW, 400, NO_GZIP),
    "empty gzip": (ZIPPED, b"", 400, CUT),
    "cut gzip": (ZIPPED, gzip.compress(ROW)[:-1], 400, CUT),
    "half a gzip": (ZIPPED, gzip.compress(json_rows(1000))[:40], 400, CUT),
    "a wrong checksum": (ZIPPED, gzip.compress(ROW)[:-8] + b"\0" * 8, 400, NO_GZIP),
    "bytes after gzip": (ZIPPED, gzip.compress(ROW) + b"more", 400, NO_GZIP),
    "zlib": (ZIPPED, zlib.compress(ROW), 400, NO_GZIP),
    "a bomb": (ZIPPED, gzip.compress(b" " * (LIMIT + 1)), 413, TOO_LARGE),
    "a bomb of members": (ZIPPED, gzip.compress(b" " * (LIMIT // 64)) * 65, 413, TOO_LARGE),
    "empty CSV": (CSV, b"", 422, HEADER),
    "CSV of a header": (CSV, b"id,department\n", 422, COUNT + "0"),
    "CSV without a header": (CSV, b"1,Sales\n", 422, HEADER),
    "CSV without a column": (CSV, b"id\n1\n", 422, HEADER),
    "CSV with a column twice": (CSV, b"id,department,id\n1,a,1\n", 422, HEADER),
    "CSV of 1001 rows": (CSV, b"id,department\n" + b"1,a\n" * 1001, 422, COUNT + "1001"),
    "an open quote": (CSV, b'id,department\n1,"Sales\n', 400, NOT_CSV + "unexpected end of data"),
    "a quote within": (CSV, b'id,department\n1,"Sales"s\n', 400, NOT_CSV + "',' expected after '\"'"),
    "CSV in UTF-16": (CSV, "id,department\n1,x\n".encode("utf-16"), 400, UTF + "byte 0 is wrong"),
    "empty NDJSON": (LINES, b"\n \n", 422, COUNT + "0"),
    "NDJSON of 1001 rows": (LINES, b"1\n" * 1001, 422, COUNT + "1001"),
    "NDJSON with a wrong line": (LINES, ROW + b"\n\n{]\n", 400, "line 3" + NO_NAME),
    "NDJSON over several lines": (LINES, b'{\n"department": "x"}', 400, "line 1" + NO_NAME),
}  # fmt: skip


@pytest.mark.parametrize(("headers", "body", "status", "detail"), WRONG.values(), ids=WRONG)
def test_a_body_that_is_wrong_as_a_whole_is_told_why_and_nothing_is_written(
    client, engine, headers, body, status, detail
):
    response = client.post("/departments", data=body, headers={**headers, "X-Request-ID": "r1"})
    problem = {"type": "about:blank", "title": TITLES[status], "status": status, "detail": detail}
    assert (response.status_code, response.json) == (status, {**problem, "request_id": "r1"})
    assert response.mimetype == "application/problem+json"
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(Department)).scalar() == 0


def members(*parts):
    return b"".join(map(gzip.compress, parts))


TAKEN = {
    "an object": (PLAIN, ROW),
    "white space around": (PLAIN, b"\r\n [" + ROW + b"]\n\n"),
    "a byte order mark": (PLAIN, b"\xef\xbb\xbf" + ROW),
    "a charset": ({"Content-Type": "application/json; charset=UTF-8"}, ROW),
    "the limit": (PLAIN, ROW.ljust(LIMIT)),
    "gzip": (ZIPPED, gzip.compress(ROW)),
    "gzip of the limit": (ZIPPED, gzip.compress(ROW.ljust(LIMIT))),
    "gzip of a whole piece": (ZIPPED, gzip.compress(ROW.ljust(64 * 1024))),
    "gzip of several members": (ZIPPED, members(b"[", ROW, b"", b"]")),
    "x-gzip": ({**PLAIN, "Content-Encoding": " X-GZIP "}, gzip.compress(ROW)),
    "identity": ({**PLAIN, "Content-Encoding": "identity"}, ROW),
    "CSV": (CSV, b"id,department\n1,Sales\n"),
    "CSV with CRLF, a mark and quotes": (CSV, b'\xef\xbb\xbf"ID", Department\r\n"1","Sales"\r\n\r\n'),
    "CSV in another order": (CSV, b"department,id\nSales,1.0"),
    "CSV with gzip": ({**CSV, "Content-Encoding": "gzip"}, gzip.compress(b"id,department\n1, Sales \n")),
    "NDJSON": (LINES, ROW),
    "NDJSON with CRLF": (LINES, b"\n" + ROW + b"\r\n\r\n"),
    "NDJSON by another name": ({"Content-Type": "application/jsonl"}, ROW),
}


@pytest.mark.parametrize(("headers", "body"), TAKEN.values(), ids=TAKEN)
def test_a_body_may_come_in_many_forms(client, headers, body):
    response = client.post("/departments", data=body, headers=headers)
    assert (response.status_code, response.json["results"]) == (
        201,
        [{"index": 0, "status": "inserted", "id": 1}],
    )
    assert client.get("/departments/1").json == {"id": 1, "department": "Sales"}


def test_rows_of_a_csv_body_are_validated_one_by_one(client):
    lines = [
        "id,department",
        "1,First",
        "2",
        "x,Third",
        "4,",
        "5,Fifth,5",
        '6,"a\nb"',
        "7,one\u2028line",
        "1,Again",
        "0,",
    ]
    response = client.post("/departments", data="\n".join(lines).encode(), headers=CSV)
    assert response.status_code == 207
    failed = {
        result["index"]: [(error["field"], error["code"], error["message"]) for error in result["errors"]]
        for result in response.json["results"]
        if result["status"] == "failed"
    }
    empty = ("department", "required", "department is required: it is empty")
    assert failed == {
        1: [(None, "column_count", "the line has 1 field, not 2")],
        2: [("id", "invalid_format", "id must be a whole number in digits")],
        3: [empty],
        4: [(None, "column_count", "the line has 3 fields, not 2")],
        5: [("department", "invalid_characters", "department must not contain the control character U+000A")],
        7: [("id", "duplicate_id", "id 1 stands in this request before")],
        8: [("id", "out_of_range", "id must be from 1 to 2147483647"), empty],
    }
    assert client.get("/departments").json["items"] == [
        {"id": 1, "department": "First"},
        {"id": 7, "department": "one\u2028line"},
    ]


def test_a_cheap_answer_to_a_hostile_body(client):
    """Each would take minutes where work grows with the square of the body."""
    keys = b",".join(b'"%d":0' % key for key in range(300_000))
    assert client.post("/departments", data=b"{" + keys + b',"7":1}', headers=PLAIN).status_code == 400
    assert client.post("/departments", data=b"1\n" * (LIMIT // 2), headers=LINES).status_code == 422
    assert client.post("/departments", data=gzip.compress(b"") * 100_000, headers=ZIPPED).status_code == 400
    assert (
        client.post("/departments", data=b"[%s]" % (b"0," * 4_000_000 + b"0"), headers=PLAIN).status_code
        == 422
    )


def test_nesting_below_the_limit_is_a_row_error_that_is_kept(client):
    body = b'[{"department":' + b"[" * 97 + b"]" * 97 + b"}]"
    response = client.post("/departments", data=body, headers=PLAIN)
    assert response.status_code == 422
    assert response.json["results"][0]["errors"] == [
        {"field": "department", "code": "invalid_type", "message": "department must be a string"}
    ]


BATCH_OBJECT = "send an object with lists of rows under departments, jobs, employees"


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ([], BATCH_OBJECT),
        ("x", BATCH_OBJECT),
        ({"departments": [], "people": []}, BATCH_OBJECT),
        ({"hired_employees": []}, BATCH_OBJECT),
        ({}, COUNT + "0"),
        ({"departments": []}, COUNT + "0"),
        ({"departments": None}, ARRAY),
        ({"departments": [json.loads(ROW)] * 501, "jobs": [{"job": "x"}] * 500}, COUNT + "1001"),
    ],
)
def test_a_batch_of_all_tables_that_is_none_is_told_what_to_send(client, body, detail):
    response = client.post("/batch", json=body)
    assert (response.status_code, response.json["detail"]) == (422, detail)


@pytest.mark.parametrize("headers", [CSV, LINES, {}])
def test_a_batch_of_all_tables_is_json(client, headers):
    response = client.post("/batch", data=b"{}", headers=headers)
    assert (response.status_code, response.json["detail"]) == (415, "send the rows as application/json")
