"""Arguments against a tool's JSON schema: what is wrong is said, and what nobody understands forbids nothing."""

from __future__ import annotations

import contextlib
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from referencing import Registry

from tritium.chat import FunctionCall, ToolCall
from tritium.fusion.arguments import Offered, faults

SEAT = {"$defs": {"seat": {"type": "object", "required": ["row"], "properties": {"row": {"type": "integer"}}}}}


@pytest.mark.parametrize(
    ("value", "schema", "fault"),
    [
        ({"n": 3.0}, {"properties": {"n": {"type": "integer"}}}, None),
        ({"n": True}, {"properties": {"n": {"type": "integer"}}}, "n is no integer"),
        ({"n": None}, {"properties": {"n": {"type": ["string", "null"]}}}, None),
        ({"n": 1}, {"properties": {"n": {"type": ["string", "null"]}}}, "n is no string or null"),
        ({"unit": "f"}, {"properties": {"unit": {"enum": ["c", "k"]}}}, "unit is none of the 2 that are allowed"),
        ({"n": 1.0}, {"properties": {"n": {"const": 1}}}, None),
        ({"a": 1}, {"properties": {}, "additionalProperties": False}, "a is not among its parameters"),
        ({"a": 1}, {"additionalProperties": {"type": "string"}}, "a is no string"),
        ({"a": [1, "x"]}, {"properties": {"a": {"items": {"type": "integer"}}}}, "a[1] is no integer"),
        ({"a": [1]}, {"properties": {"a": {"minItems": 2}}}, "a has fewer items than 2"),
        ({"n": 5}, {"properties": {"n": {"maximum": 4}}}, "n is above 4"),
        ({"n": 4}, {"properties": {"n": {"exclusiveMaximum": 4}}}, "n is not below 4"),
        ({"s": "abc"}, {"properties": {"s": {"maxLength": 2}}}, "s is longer than 2"),
        ({"x": 1}, {"properties": {"x": {"anyOf": [{"type": "string"}, {"type": "null"}]}}}, "x fits none of the 2"),
        ({"x": 1}, {"properties": {"x": {"oneOf": [{"type": "number"}, {"type": "integer"}]}}}, "x fits 2 of the 2"),
        ({"x": 1}, {"allOf": [{"required": ["y"]}]}, "y is missing"),
        ({"at": {}}, {"properties": {"at": {"$ref": "#/$defs/seat"}}, **SEAT}, "at.row is missing"),
        ({"at": {"row": 2}}, {"properties": {"at": {"$ref": "#/$defs/seat"}}, **SEAT}, None),
        ({"x": 1}, {"type": "dict", "properties": {"x": {"type": "float"}}}, None),
        ({"x": 1}, {"properties": {"x": {"$ref": "http://127.0.0.1:9/schema"}}}, None),
        ({"x": 1}, {"properties": {"x": {"pattern": "(a+)+$"}}, "required": 7, "enum": "x"}, None),
    ],
)
def test_the_first_fault_is_told_for_people(value, schema, fault):
    found = next(faults(value, schema), None)

    assert (found or "").startswith(fault or "")
    assert (found is None) == (fault is None)


def test_a_schema_that_leads_back_to_itself_many_times_over_costs_no_more_than_a_moment():
    schema: dict[str, Any] = {"anyOf": [{"$ref": "#"}, {"$ref": "#"}, {"$ref": "#"}]}
    started = time.perf_counter()

    list(faults({"a": 1}, schema))

    assert time.perf_counter() - started < 2


KEYWORDS = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["object", "array", "string", "integer", "number", "boolean", "null"]),
        "required": st.lists(st.sampled_from("abc"), unique=True),
        "minLength": st.integers(0, 3),
        "maxItems": st.integers(0, 3),
        "minimum": st.integers(-3, 3),
        "enum": st.lists(st.sampled_from([1, "a", None, True]), min_size=1),
        "additionalProperties": st.booleans(),
    },
)
SCHEMAS = st.recursive(
    KEYWORDS,
    lambda inner: st.builds(
        lambda base, properties, items, choices: {
            **base, "properties": properties, "items": items, **({"anyOf": choices} if choices else {})
        },
        KEYWORDS,
        st.dictionaries(st.sampled_from("abc"), inner, max_size=2),
        inner,
        st.lists(inner, max_size=2),
    ),
    max_leaves=6,
)  # fmt: skip
VALUES = st.recursive(
    st.sampled_from([None, True, 0, 1, -2, 2.5, "", "a", "abcd"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
    max_leaves=6,
)


@given(VALUES, SCHEMAS)
def test_what_is_valid_agrees_with_a_full_validator(value, schema):
    valid = Draft202012Validator(schema, registry=Registry()).is_valid(value)

    assert (next(faults(value, schema), None) is None) == valid


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "properties", "anyOf", "$ref", "required", "items", "enum", "a"]), inner
        )
    ),
    max_leaves=10,
)


@given(VALUES, ANYTHING)
def test_a_schema_of_any_shape_is_read_without_a_fault_of_ours(value, schema):
    if isinstance(schema, dict):
        list(faults(value, schema))


@pytest.mark.parametrize(
    ("name", "arguments", "fault"),
    [
        ("f", "", None),
        ("f", '{"a": 1,}', None),
        ("f", "[1]", "the arguments of f are no JSON object"),
        ("g", "{}", "there is no function 'g'"),
        ("", "{}", "there is no function ''"),
    ],
)
def test_a_call_is_of_a_function_that_is_offered_with_arguments_that_are_an_object(name, arguments, fault):
    offered = Offered([{"type": "function", "function": {"name": "f", "parameters": None}}])

    assert offered.fault(ToolCall(0, "c", "function", FunctionCall(name, arguments))) == fault


def test_what_a_vendors_own_tool_is_called_is_not_ours_to_know():
    offered = Offered([{"type": "bash_20250124", "name": "bash"}])

    assert offered.fault(ToolCall(0, "c", "function", FunctionCall("bash", json.dumps({"command": "ls"})))) is None
    with contextlib.suppress(AttributeError):
        assert offered.fault(ToolCall(0, "c", "function", None)) is not None
