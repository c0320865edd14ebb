"""Strict JSON against Python's own parser: the same value, unless it is ambiguous or nested too deeply."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from werkzeug.exceptions import BadRequest

from hiring_api.web.http.strict_json import parse_json

KEYS = st.sampled_from(["a", "b", ":", '":', "a\\", "ñ", "{", "["]) | st.text(max_size=2)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | KEYS
BLANK = st.sampled_from(["", "", "", " ", "\n", "\t\r", "  "])


class Pairs(list):
    """An object as its pairs, so that a key may stand twice."""


VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.lists(st.tuples(KEYS, inner), max_size=4).map(Pairs),
    max_leaves=20,
)


def spelled(value, blank, *, escaped):
    """The value as JSON, with `blank` wherever white space may be."""
    if isinstance(value, Pairs):
        members = [
            f"{json.dumps(key, ensure_ascii=escaped)}{blank}:{blank}{spelled(inner, blank, escaped=escaped)}"
            for key, inner in value
        ]
        return "{" + blank + f"{blank},".join(members) + "}"
    if isinstance(value, list):
        return "[" + f",{blank}".join(spelled(inner, blank, escaped=escaped) for inner in value) + blank + "]"
    return json.dumps(value, ensure_ascii=escaped)


def plain(value):
    """The value as Python has it; KeyError where a key stands twice in an object."""
    if isinstance(value, Pairs):
        if len(dict(value)) < len(value):
            raise KeyError
        return {key: plain(inner) for key, inner in value}
    return [plain(inner) for inner in value] if isinstance(value, list) else value


@given(VALUES, BLANK, st.booleans())
@example(Pairs([("a", 1), ("a", '":')]), "", False)
@example(Pairs([("a", Pairs([(":", 0), (":", 1)])), ("b", 2)]), "", True)
@example([Pairs([("a", 1), ("a", 2)]), Pairs([("b", ':"":')])], " ", False)
def test_a_body_is_what_it_says_unless_a_key_stands_twice(value, blank, escaped):
    text = spelled(value, blank, escaped=escaped)
    try:
        expected = plain(value)
    except KeyError:
        with pytest.raises(BadRequest, match="stands twice in an object"):
            parse_json(text)
    else:
        assert repr(parse_json(text)) == repr(expected)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"a":1,"a":2}', "the key 'a' stands twice in an object"),
        ('{"a":1,"a":"\\u003a"}', "the key 'a' stands twice in an object"),
        ('{"a":1,"\\u0061":2}', "the key 'a' stands twice in an object"),
        ('{"a" :1,"a":"\\":"}', "the key 'a' stands twice in an object"),
        ('{"a":1,"a"\n:2,"b":":"}', "the key 'a' stands twice in an object"),
        ('[{"a":1,"a":2},', "the key 'a' stands twice in an object"),
        ("[" * 101 + "]" * 101, "it is nested too deeply"),
        ("[" * 100 + "1" + "]" * 100, "it is nested too deeply"),
        ('{"a":' * 100 + "1" + "}" * 100, "it is nested too deeply"),
    ],
)
def test_a_key_that_stands_twice_or_too_deep_nesting_is_refused(text, told):
    with pytest.raises(BadRequest) as refused:
        parse_json(text)
    assert refused.value.description == f"the body is not usable JSON: {told}"


@pytest.mark.parametrize(
    "text", ["[" * 100 + "]" * 100, "[" * 99 + "1" + "]" * 99, '["[[[[{{{"]', '{":":":"}']
)
def test_json_that_only_looks_ambiguous_or_deep_is_taken(text):
    assert parse_json(text) == json.loads(text)
