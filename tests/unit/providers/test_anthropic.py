"""Requests as Anthropic's Messages API takes them."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest

from tritium.chat import ChatRequest
from tritium.errors import InvalidRequest
from tritium.providers.anthropic import AnthropicFormat

OLD, PLAIN, NEW = "claude-sonnet-4-5", "claude-opus-4-6", "claude-opus-5-5"
QUESTION = [{"role": "user", "content": "Hello"}]
ASKED = [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}]
PNG = "data:image/png;base64,iVBORw0KGgo="
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
WEATHER_TOOL = {
    "name": "weather",
    "description": "The weather in a city.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
CALL = {"id": "toolu_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Paris"}'}}
USE = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Paris"}}
POINT = {
    "type": "object",
    "properties": {"x": {"type": "integer", "minimum": 0}, "tags": {"type": "array", "items": {"type": "string"}}},
    "required": ["x"],
}


def said(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def user(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


class Case(NamedTuple):
    """An OpenAI request and what is sent for it, beyond `model`, `stream: true` and `max_tokens: 8192`."""

    name: str
    given: dict[str, Any]
    sent: dict[str, Any]
    model: str = PLAIN


MESSAGES = [
    Case("a_question", {}, {"messages": ASKED}),
    Case(
        "system_and_developer_messages_are_hoisted_and_joined",
        {
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Hello"},
                {"role": "developer", "content": [said("Speak French.")]},
            ]
        },
        {"system": "Be brief.\n\nSpeak French.", "messages": ASKED},
    ),
    Case(
        "a_cached_system_part_keeps_its_marker",
        {
            "messages": [
                {"role": "system", "content": [{**said("Long."), "cache_control": {"type": "ephemeral", "ttl": "1h"}}]},
                {"role": "user", "content": [{**said("Hello"), "cache_control": {"type": "ephemeral"}}]},
            ]
        },
        {
            "system": [{**said("Long."), "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
            "messages": [user({**said("Hello"), "cache_control": {"type": "ephemeral"}})],
        },
    ),
    Case(
        "a_system_message_alone_is_asked_by_the_user",
        {"messages": [{"role": "system", "content": "Write a haiku."}]},
        {"messages": [user(said("Write a haiku."))]},
    ),
    Case(
        "consecutive_turns_of_one_role_become_one",
        {
            "messages": [
                {"role": "user", "content": "One"},
                {"role": "user", "content": "Two", "name": "Ann"},
                {"role": "assistant", "content": "Three"},
                {"role": "assistant", "content": ""},
                {"role": "assistant", "content": "Four"},
                {"role": "user", "content": "  "},
                {"role": "user", "content": "Five"},
            ]
        },
        {
            "messages": [
                user(said("One"), said("Ann: Two")),
                assistant(said("Three"), said("Four")),
                user(said("Five")),
            ]
        },
    ),
    Case(
        "a_chat_begun_by_the_assistant_is_opened_by_the_user",
        {"messages": [{"role": "assistant", "content": "How can I help?"}, {"role": "user", "content": "Hello"}]},
        {
            "messages": [
                user(said("(start of the conversation)")),
                assistant(said("How can I help?")),
                user(said("Hello")),
            ]
        },
    ),
    Case(
        "images_and_documents_become_sources",
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}},
                        {"type": "image_url", "image_url": {"url": "https://example.org/a.jpg"}},
                        {
                            "type": "file",
                            "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="},
                        },
                        {"type": "file", "file": {"filename": "b.pdf", "file_data": "https://example.org/b.pdf"}},
                        {"type": "file", "file": {"filename": "c.txt", "file_data": "data:text/plain,caf%C3%A9"}},
                    ],
                }
            ]
        },
        {
            "messages": [
                user(
                    {
                        "type": "image",
                        "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="},
                    },
                    {"type": "image", "source": {"type": "url", "url": "https://example.org/a.jpg"}},
                    {
                        "type": "document",
                        "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
                        "title": "a.pdf",
                    },
                    {
                        "type": "document",
                        "source": {"type": "url", "url": "https://example.org/b.pdf"},
                        "title": "b.pdf",
                    },
                    {
                        "type": "document",
                        "source": {"type": "text", "media_type": "text/plain", "data": "café"},
                        "title": "c.txt",
                    },
                )
            ]
        },
    ),
    Case(
        "the_results_of_parallel_calls_are_one_turn_before_what_the_user_adds",
        {
            "tools": [WEATHER],
            "messages": [
                {"role": "user", "content": "Weather?"},
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [CALL, {**CALL, "id": "functions.weather:1"}],
                },
                {"role": "tool", "tool_call_id": "toolu_1", "content": "18 C"},
                {"role": "tool", "tool_call_id": "functions.weather:1", "content": ""},
                {"role": "user", "content": "And?"},
            ],
        },
        {
            "tools": [WEATHER_TOOL],
            "messages": [
                user(said("Weather?")),
                assistant(USE, {**USE, "id": "functions_weather_1"}),
                user(
                    {"type": "tool_result", "tool_use_id": "toolu_1", "content": [said("18 C")]},
                    {"type": "tool_result", "tool_use_id": "functions_weather_1"},
                    said("And?"),
                ),
            ],
        },
    ),
    Case(
        "tools_that_were_called_are_declared_when_they_are_no_longer_offered",
        {
            "messages": [
                {"role": "user", "content": "Weather?"},
                {"role": "assistant", "tool_calls": [CALL]},
                {"role": "tool", "tool_call_id": "toolu_1", "content": [said("18 C")]},
            ]
        },
        {
            "tools": [{"name": "weather", "input_schema": {"type": "object"}}],
            "tool_choice": {"type": "none"},
            "messages": [
                user(said("Weather?")),
                assistant(USE),
                user({"type": "tool_result", "tool_use_id": "toolu_1", "content": [said("18 C")]}),
            ],
        },
    ),
    Case(
        "calls_in_the_form_before_tools_pair_with_their_results",
        {
            "tools": [WEATHER],
            "messages": [
                {"role": "user", "content": "Weather?"},
                {"role": "assistant", "function_call": {"name": "weather", "arguments": "not json"}},
                {"role": "function", "name": "weather", "content": "18 C"},
            ],
        },
        {
            "tools": [WEATHER_TOOL],
            "messages": [
                user(said("Weather?")),
                assistant(
                    {
                        "type": "tool_use",
                        "id": "call_weather",
                        "name": "weather",
                        "input": {"arguments": "not json"},
                    }
                ),
                user({"type": "tool_result", "tool_use_id": "call_weather", "content": [said("18 C")]}),
            ],
        },
    ),
    Case(
        "a_prefill_loses_the_white_space_at_its_end",
        {"messages": [*QUESTION, {"role": "assistant", "content": "The answer is \n"}]},
        {"messages": [*ASKED, assistant(said("The answer is"))]},
        OLD,
    ),
    Case(
        "a_model_without_prefill_is_asked_to_go_on",
        {"messages": [*QUESTION, {"role": "assistant", "content": "The answer is "}]},
        {
            "messages": [
                *ASKED,
                assistant(said("The answer is")),
                user(said("Continue exactly where your last message stops.")),
            ]
        },
    ),
    Case(
        "streamed_thoughts_come_back_whole_and_those_of_others_stay_out",
        {
            "messages": [
                *QUESTION,
                {
                    "role": "assistant",
                    "content": "Hi",
                    "reasoning_details": [
                        {"type": "reasoning.text", "text": "A ", "format": "anthropic-claude-v1", "index": 0},
                        {"type": "reasoning.text", "text": "plan", "format": "anthropic-claude-v1", "index": 0},
                        {"type": "reasoning.text", "signature": "c2ln", "format": "anthropic-claude-v1", "index": 0},
                        {"type": "reasoning.encrypted", "data": "ZGF0YQ", "format": "anthropic-claude-v1", "index": 1},
                        {"type": "reasoning.text", "text": "unsigned", "format": "anthropic-claude-v1", "index": 2},
                        {"type": "reasoning.encrypted", "data": "eA", "format": "google-gemini-v1", "index": 0},
                    ],
                },
                {"role": "user", "content": "More"},
            ]
        },
        {
            "messages": [
                *ASKED,
                assistant(
                    {"type": "thinking", "thinking": "A plan", "signature": "c2ln"},
                    {"type": "redacted_thinking", "data": "ZGF0YQ"},
                    said("Hi"),
                ),
                user(said("More")),
            ]
        },
    ),
]

PARAMETERS = [
    Case(
        "sampling_is_clipped_and_empty_stops_are_dropped",
        {"temperature": 1.7, "top_k": 40, "stop": ["END", "\n", ""], "user": "u-1", "seed": 7, "logprobs": True},
        {
            "temperature": 1.0,
            "top_k": 40,
            "stop_sequences": ["END"],
            "metadata": {"user_id": "u-1"},
            "messages": ASKED,
        },
    ),
    Case("a_temperature_of_zero_is_sent", {"temperature": 0, "top_p": 0.5}, {"temperature": 0.0, "messages": ASKED}),
    Case("top_p_alone_is_sent", {"top_p": 0.5}, {"top_p": 0.5, "messages": ASKED}),
    Case(
        "models_that_refuse_sampling_get_none",
        {"temperature": 0.2, "top_p": 0.5, "top_k": 40, "max_completion_tokens": 50},
        {"max_tokens": 50, "messages": ASKED},
        "claude-opus-4-7",
    ),
    Case("models_that_always_think_get_room_for_it", {}, {"max_tokens": 32768, "messages": ASKED}, NEW),
    Case(
        "a_cache_marker_for_the_whole_request_is_passed_on",
        {"cache_control": {"type": "ephemeral"}},
        {"cache_control": {"type": "ephemeral"}, "messages": ASKED},
    ),
]

TOOLS = [
    Case(
        "a_strict_function_is_closed_and_limits_become_words",
        {
            "tools": [
                {
                    "type": "function",
                    "function": {"name": "plot", "parameters": POINT, "strict": True},
                    "cache_control": {"type": "ephemeral"},
                }
            ]
        },
        {
            "tools": [
                {
                    "name": "plot",
                    "input_schema": {
                        "type": "object",
                        "properties": {
                            "x": {"type": "integer", "description": "{minimum: 0}"},
                            "tags": {"type": "array", "items": {"type": "string"}},
                        },
                        "required": ["x"],
                        "additionalProperties": False,
                    },
                    "strict": True,
                    "cache_control": {"type": "ephemeral"},
                }
            ],
            "messages": ASKED,
        },
    ),
    Case(
        "a_tool_of_its_own_is_passed_on",
        {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
        {"tools": [{"type": "web_search_20250305", "name": "web_search"}], "messages": ASKED},
    ),
    Case("a_choice_without_tools_is_dropped", {"tool_choice": "auto"}, {"messages": ASKED}),
    *(
        Case(
            f"tool_choice_{name}",
            {"tools": [WEATHER], **given},
            {"tools": [WEATHER_TOOL], "tool_choice": sent, "messages": ASKED},
        )
        for name, given, sent in [
            ("auto", {"tool_choice": "auto"}, {"type": "auto"}),
            ("none", {"tool_choice": "none", "parallel_tool_calls": False}, {"type": "none"}),
            ("required", {"tool_choice": "required"}, {"type": "any"}),
            (
                "named",
                {"tool_choice": {"type": "function", "function": {"name": "weather"}}},
                {"type": "tool", "name": "weather"},
            ),
            ("one_at_a_time", {"parallel_tool_calls": False}, {"type": "auto", "disable_parallel_tool_use": True}),
            (
                "one_at_a_time_required",
                {"parallel_tool_calls": False, "tool_choice": "required"},
                {"type": "any", "disable_parallel_tool_use": True},
            ),
        ]
    ),
]

SCHEMA = {"type": "json_schema", "json_schema": {"name": "point", "schema": POINT}}
JSON_ONLY = "Answer with one JSON object and nothing else: no prose, no code fence."
OUTPUT = [
    Case(
        "a_schema_is_enforced_as_far_as_the_vendor_does",
        {"response_format": SCHEMA},
        {
            "output_config": {
                "format": {
                    "type": "json_schema",
                    "schema": {
                        "type": "object",
                        "properties": {
                            "x": {"type": "integer", "description": "{minimum: 0}"},
                            "tags": {"type": "array", "items": {"type": "string"}},
                        },
                        "required": ["x"],
                        "additionalProperties": False,
                    },
                }
            },
            "messages": ASKED,
        },
    ),
    Case(
        "any_object_is_asked_for_in_words",
        {"response_format": {"type": "json_object"}},
        {"system": JSON_ONLY, "messages": ASKED},
    ),
    Case(
        "a_schema_is_asked_for_in_words_where_none_is_enforced",
        {"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "object"}}}},
        {
            "system": f'{JSON_ONLY} It must be valid against this JSON Schema:\n{{"type":"object"}}',
            "messages": ASKED,
        },
        "MiniMax-M3",
    ),
    Case("plain_text_needs_no_words", {"response_format": {"type": "text"}}, {"messages": ASKED}),
]

ADAPTIVE = {"type": "adaptive", "display": "summarized"}
THINKING = [
    Case(
        "effort_on_a_model_that_adapts",
        {"reasoning_effort": "high", "temperature": 0.3},
        {"max_tokens": 32768, "thinking": ADAPTIVE, "output_config": {"effort": "high"}, "messages": ASKED},
    ),
    Case(
        "effort_and_schema_share_a_place",
        {"reasoning_effort": "minimal", "response_format": SCHEMA, "max_tokens": 99},
        {
            "max_tokens": 99,
            "thinking": ADAPTIVE,
            "output_config": {"effort": "low", "format": OUTPUT[0].sent["output_config"]["format"]},
            "messages": ASKED,
        },
        NEW,
    ),
    Case(
        "thoughts_can_be_had_without_being_shown",
        {"reasoning": {"enabled": True, "exclude": True}, "max_tokens": 99},
        {
            "max_tokens": 99,
            "thinking": {"type": "adaptive", "display": "omitted"},
            "output_config": {"effort": "medium"},
            "messages": ASKED,
        },
    ),
    Case(
        "a_budget_leaves_the_effort_to_a_model_that_adapts",
        {"reasoning": {"max_tokens": 4000}, "max_tokens": 9000},
        {"max_tokens": 9000, "thinking": ADAPTIVE, "messages": ASKED},
        NEW,
    ),
    Case(
        "xhigh_is_high_before_4_7",
        {"reasoning_effort": "xhigh", "max_tokens": 9000},
        {"max_tokens": 9000, "thinking": ADAPTIVE, "output_config": {"effort": "high"}, "messages": ASKED},
    ),
    *(
        Case(
            f"no_thinking_on_{model}", {"reasoning_effort": "none", "max_tokens": 9}, {**sent, "messages": ASKED}, model
        )
        for model, sent in [
            ("claude-sonnet-4-5", {"max_tokens": 9}),
            ("claude-opus-4-8", {"max_tokens": 9}),
            ("claude-opus-5", {"max_tokens": 9, "thinking": {"type": "disabled"}}),
            ("claude-haiku-5-5", {"max_tokens": 9, "thinking": {"type": "disabled"}}),
            ("claude-sonnet-5-5", {"max_tokens": 9, "thinking": {"type": "between_tools"}}),
            ("claude-opus-5-5", {"max_tokens": 9, "output_config": {"effort": "low"}}),
            ("claude-mythos-preview", {"max_tokens": 9, "output_config": {"effort": "low"}}),
        ]
    ),
    Case(
        "effort_is_a_share_of_the_output_on_older_models",
        {"reasoning_effort": "medium", "max_tokens": 10000, "temperature": 0.3},
        {"max_tokens": 10000, "thinking": {"type": "enabled", "budget_tokens": 5000}, "messages": ASKED},
        OLD,
    ),
    Case(
        "a_budget_goes_on_top_of_the_default_output",
        {"reasoning": {"max_tokens": 4000}},
        {"max_tokens": 12192, "thinking": {"type": "enabled", "budget_tokens": 4000}, "messages": ASKED},
        OLD,
    ),
    Case(
        "a_budget_leaves_room_for_the_answer",
        {"reasoning": {"max_tokens": 40000}, "max_tokens": 10000},
        {"max_tokens": 10000, "thinking": {"type": "enabled", "budget_tokens": 9500}, "messages": ASKED},
        OLD,
    ),
    Case(
        "an_output_too_short_for_the_least_budget_goes_without_thinking",
        {"reasoning_effort": "high", "max_tokens": 1024},
        {"max_tokens": 1024, "messages": ASKED},
        OLD,
    ),
    Case(
        "a_forced_call_outweighs_a_thinking_budget",
        {"reasoning_effort": "high", "tools": [WEATHER], "tool_choice": "required"},
        {"tools": [WEATHER_TOOL], "tool_choice": {"type": "any"}, "messages": ASKED},
        OLD,
    ),
    Case(
        "a_prefill_outweighs_a_thinking_budget",
        {"reasoning_effort": "high", "messages": [*QUESTION, {"role": "assistant", "content": "{"}]},
        {"messages": [*ASKED, assistant(said("{"))]},
        OLD,
    ),
    Case(
        "calls_whose_thoughts_are_lost_are_answered_without_a_thinking_budget",
        {
            "reasoning_effort": "high",
            "tools": [WEATHER],
            "messages": [
                *QUESTION,
                {"role": "assistant", "tool_calls": [CALL]},
                {"role": "tool", "tool_call_id": "toolu_1", "content": "18 C"},
            ],
        },
        {
            "tools": [WEATHER_TOOL],
            "messages": [
                *ASKED,
                assistant(USE),
                user({"type": "tool_result", "tool_use_id": "toolu_1", "content": [said("18 C")]}),
            ],
        },
        OLD,
    ),
]

CASES = [*MESSAGES, *PARAMETERS, *TOOLS, *OUTPUT, *THINKING]


def sent(model: str, streaming: bool = True, **fields: Any) -> dict[str, Any]:
    request = ChatRequest.build("ours", fields.pop("messages", QUESTION), **fields)
    return json.loads(AnthropicFormat().to_wire(request, model, streaming=streaming, key="k").body)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_request_is_sent_as_the_vendor_takes_it(case: Case) -> None:
    expected = {"model": case.model, "stream": True, "max_tokens": 8192, **case.sent}

    assert sent(case.model, **case.given) == expected


def test_the_key_goes_into_a_header_of_its_own() -> None:
    wire = AnthropicFormat().to_wire(ChatRequest.build("ours", QUESTION), PLAIN, streaming=False, key="sk-ant")

    assert wire.path == "/messages"
    assert wire.headers == ((b"x-api-key", b"sk-ant"), (b"anthropic-version", b"2023-06-01"))
    assert json.loads(wire.body)["stream"] is False


def test_a_server_without_a_key_still_gets_the_version() -> None:
    wire = AnthropicFormat().to_wire(ChatRequest.build("ours", QUESTION), PLAIN, streaming=False, key=None)

    assert wire.headers == ((b"anthropic-version", b"2023-06-01"),)


@pytest.mark.parametrize(
    ("fields", "param", "says"),
    [
        ({"n": 2}, "n", "Anthropic gives one answer"),
        ({"messages": [{"role": "user", "content": ""}]}, "messages", "says nothing"),
        ({"top_k": "many"}, "top_k", "Expected `int"),
        ({"reasoning_effort": "huge"}, "reasoning_effort", "must be one of 'none', 'minimal'"),
        ({"reasoning": {"effort": "huge"}}, "reasoning", "Invalid 'reasoning'"),
        ({"reasoning": {"max_tokens": 0}}, "reasoning", "Invalid 'reasoning'"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0]", "required field `name`"),
        ({"tools": [WEATHER], "tool_choice": "some"}, "tool_choice", "must be 'auto'"),
        ({"response_format": {"type": "xml"}}, "response_format.type", "'xml'"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema", "needs a 'schema'"),
    ],
)
def test_what_cannot_be_sent_is_refused_by_name(fields: dict[str, Any], param: str, says: str) -> None:
    with pytest.raises(InvalidRequest, match=says) as refused:
        sent(PLAIN, **fields)

    assert refused.value.param == param


@pytest.mark.parametrize(
    ("part", "says"),
    [
        ({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}, "Anthropic takes no audio"),
        ({"type": "video_url", "video_url": {"url": "https://example.org/a.mp4"}}, "Anthropic takes no video"),
        ({"type": "hologram"}, "'hologram' can't be sent to Anthropic"),
        ({"type": "image_url", "image_url": {"url": "a.png"}}, "neither an http"),
        ({"type": "image_url", "image_url": {"url": "data:image/png"}}, "needs a comma"),
        ({"type": "file", "file": {"file_id": "file-1"}}, "send its contents"),
        ({"type": "file", "file": {"file_data": "data:application/zip;base64,AAAA"}}, "takes PDF"),
        ({"type": "file", "file": {"file_data": "https://example.org/a.txt"}}, "fetches only PDFs"),
        ({"type": "file", "file": {"filename": "a.txt", "file_data": "data:text/plain;base64,/w=="}}, "isn't UTF-8"),
    ],
)
def test_a_part_that_cannot_be_sent_is_refused_where_it_is(part: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidRequest, match=says) as refused:
        sent(PLAIN, messages=[*QUESTION, {"role": "user", "content": [said("See"), part]}])

    assert refused.value.param == "messages[1].content[1]"


def test_a_part_of_the_wrong_shape_is_refused_where_it_is() -> None:
    with pytest.raises(InvalidRequest, match="got `int`") as refused:
        sent(PLAIN, messages=[{"role": "user", "content": [{"type": "image_url", "image_url": 5}]}])

    assert refused.value.param == "messages[0].content[0].image_url"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"type":"error","error":{"type":"x","message":"Too long"},"request_id":"r"}', "Too long"),
        (b'{"error": "down"}', None),
        (b"Bad gateway", None),
        (b"\xff", None),
    ],
)
def test_an_error_body_is_quoted_in_its_own_words(body: bytes, message: str | None) -> None:
    assert AnthropicFormat().error_message(body) == message
