"""The quick checks of every kind of column against the Marshmallow field that is the judge."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from marshmallow import ValidationError

from hiring_api.data.columns import Id, Instant, Reference, Text
from hiring_api.data.rows import judge, judge_record, quick_row, schema
from hiring_api.data.tables import kinds, tables

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


def judged(kind, value):
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
    quick = kind.quick(value)
    if quick is not None:
        found = judged(kind, value)
        assert (type(quick), quick) == (type(found), found)


@pytest.mark.parametrize("kind", KINDS, ids=str)
@given(NEAR)
def test_what_was_taken_is_taken_again_in_the_form_that_is_shown(kind, value):
    found = judged(kind, value)
    if not isinstance(found, ValidationError):
        shown = kind.to_json(found)
        assert json.loads(json.dumps(shown)) == shown
        assert judged(kind, shown) == found
        assert kind.quick(shown) in {found, None}


@given(st.datetimes(datetime(1000, 1, 2), datetime(9999, 12, 30)), st.integers(-23 * 60, 23 * 60))
def test_an_instant_with_an_offset_is_that_instant_in_utc(local, minutes):
    aware = local.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    assert judged(Instant("hired"), aware.isoformat()) == aware.astimezone(UTC).replace(tzinfo=None)


@pytest.mark.parametrize("table", tables(), ids=str)
@given(st.data())
def test_a_row_that_is_taken_quickly_is_the_row_that_the_schema_makes(table, data):
    names = [*kinds(table), "other"]
    raw = data.draw(
        st.dictionaries(st.sampled_from(names), NEAR | st.sampled_from([1, "Ana", "2021-07-27T16:02:08Z"]))
    )
    quick = quick_row(table, raw)
    if quick is not None:
        assert schema(table, id_required=False).load(raw) == quick
        assert not judge(table, raw).errors
        assert bool(judge_record(table, raw).errors) == ("id" not in raw)


@pytest.mark.parametrize("table", tables(), ids=str)
@given(st.data())
def test_what_is_wrong_with_a_row_is_what_the_schema_says_of_all_of_it(table, data):
    names = [*kinds(table), "other", "_schema"]
    raw = data.draw(st.dictionaries(st.sampled_from(names), NEAR) | NEAR)
    judged_row = judge(table, raw)
    try:
        whole = schema(table, id_required=False).load(raw)
    except ValidationError as refused:
        said = {
            (name, message["code"])
            for name, messages in refused.messages_dict.items()
            for message in messages
        }
        assert {(error.field or "_schema", error.code) for error in judged_row.errors} == said
    else:
        assert (judged_row.values, judged_row.errors) == (whole, [])
