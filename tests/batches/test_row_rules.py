"""Every row rule, in every column of every table and in every place of a batch, with the exact answer."""

import json

import pytest
from sqlalchemy import func, select

from hiring_api.model.tables import kinds, resource, tables
from tests.conftest import on_record


def same(values, *errors):
    """The same errors for each of several values."""
    return dict.fromkeys(values, errors)


# Values as JSON text, so that those that no Python value spells are sent as well
GOOD = {
    "departments": {"department": '"Sales"'},
    "jobs": {"job": '"Clerk"'},
    "employees": {
        "name": '"Zoë O\'Neil 🦄"',
        "datetime": '"2021-07-27T16:02:08Z"',
        "department_id": "1",
        "job_id": "1",
    },
}
RANGE = "must be from 1 to 2147483647"
YEARS = "must be in the years 1000 to 9999 in UTC"
FORM = "must be a date and time such as 2021-07-27T16:02:08Z"
NULL = [("required", "is required: null is no value")]
WHOLE = {
    **same(["0", "-0", "-1", "2147483648", "9223372036854775808", "1" * 4300], ("out_of_range", RANGE)),
    **same(
        ["1e3", "1E0", "7.0", "0.5", "true", '"7"', '""', "[1]", "{}"], ("invalid_type", "must be an integer")
    ),
    "null": NULL,
}
TEXT = {
    **same(["7", "1.5", "false", '["a"]', '{"a": 1}'], ("invalid_type", "must be a string")),
    **same(['""', '"   "', '"\\t\\r\\n\\u3000"'], ("required", "is required: it is empty")),
    "null": NULL,
    json.dumps("𐐀" * 256): [("too_long", "must have at most 255 characters, not 256")],
    json.dumps("a" * 70_000): [("too_long", "must have at most 255 characters, not 70000")],
    '"a\\u0000b"': [("invalid_characters", "must not contain the control character U+0000")],
    '"a\\tb"': [("invalid_characters", "must not contain the control character U+0009")],
    '"a\\nb"': [("invalid_characters", "must not contain the control character U+000A")],
    '"a\\u007f"': [("invalid_characters", "must not contain the control character U+007F")],
    '"a\\u0085b"': [("invalid_characters", "must not contain the control character U+0085")],
    '"a\\ud800"': [("invalid_characters", "must not contain the lone surrogate U+D800")],
    '"\\udc00b"': [("invalid_characters", "must not contain the lone surrogate U+DC00")],
    json.dumps("\x01" + "a" * 255): [
        ("too_long", "must have at most 255 characters, not 256"),
        ("invalid_characters", "must not contain the control character U+0001"),
    ],
}
NO_INSTANTS = [
    "2021-07-27",
    "06-Apr-06",
    "2021-07-27T16:02",
    "2021-07-27T16:02Z",
    "2021-07-27T16:0:1Z",
    "2021-07-27T02 48 42Z",
    "2021-07-27T24:00:00Z",
    "2021-07-27T16:60:00Z",
    "2021-07-27T16:02:60Z",
    "2021-07-27T16:02:08.1234567Z",
    "2021-07-27T16:02:08.Z",
    "2021-07-27T16:02:08,5Z",
    "2021-07-27T16:02:08z",
    "2021-07-27t16:02:08Z",
    "2021-07-27T16:02:08+24:00",
    "2021-07-27T16:02:08+5",
    "2021-07-27T16:02:08 UTC",
    " 2021-07-27T16:02:08Z",
    "20210727T160208Z",
    "2021-W30-2T16:02:08Z",
    "٢٠٢١-07-27T16:02:08Z",
    "1627401728",
]
INSTANT = {
    '""': [("required", "is required: it is empty")],
    **{json.dumps(text): [("invalid_format", FORM)] for text in NO_INSTANTS},
    **{
        json.dumps(f"{day}T16:02:08Z"): [("invalid_format", f"must be a day that exists, not {day}")]
        for day in ("2021-02-29", "2021-13-01", "2021-00-10", "2021-04-31", "2021-01-00")
    },
    **same(
        [
            '"0000-01-01T00:00:00Z"',
            '"0999-12-31T23:59:59.999999Z"',
            '"1000-01-01T00:59:59+01:00"',
            '"9999-12-31T23:59:59-00:01"',
        ],
        ("out_of_range", YEARS),
    ),
    **same(["1627401728", "true", "[]"], ("invalid_type", "must be a string")),
    "null": NULL,
}
WRONG = {"Id": WHOLE, "Reference": WHOLE, "Text": TEXT, "Instant": INSTANT}
PLACES = {"first": {0}, "last": {2}, "all": {0, 1, 2}}
BY_NAME = {resource(table): table for table in tables()}
COLUMNS = [(name, column) for name, table in BY_NAME.items() for column in kinds(table)]


