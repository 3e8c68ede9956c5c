"""A Messages body in OpenAI's words: each field has its counterpart, and what has none is not made up."""

from __future__ import annotations

import json

import pytest

from tritium.api.messages.request import read_request
from tritium.errors import InvalidRequest

HELLO = [{"role": "user", "content": "Hello"}]


def chat(**fields):
    """The chat request's fields, without those that every body has."""
    request = read_request(json.dumps({"model": "a/b", "messages": HELLO, **fields}).encode())
    found = {name: json.loads(bytes(value)) for name, value in request.fields.items()}
    assert found.pop("model") == "a/b"
    if "messages" not in fields and "system" not in fields:
        assert found.pop("messages") == HELLO
    return found


@pytest.mark.parametrize(
    ("given", "ours"),
    [
        ({"stop_sequences": ["END"]}, {"stop": ["END"]}),
        ({"stop_sequences": []}, {}),
        ({"max_tokens": 5, "top_k": 3, "top_p": 0.5}, {"max_tokens": 5, "top_k": 3, "top_p": 0.5}),
        ({"metadata": {"user_id": "u-1"}}, {"user": "u-1"}),
        ({"metadata": {"user_id": "u-1"}, "user": "me"}, {"user": "me"}),
        ({"service_tier": "auto"}, {}),
        ({"service_tier": "standard_only"}, {"service_tier": "default"}),
        ({"service_tier": "flex"}, {"service_tier": "flex"}),
        ({"fallbacks": [{"model": "c/d"}]}, {"models": ["c/d"]}),
        ({"thinking": {"type": "disabled"}}, {"reasoning": {"enabled": False}}),
        ({"thinking": {"type": "adaptive"}}, {"reasoning": {"effort": "high"}}),
        (
            {"thinking": {"type": "adaptive", "display": "omitted"}, "output_config": {"effort": "low"}},
            {"reasoning": {"effort": "low", "exclude": True}},
        ),
        ({"thinking": {"type": "enabled", "budget_tokens": 2048}}, {"reasoning": {"max_tokens": 2048}}),
        ({"output_config": {"effort": "max"}}, {"reasoning": {"effort": "max"}}),
        ({"cache_control": {"type": "ephemeral", "scope": "global"}}, {"cache_control": {"type": "ephemeral"}}),
        ({"context_management": {"edits": []}, "speed": "fast", "betas": ["x"]}, {}),
        ({"tool_choice": {"type": "auto"}}, {}),
        ({"plugins": [{"id": "fusion"}], "provider": {"sort": "price"}, "new_field": [1]},) * 2,
        ({"session_id": "s", "trace": None}, {"session_id": "s"}),
    ],
)
def test_a_field_becomes_its_counterpart(given, ours):
    assert chat(**given) == ours


@pytest.mark.parametrize(
    ("choice", "ours"),
    [
        ({"type": "auto"}, {"tool_choice": "auto"}),
        ({"type": "any"}, {"tool_choice": "required"}),
        ({"type": "none"}, {"tool_choice": "none"}),
        ({"type": "tool", "name": "f"}, {"tool_choice": {"type": "function", "function": {"name": "f"}}}),
        (
            {"type": "auto", "disable_parallel_tool_use": True},
            {"tool_choice": "auto", "parallel_tool_calls": False},
        ),
    ],
)
def test_a_tool_choice_becomes_openais(choice, ours):
    found = chat(tools=[{"name": "f", "input_schema": {}}], tool_choice=choice)

    del found["tools"]
    assert found == ours


CLOSED = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}


@pytest.mark.parametrize(
    ("schema", "strict"),
    [
        (CLOSED, True),
        ({**CLOSED, "required": []}, False),
        ({"type": "array", "items": {**CLOSED, "additionalProperties": True}}, False),
    ],
)
def test_a_schema_for_the_answer_is_strict_where_openai_can_enforce_it(schema, strict):
    found = chat(output_config={"format": {"type": "json_schema", "schema": schema}})

    assert found["response_format"]["json_schema"] == {"name": "answer", "strict": strict, "schema": schema}


def test_a_user_id_that_vendors_would_refuse_becomes_a_stable_fingerprint():
    long = {"metadata": {"user_id": json.dumps({"device": "d" * 200})}}

    assert chat(**long)["user"] == chat(**long)["user"]
    assert chat(**long)["user"] != chat(metadata={"user_id": "d" * 200})["user"]
    assert len(chat(**long)["user"]) <= 64


def test_a_plain_system_prompt_is_one_text_and_a_marked_one_keeps_its_parts():
    plain = chat(system=[{"type": "text", "text": "One."}, {"type": "text", "text": "Two."}])
    marked = chat(system=[{"type": "text", "text": "One.", "cache_control": {"type": "ephemeral"}}])

    assert plain["messages"][0] == {"role": "system", "content": "One.\n\nTwo."}
    assert marked["messages"][0]["content"] == [
        {"type": "text", "text": "One.", "cache_control": {"type": "ephemeral"}}
    ]


def test_an_unfinished_answer_stays_the_last_message():
    said = [*HELLO, {"role": "assistant", "content": "The answer is ("}]

    assert chat(messages=said)["messages"] == said


def test_a_user_message_of_nothing_but_results_is_tool_messages():
    results = [
        {"type": "tool_result", "tool_use_id": "a"},
        {"type": "tool_result", "tool_use_id": "b", "content": "2", "is_error": True},
    ]

    assert chat(messages=[*HELLO, {"role": "user", "content": results}])["messages"][1:] == [
        {"role": "tool", "tool_call_id": "a", "content": ""},
        {"role": "tool", "tool_call_id": "b", "content": "2", "is_error": True},
    ]


@pytest.mark.parametrize(
    ("block", "texts"),
    [
        (
            {
                "type": "search_result",
                "title": "T",
                "source": "https://e.org",
                "content": [{"type": "text", "text": "x"}],
            },
            ["T\nhttps://e.org\nx"],
        ),
        ({"type": "document", "source": {"type": "content", "content": "x"}, "context": "c"}, ["c", "x"]),
        ({"type": "compaction", "content": "So far."}, ["So far."]),
    ],
)
def test_blocks_that_are_text_at_heart_become_text(block, texts):
    found = chat(messages=[{"role": "user", "content": [block, {"type": "text", "text": "?"}]}])

    assert [part["text"] for part in found["messages"][0]["content"]] == [*texts, "?"]


def test_a_tool_call_without_its_id_is_named():
    use = {"type": "tool_use", "name": "f", "input": {}}

    with pytest.raises(InvalidRequest, match="needs 'id'") as caught:
        chat(messages=[*HELLO, {"role": "assistant", "content": [use]}])

    assert caught.value.param == "messages[1].content[0].id"


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_json_is_an_invalid_request(body):
    with pytest.raises(InvalidRequest):
        read_request(body)


@pytest.mark.parametrize(
    "seal", ["tritium.", "tritium.!!", "tritium.W10=", "tritium.bnVsbA==", "tritium.eyJ0eXBlIjo3fQ=="]
)
def test_a_broken_seal_is_left_out(seal):
    blocks = [
        {"type": "redacted_thinking", "data": seal},
        {"type": "thinking", "thinking": "", "signature": seal},
        {"type": "text", "text": "Hi"},
    ]

    assert chat(messages=[*HELLO, {"role": "assistant", "content": blocks}])["messages"][1] == {
        "role": "assistant",
        "content": "Hi",
    }
