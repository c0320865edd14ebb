"""The quick checks of every kind of column against the Marshmallow field that decides."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from marshmallow import ValidationError

from hiring_api.batches.columns import by_column, validate_rows
from hiring_api.model.columns import Id, Instant, Reference, Text
from hiring_api.model.tables import kinds, tables
from hiring_api.model.validation import schema, validate_record, validate_row

KINDS = [Id(), Reference("departments"), Text(), Text(3), Instant("hired")]
DIGITS = st.text("0123456789+-TZ: .", max_size=30)
NEAR = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.integers(2**31 - 3, 2**31 + 3),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=6),
    st.text(st.characters(categories=["Zs", "Cc", "Cf", "Cs", "L", "So"]), max_size=260),
    st.datetimes().map(lambda instant: f"{instant.isoformat(timespec='seconds')}Z"),
    st.datetimes(max_value=datetime(1001, 1, 1)).map(lambda instant: f"{instant.isoformat()}Z"),
    st.from_regex(r"[0-9]{4}-[01][0-9]-[0-3][0-9][T ][0-2][0-9]:[0-6][0-9]:[0-6][0-9]Z", fullmatch=True),
    DIGITS,
    st.lists(st.integers(), max_size=2),
)


def validated(kind, value):
    """What the field makes of a value: its errors, or the column's value."""
    try:
        return kind.field(required=True).deserialize(value)
    except ValidationError as error:
        return error


@pytest.mark.parametrize("kind", KINDS, ids=str)
@given(NEAR)
@example(True)
@example(7.0)
@example("2021-02-29T00:00:00Z")
@example("0999-12-31T23:59:59Z")
@example("2021-07-27T16:02:08Z")
@example(" Ana ")
@example("a\u200db")
@example("\u3000a")
@example("a\ud800")
def test_what_is_taken_quickly_is_what_the_field_takes_to_the_same_value(kind, value):
    quick = kind.check(value)
    if quick is not None:
        found = validated(kind, value)
        assert (type(quick), quick) == (type(found), found)


@pytest.mark.parametrize("kind", KINDS, ids=str)
@given(NEAR)
def test_what_was_taken_is_taken_again_in_the_form_that_is_shown(kind, value):
    found = validated(kind, value)
    if not isinstance(found, ValidationError):
        shown = kind.to_json(found)
        assert json.loads(json.dumps(shown)) == shown
        assert validated(kind, shown) == found
        assert kind.check(shown) in {found, None}


@given(st.datetimes(datetime(1000, 1, 2), datetime(9999, 12, 30)), st.integers(-23 * 60, 23 * 60))
def test_an_instant_with_an_offset_is_that_instant_in_utc(local, minutes):
    aware = local.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    assert validated(Instant("hired"), aware.isoformat()) == aware.astimezone(UTC).replace(tzinfo=None)


def whole(table, raw, *, id_required):
    """What the schema makes of all of a row: its values, and its errors as they are told, in their order."""
    try:
        return schema(table, id_required=id_required).load(raw), []
    except ValidationError as refused:
        said = refused.messages_dict
        names = [*kinds(table), *(raw if isinstance(raw, dict) else ["_schema"])]
        found = [(name, message) for name in dict.fromkeys(names) for message in said.get(name, [])]
        values = refused.valid_data if isinstance(refused.valid_data, dict) else {}
        return values, [told(name, **message) for name, message in found]


def told(name, code, message):
    """An error as users see it."""
    if name == "_schema" and code == "invalid_type":
        return (None, code, message)
    shown = name if len(name) <= 64 else f"{name[:64]}…"
    return (shown, code, f"{shown} {message}")


def exactly(validated_row):
    """The values with their types, and the errors in their order."""
    values = {name: (type(value), value) for name, value in validated_row[0].items()}
    return values, [tuple(error) for error in validated_row[1]]


RIGHT = st.sampled_from([1, 7, "Ana", " José ", "2021-07-27T16:02:08Z", "2021-07-27T18:02:08+02:00"])
SAME = st.sampled_from([1, 1.0, True, 0, 0.0, -0.0, False, "1", "", None, "2021-07-27", [], {}, "\n" * 20])


def raws_of(table):
    """Things that stand where rows of `table` should be, many of them nearly right."""
    columns = st.sampled_from(list(kinds(table)))
    others = st.sampled_from(["other", "_schema", "Id", "", "x" * 65, "\ud800"]) | st.text(max_size=3)
    value = RIGHT | SAME | NEAR
    every = st.fixed_dictionaries(dict.fromkeys(kinds(table), value))
    return every | st.dictionaries(columns | others, value) | st.dictionaries(columns, value) | NEAR


@pytest.mark.parametrize("table", tables(), ids=str)
@given(st.data())
def test_rows_validated_together_or_alone_are_as_the_schema_validates_each(table, data):
    raws = data.draw(st.lists(raws_of(table), max_size=6))
    expected = [exactly(whole(table, raw, id_required=False)) for raw in raws]
    alone = [validate_row(table, raw) for raw in raws]
    assert [exactly((row.values, row.errors)) for row in alone] == expected
    assert all(row.raw is raw for row, raw in zip(alone, raws, strict=True))
    assert parts(validate_rows(table, raws)) == parts(by_column(table, alone))


def parts(rows):
    """The raw rows, the values as text that tells their types, and the errors."""
    return rows.raws, {name: repr(list(column)) for name, column in rows.columns.items()}, rows.errors


@pytest.mark.parametrize("table", tables(), ids=str)
@given(st.data())
def test_rows_by_column_are_the_rows(table, data):
    alone = [validate_row(table, raw) for raw in data.draw(st.lists(raws_of(table), max_size=6))]
    rows = by_column(table, alone)
    assert len(rows) == len(alone)
    for name in kinds(table):
        assert list(rows.values(name)) == [row.values[name] for row in alone if name in row.values]
    right = [place for place, row in enumerate(alone) if row.values.keys() == kinds(table).keys()]
    places = data.draw(st.lists(st.sampled_from(right), unique=True).map(sorted)) if right else []
    assert rows.tuples(list(kinds(table)), places) == [
        tuple(alone[place].values.values()) for place in places
    ]
    some = data.draw(st.lists(st.sampled_from(range(len(alone))), unique=True)) if alone else []
    assert parts(rows.part(some)) == parts(by_column(table, [alone[place] for place in some]))


@pytest.mark.parametrize("table", tables(), ids=str)
@given(st.data())
def test_a_record_of_a_file_is_validated_as_by_the_schema_that_demands_an_id(table, data):
    raw = data.draw(raws_of(table))
    found = validate_record(table, raw)
    assert exactly((found.values, found.errors)) == exactly(whole(table, raw, id_required=True))


@pytest.mark.parametrize("kind", KINDS, ids=str)
@given(st.lists(RIGHT | SAME | NEAR) | st.lists(st.text(max_size=6)) | st.lists(st.integers(-1, 2**31)))
def test_what_the_quick_check_takes_the_field_takes_to_the_same_value(kind, values):
    for value in values:
        quick = kind.check(value)
        if quick is not None:
            found = validated(kind, value)
            assert (type(quick), quick) == (type(found), found)


def test_of_a_row_with_many_unknown_fields_a_hundred_errors_are_told():
    [table, *_] = tables()
    raw = {"id": 0, **{f"field {number}": number for number in range(1000)}}
    found = validate_row(table, raw).errors
    assert [error.field for error in found] == ["id", "department", *(f"field {n}" for n in range(98))]
    assert found[2].to_json() == {
        "field": "field 0",
        "code": "unknown_field",
        "message": "field 0 is not a column of this table",
    }