def text_of(row):
    return "{" + ", ".join(f'"{name}": {value}' for name, value in row.items()) + "}"


def send(client, name, texts, query=""):
    body = f"[{', '.join(texts)}]".encode()
    return client.post(f"/{name}{query}", data=body, content_type="application/json")


@pytest.fixture
def parents(client):
    """A client of an API that has department 1 and job 1."""
    client.post("/departments", json={"id": 1, "department": "First"})
    client.post("/jobs", json={"id": 1, "job": "First"})
    return client


class Expected:
    """The answers to batches of which some rows are wrong; ids follow each other without gaps."""

    def __init__(self, name):
        self.name, self.next_id = name, 1 if name == "employees" else 2

    def result(self, index, errors):
        if errors:
            return {"index": index, "status": "failed", "id": None, "errors": errors}
        self.next_id += 1
        return {"index": index, "status": "inserted", "id": self.next_id - 1}

    def answer(self, rows):
        """The status and body where `rows` has the errors of each row."""
        results = [self.result(index, errors) for index, errors in enumerate(rows)]
        failed = sum(bool(errors) for errors in rows)
        status = 201 if not failed else 422 if failed == len(rows) else 207
        counts = {"inserted": len(rows) - failed, "updated": 0, "skipped": 0, "failed": failed}
        head = {"table": self.name, "mode": "partial", "dry_run": False, "received": len(rows)}
        return status, {**head, **counts, "results": results}


def errors_of(column, found):
    return [{"field": column, "code": code, "message": f"{column} {message}"} for code, message in found]


