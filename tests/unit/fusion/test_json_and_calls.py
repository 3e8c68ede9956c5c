"""JSON and tool calls: one form for what means the same."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tritium.fusion.answers import canonical
from tritium.fusion.canonical.json_value import canonical_value, find_json
from tritium.fusion.canonical.tool_calls import canonical_call, canonical_calls

SAYS = {
    '{"b": 1.0, "a": [1, 2.50]}': '{"a":[1,2.5],"b":1}',
    '```json\n{"a": [1, 2.5], "b": 1}\n```': '{"a":[1,2.5],"b":1}',
    'Here it is: {"a":[1,2.5],"b":1e0} - enjoy': '{"a":[1,2.5],"b":1}',
    '{"a":[1,2.5],"b":1,}': '{"a":[1,2.5],"b":1}',
    '{"a": 1}\nNo, rather:\n{"a": 2}': '{"a":2}',
    'See [1]. {"x": "}{"} Source: [2]': '{"x":"}{"}',
    '{"text": "two\nlines"}': '{"text":"two\\nlines"}',
    '{"formula": "\\(x\\)"}': '{"formula":"\\\\(x\\\\)"}',
    '{"z\u200bero": "wi\u200bdth"}': '{"zero":"width"}',
    '{"n": 123456789012345678901234567890}': '{"n":123456789012345678901234567890}',
    '{"n": 1E+2, "m": -0.0}': '{"m":0,"n":100}',
    "[1, 2, 3]": "[1,2,3]",
    "true": "true",
    "null": "null",
    '"text"': '"text"',
    "no json at all": None,
    "{not json}": None,
    '{"a": NaN}': None,
    '{"a": 1e99999999999999999999}': None,
    "": None,
}


@pytest.mark.parametrize(("text", "says"), SAYS.items())
def test_json_has_one_form(text, says):
    assert canonical(text, "json") == says


def test_unclosed_bracket_in_prose_hides_no_object():
    assert find_json('The set {x | x > 0 is open.\n{"verdict": "merge"}\nDone.') == {"verdict": "merge"}


def test_found_numbers_keep_their_decimals():
    assert find_json('{"price": 0.10}') == {"price": Decimal("0.10")}


# Keys that differ in invisible characters only become one, and which of their values stays is nobody's business.
KEYS = st.text('abcé \n"\\{,:')
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_writing_json_differently_changes_nothing(value):
    compact = json.dumps(value)
    loose = json.dumps(value, indent=3, ensure_ascii=False, sort_keys=True)
    assert canonical(compact, "json") == canonical(loose, "json") == canonical_value(value)


def test_calls_that_do_the_same_are_the_same():
    one = canonical_call("get_weather", '{"city": "New  York ", "days": 3}')
    other = canonical_call("get_weather", {"days": 3.0, "city": "New York"})
    assert one == other == 'get_weather{"city":"New York","days":3}'


@pytest.mark.parametrize(
    ("arguments", "other"),
    [
        ('{"n": 5}', '{"n": "5"}'),
        ('{"n": null}', "{}"),
        ('{"code": "if x:\\n    y"}', '{"code": "if x:\\n  y"}'),
        ('{"list": [1, 2]}', '{"list": [2, 1]}'),
    ],
)
def test_calls_that_may_differ_are_kept_apart(arguments, other):
    assert canonical_call("f", arguments) != canonical_call("f", other)


@pytest.mark.parametrize("arguments", ["", "{}", " \n"])
def test_no_arguments_are_an_empty_object(arguments):
    assert canonical_call("f", arguments) == "f{}"


@pytest.mark.parametrize("arguments", ["[1]", "5", "{broken", "null"])
def test_call_that_cannot_be_made_has_no_form(arguments):
    assert canonical_call("f", arguments) is None


def test_parallel_calls_have_no_order():
    first, second = ("f", '{"n": 1}'), ("g", '{"n": 2}')
    assert canonical_calls([first, second]) == canonical_calls([second, first])
    assert canonical_calls([first, first]) != canonical_calls([first])
    assert canonical_calls([first, ("g", "{broken")]) is None
    assert canonical_calls([]) is None