@pytest.mark.parametrize("places", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize(("name", "column"), COLUMNS)
def test_a_value_that_breaks_a_rule_fails_its_row_alone(parents, engine, name, column, places):
    good, table = GOOD[name], BY_NAME[name]
    expected = Expected(name)
    cases = WRONG[type(kinds(table)[column]).__name__]
    for value, found in cases.items():
        rows = [{**good, column: value} if place in places else good for place in range(3)]
        response = send(parents, name, map(text_of, rows))
        errors = [errors_of(column, found) if place in places else [] for place in range(3)]
        assert (response.status_code, response.json) == expected.answer(errors), value
    with engine.connect() as connection:
        stored = connection.execute(select(func.count()).select_from(table)).scalar()
    assert len(on_record(engine)) == len(cases) * len(places)
    assert stored == len(cases) * (3 - len(places)) + (name != "employees")


@pytest.mark.parametrize("places", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize(("name", "column"), [pair for pair in COLUMNS if pair[1] != "id"])
def test_a_column_that_is_left_out_fails_its_row_alone(parents, name, column, places):
    good = GOOD[name]
    less = {key: value for key, value in good.items() if key != column}
    response = send(parents, name, [text_of(less if place in places else good) for place in range(3)])
    found = errors_of(column, [("required", "is required")])
    assert (response.status_code, response.json) == Expected(name).answer(
        [found if place in places else [] for place in range(3)]
    )


RIGHT = {
    "WHOLE": {"2147483647": 2147483647},
    "Text": {
        json.dumps("𐐀" * 255): "𐐀" * 255,
        '"  Ana\\u00a0\\t"': "Ana",
        json.dumps("\u2003José 👩‍👩‍👧 ñ'\"\\;--\u2028x\u2003"): "José 👩‍👩‍👧 ñ'\"\\;--\u2028x",
        '"null"': "null",
        '"%s %(id)s :id"': "%s %(id)s :id",
    },
    "Instant": {
        '"1000-01-01T00:00:00Z"': "1000-01-01T00:00:00Z",
        '"0999-12-31T23:30:00-01:00"': "1000-01-01T00:30:00Z",
        '"9999-12-31T23:59:59.999999Z"': "9999-12-31T23:59:59.999999Z",
        '"2021-07-27 16:02:08"': "2021-07-27T16:02:08Z",
        '"2021-07-27T16:02:08.5"': "2021-07-27T16:02:08.500000Z",
        '"2021-07-27T16:02:08.000Z"': "2021-07-27T16:02:08Z",
        '"2021-07-27T16:02:08-05:30"': "2021-07-27T21:32:08Z",
        '"2021-07-27T16:02:08+0530"': "2021-07-27T10:32:08Z",
        '"2021-07-27T16:02:08+05"': "2021-07-27T11:02:08Z",
        '"2024-02-29T00:00:00Z"': "2024-02-29T00:00:00Z",
        '"2021-03-28T02:30:00"': "2021-03-28T02:30:00Z",
    },
}


@pytest.mark.parametrize(
    ("name", "column"), [pair for pair in COLUMNS if pair[1] not in {"id", "department_id", "job_id"}]
)
def test_a_right_value_at_the_edge_is_stored_and_shown_as_it_is(parents, name, column):
    cases = RIGHT[type(kinds(BY_NAME[name])[column]).__name__]
    response = send(parents, name, [text_of({**GOOD[name], column: value}) for value in cases])
    assert response.status_code == 201
    shown = [parents.get(f"/{name}/{result['id']}").json[column] for result in response.json["results"]]
    assert shown == list(cases.values())


def test_the_largest_id_is_taken_as_id_and_as_reference(parents):
    largest = 2147483647
    assert send(parents, "departments", [f'{{"id": {largest}, "department": "Last"}}']).status_code == 201
    row = text_of({**GOOD["employees"], "id": str(largest), "department_id": str(largest)})
    assert send(parents, "employees", [row]).json["results"] == [
        {"index": 0, "status": "inserted", "id": largest}
    ]


def test_a_row_is_answered_with_all_its_errors_in_the_order_of_the_columns(parents):
    row = '{"extra": 1, "job_id": 99, "department_id": "x", "datetime": "today", "id": 0, "_schema": 2}'
    response = send(parents, "employees", [row])
    assert response.status_code == 422
    assert response.json["results"] == [
        {
            "index": 0,
            "status": "failed",
            "id": None,
            "errors": [
                {"field": "id", "code": "out_of_range", "message": f"id {RANGE}"},
                {"field": "name", "code": "required", "message": "name is required"},
                {"field": "datetime", "code": "invalid_format", "message": f"datetime {FORM}"},
                {
                    "field": "department_id",
                    "code": "invalid_type",
                    "message": "department_id must be an integer",
                },
                {
                    "field": "extra",
                    "code": "unknown_field",
                    "message": "extra is not a column of this table",
                },
                {
                    "field": "_schema",
                    "code": "unknown_field",
                    "message": "_schema is not a column of this table",
                },
                {"field": "job_id", "code": "unknown_reference", "message": "job_id 99 is not in jobs"},
            ],
        }
    ]


@pytest.mark.parametrize("value", ["7", '"row"', "null", "true", "[]", '[{"department": "Nested"}]'])
def test_what_is_no_object_is_no_row(parents, value):
    good = text_of(GOOD["departments"])
    response = send(parents, "departments", [value, good])
    found = [{"field": None, "code": "invalid_type", "message": "a row must be an object"}]
    assert (response.status_code, response.json) == Expected("departments").answer([found, []])


def test_a_row_with_very_many_unknown_fields_is_answered_with_the_first_hundred_errors(parents):
    row = {f"{place:02}" + "x" * 100: 1 for place in range(200)}
    response = parents.post("/departments", json=[{"department": "Sales", **row}])
    errors = response.json["results"][0]["errors"]
    assert len(errors) == 100
    shown = "00" + "x" * 62 + "…"
    assert errors[0] == {
        "field": shown,
        "code": "unknown_field",
        "message": f"{shown} is not a column of this table",
    }


def test_an_id_that_stands_twice_fails_where_it_stands_again(client):
    rows = [{"id": 5, "department": name} for name in ("First", "Second", "First")]
    response = client.post(
        "/departments", json=[*rows, {"id": 6, "department": ""}, {"id": 6, "department": "6"}]
    )
    twice = [{"field": "id", "code": "duplicate_id", "message": "id 5 stands in this request before"}]
    empty = [{"field": "department", "code": "required", "message": "department is required: it is empty"}]
    assert response.status_code == 207
    assert response.json["results"] == [
        {"index": 0, "status": "inserted", "id": 5},
        {"index": 1, "status": "failed", "id": None, "errors": twice},
        {"index": 2, "status": "failed", "id": None, "errors": twice},
        {"index": 3, "status": "failed", "id": None, "errors": empty},
        {"index": 4, "status": "inserted", "id": 6},  # the row with this id before it did not go in
    ]


@pytest.mark.parametrize("on_conflict", ["error", "skip", "update"])
def test_a_row_that_is_stored_as_it_is_stays_and_is_no_conflict(client, on_conflict):
    row = {"id": 5, "department": "Sales"}
    assert client.post("/departments", json=row).status_code == 201
    response = client.post(f"/departments?on_conflict={on_conflict}", json=[{**row, "department": " Sales "}])
    assert (response.status_code, response.json["skipped"]) == (201, 1)
    assert response.json["results"] == [{"index": 0, "status": "skipped", "id": 5}]


def test_a_taken_id_fails_where_the_content_differs(client):
    row = {"id": 5, "department": "Sales"}
    assert client.post("/departments", json=row).status_code == 201
    response = client.post("/departments", json=[{**row, "department": name} for name in ("Other", "sales")])
    taken = [{"field": "id", "code": "already_exists", "message": "id 5 is already in departments"}]
    assert response.status_code == 422
    assert [result["errors"] for result in response.json["results"]] == [taken, taken]
    assert client.get("/departments/5").json == row


@pytest.mark.parametrize("size", [1, 1000])
def test_one_to_a_thousand_rows_are_taken(client, size):
    response = client.post("/departments", json=[{"department": f"D{place}"} for place in range(size)])
    assert (response.status_code, response.json["inserted"]) == (201, size)
    assert [result["id"] for result in response.json["results"]] == list(range(1, size + 1))


def test_a_thousand_rows_of_the_longest_texts_keep_their_ids_in_order(client):
    names = [f"{place:03}" + "𐐀" * 252 for place in range(1000)]
    response = client.post("/departments", json=[{"department": name} for name in names])
    assert response.status_code == 201
    for place in (0, 1, 499, 998, 999):
        row_id = response.json["results"][place]["id"]
        assert client.get(f"/departments/{row_id}").json["department"] == names[place]


def test_a_refused_row_of_megabytes_is_kept_by_its_beginning(client, engine):
    response = client.post(
        "/departments",
        data=json.dumps([{"department": "é" * 3_000_000}], ensure_ascii=False).encode(),
        content_type="application/json",
    )
    assert response.status_code == 422
    kept = on_record(engine)[0]["row"]
    assert kept.startswith('{"department": "\\u00e9\\u00e9')
    assert kept.endswith("… (18000018 characters)")
    assert len(kept) < 1_000_100
