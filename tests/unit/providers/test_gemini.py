"""Requests as the Gemini API takes them."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any, NamedTuple

import pytest

from tritium.chat import ChatRequest
from tritium.errors import InvalidRequest
from tritium.providers.gemini import GeminiFormat

FLASH, ARGON, OLD = "gemini-3.8-flash", "gemini-4-argon", "gemini-2.5-flash"
QUESTION = [{"role": "user", "content": "Hello"}]
ASKED = [{"role": "user", "parts": [{"text": "Hello"}]}]
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {
    "type": "function",
    "function": {"name": "weather", "description": "The weather.", "parameters": PARAMETERS, "strict": True},
}
WEATHER_TOOL = {
    "functionDeclarations": [{"name": "weather", "description": "The weather.", "parametersJsonSchema": PARAMETERS}]
}
CALL = {"id": "call_0", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Paris"}'}}
STAND_IN = b64encode(b"skip_thought_signature_validator").decode()


def user(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "parts": list(parts)}


def model(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"role": "model", "parts": list(parts)}


def call(call_id: str, city: str, signature: str | None = None) -> dict[str, Any]:
    part: dict[str, Any] = {"functionCall": {"id": call_id, "name": "weather", "args": {"city": city}}}
    return part if signature is None else {**part, "thoughtSignature": signature}


def result(call_id: str, output: Any, name: str = "weather") -> dict[str, Any]:
    return {"functionResponse": {"id": call_id, "name": name, "response": {"output": output}}}


class Case(NamedTuple):
    """An OpenAI request and what is sent for it."""

    name: str
    given: dict[str, Any]
    sent: dict[str, Any]
    model: str = FLASH


def asking(call_one: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A chat in the middle of a tool loop."""
    return {
        "tools": [WEATHER],
        "messages": [
            {"role": "user", "content": "Weather?"},
            {"role": "assistant", "content": "Looking.", "tool_calls": [call_one], **more},
            {"role": "tool", "tool_call_id": "call_0", "content": "18 C"},
        ],
    }


def asked(first: dict[str, Any], **text: str) -> dict[str, Any]:
    return {
        "tools": [WEATHER_TOOL],
        "contents": [
            user({"text": "Weather?"}),
            model({"text": "Looking.", **text}, first),
            user(result("call_0", "18 C")),
        ],
    }


MESSAGES = [
    Case("a_question", {}, {"contents": ASKED}),
    Case(
        "system_and_developer_messages_become_the_instruction",
        {
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Hello"},
                {"role": "developer", "content": "Speak French."},
            ]
        },
        {"systemInstruction": {"parts": [{"text": "Be brief."}, {"text": "Speak French."}]}, "contents": ASKED},
    ),
    Case(
        "consecutive_turns_of_one_role_become_one",
        {
            "messages": [
                {"role": "user", "content": "One"},
                {"role": "user", "content": [{"type": "text", "text": "Two", "cache_control": {"type": "ephemeral"}}]},
                {"role": "assistant", "content": "Three"},
                {"role": "user", "content": "Four"},
            ]
        },
        {
            "contents": [
                user({"text": "One"}, {"text": "Two"}),
                model({"text": "Three"}),
                user({"text": "Four"}),
            ]
        },
    ),
    Case(
        "media_go_inline_or_by_address",
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "image_url", "image_url": {"url": "data:image/webp;base64,UklGRg=="}},
                        {"type": "image_url", "image_url": {"url": "https://example.org/a.png?b=c.gif"}},
                        {"type": "image_url", "image_url": {"url": "https://example.org/picture"}},
                        {
                            "type": "file",
                            "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="},
                        },
                        {"type": "file", "file": {"filename": "b.txt", "file_data": "aGk="}},
                        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
                        {"type": "video_url", "video_url": {"url": "https://example.org/c.webm"}},
                    ],
                }
            ]
        },
        {
            "contents": [
                user(
                    {"inlineData": {"mimeType": "image/webp", "data": "UklGRg=="}},
                    {"fileData": {"mimeType": "image/png", "fileUri": "https://example.org/a.png?b=c.gif"}},
                    {"fileData": {"mimeType": "image/jpeg", "fileUri": "https://example.org/picture"}},
                    {"inlineData": {"mimeType": "application/pdf", "data": "JVBERi0="}},
                    {"inlineData": {"mimeType": "text/plain", "data": "aGk="}},
                    {"inlineData": {"mimeType": "audio/mp3", "data": "AAAA"}},
                    {"fileData": {"mimeType": "video/webm", "fileUri": "https://example.org/c.webm"}},
                )
            ]
        },
    ),
    Case(
        "the_results_of_parallel_calls_are_one_turn_in_order_and_named",
        {
            "tools": [WEATHER],
            "messages": [
                {"role": "user", "content": "Weather?"},
                {"role": "assistant", "tool_calls": [CALL, {**CALL, "id": "call_1"}]},
                {"role": "tool", "tool_call_id": "call_0", "content": '{"celsius": 18}'},
                {
                    "role": "tool",
                    "tool_call_id": "call_1",
                    "content": [
                        {"type": "text", "text": "a map"},
                        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
                    ],
                },
                {"role": "tool", "tool_call_id": "call_9", "content": "5"},
            ],
        },
        {
            "tools": [WEATHER_TOOL],
            "contents": [
                user({"text": "Weather?"}),
                model(call("call_0", "Paris", STAND_IN), call("call_1", "Paris")),
                user(
                    result("call_0", {"celsius": 18}),
                    result("call_1", "a map"),
                    {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}},
                    result("call_9", "5", "function"),
                ),
            ],
        },
    ),
    Case("a_lost_signature_is_stood_in_for", asking(CALL), asked(call("call_0", "Paris", STAND_IN))),
    Case("models_before_3_ask_for_no_signature", asking(CALL), asked(call("call_0", "Paris")), OLD),
    Case(
        "signatures_return_to_the_parts_they_came_with",
        asking(
            CALL,
            reasoning_details=[
                {"type": "reasoning.text", "text": "Hm", "format": "google-gemini-v1", "index": 0},
                {"type": "reasoning.encrypted", "data": "dGV4dA==", "format": "google-gemini-v1", "index": 0},
                {
                    "type": "reasoning.encrypted",
                    "data": "Y2FsbA==",
                    "format": "google-gemini-v1",
                    "id": "call_0",
                    "index": 1,
                },
                {"type": "reasoning.encrypted", "data": "eA", "format": "anthropic-claude-v1", "id": "call_0"},
            ],
        ),
        asked(call("call_0", "Paris", "Y2FsbA=="), thoughtSignature="dGV4dA=="),
    ),
    Case(
        "a_signature_where_googles_own_openai_dialect_keeps_it_is_found",
        asking({**CALL, "extra_content": {"google": {"thought_signature": "Z29vZ2xl"}}}),
        asked(call("call_0", "Paris", "Z29vZ2xl")),
    ),
]

TOOLS = [
    Case(
        "a_tool_of_its_own_is_passed_on",
        {"tools": [WEATHER, {"googleSearch": {}}]},
        {"tools": [WEATHER_TOOL, {"googleSearch": {}}], "contents": ASKED},
    ),
    Case("a_choice_without_tools_is_dropped", {"tool_choice": "none"}, {"contents": ASKED}),
    *(
        Case(
            f"tool_choice_{name}",
            {"tools": [WEATHER], "parallel_tool_calls": False, "tool_choice": choice},
            {"tools": [WEATHER_TOOL], "toolConfig": {"functionCallingConfig": sent}, "contents": ASKED},
        )
        for name, choice, sent in [
            ("auto", "auto", {"mode": "AUTO"}),
            ("none", "none", {"mode": "NONE"}),
            ("required", "required", {"mode": "ANY"}),
            (
                "named",
                {"type": "function", "function": {"name": "weather"}},
                {"mode": "ANY", "allowedFunctionNames": ["weather"]},
            ),
        ]
    ),
]


def config(name: str, given: dict[str, Any], sent: dict[str, Any], model: str = FLASH) -> Case:
    wanted = {"contents": ASKED}
    return Case(name, given, {**wanted, "generationConfig": sent} if sent else wanted, model)


def thinking(name: str, given: dict[str, Any], model: str, **sent: Any) -> Case:
    return config(name, given, {"thinkingConfig": {"includeThoughts": True, **sent}}, model)


OUTPUT = [
    config(
        "parameters_have_their_native_names",
        {
            "max_tokens": 100,
            "temperature": 1.5,
            "top_p": 0.9,
            "top_k": 40,
            "seed": 7,
            "stop": ["END", " ", "STOP"],
            "user": "u-1",
            "logprobs": True,
            "frequency_penalty": 1,
        },
        {
            "maxOutputTokens": 100,
            "temperature": 1.5,
            "topP": 0.9,
            "topK": 40,
            "seed": 7,
            "stopSequences": ["END", "STOP"],
        },
    ),
    config("zeros_are_sent", {"temperature": 0, "seed": 0}, {"temperature": 0.0, "seed": 0}),
    config("any_object", {"response_format": {"type": "json_object"}}, {"responseMimeType": "application/json"}),
    config(
        "a_schema",
        {"response_format": {"type": "json_schema", "json_schema": {"name": "p", "schema": PARAMETERS}}},
        {"responseMimeType": "application/json", "responseJsonSchema": PARAMETERS},
    ),
    thinking("effort_high", {"reasoning_effort": "high"}, FLASH, thinkingLevel="HIGH"),
    thinking("effort_medium", {"reasoning": {"enabled": True}}, ARGON, thinkingLevel="MEDIUM"),
    thinking("effort_max", {"reasoning": {"effort": "max"}}, ARGON, thinkingLevel="HIGH"),
    thinking("effort_low", {"reasoning_effort": "low"}, "gemini-3-flash-preview", thinkingLevel="LOW"),
    thinking("minimal_where_known", {"reasoning_effort": "minimal"}, "gemini-3.5-flash", thinkingLevel="MINIMAL"),
    thinking("minimal_where_not", {"reasoning_effort": "minimal"}, FLASH, thinkingLevel="LOW"),
    thinking("a_budget_is_a_level", {"reasoning": {"max_tokens": 5000}}, FLASH, thinkingLevel="MEDIUM"),
    thinking("a_large_budget_is_a_level", {"reasoning": {"max_tokens": 50_000}}, FLASH, thinkingLevel="HIGH"),
    thinking("unnumbered_is_new", {"reasoning_effort": "high"}, "gemini-flash-latest", thinkingLevel="HIGH"),
    thinking("effort_is_a_budget_in_2_5", {"reasoning_effort": "medium"}, OLD, thinkingBudget=8192),
    thinking("a_budget_in_2_5", {"reasoning": {"max_tokens": 5000}}, OLD, thinkingBudget=5000),
    thinking("a_budget_is_capped_in_2_5", {"reasoning": {"max_tokens": 50_000}}, OLD, thinkingBudget=24_576),
    config(
        "hidden_thoughts",
        {"reasoning": {"effort": "high", "exclude": True}},
        {"thinkingConfig": {"includeThoughts": False, "thinkingLevel": "HIGH"}},
    ),
    config(
        "off_is_the_lowest_level_from_3_on",
        {"reasoning_effort": "none"},
        {"thinkingConfig": {"includeThoughts": False, "thinkingLevel": "LOW"}},
    ),
    config(
        "off_in_2_5",
        {"reasoning": {"enabled": False}},
        {"thinkingConfig": {"includeThoughts": False, "thinkingBudget": 0}},
        OLD,
    ),
    config(
        "off_is_the_least_budget_in_2_5_pro",
        {"reasoning_effort": "none"},
        {"thinkingConfig": {"includeThoughts": False, "thinkingBudget": 128}},
        "gemini-2.5-pro",
    ),
    *(
        config(f"no_thinking_config_for_{name}", {"reasoning_effort": "high"}, {}, name)
        for name in ("gemini-2.0-flash", "gemma-4-31b-it", "gemini-2.5-flash-image")
    ),
]

CASES = [*MESSAGES, *TOOLS, *OUTPUT]


def sent(name: str, **fields: Any) -> dict[str, Any]:
    request = ChatRequest.build("ours", fields.pop("messages", QUESTION), **fields)
    return json.loads(GeminiFormat().to_wire(request, name, streaming=True, key="k").body)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_request_is_sent_as_the_vendor_takes_it(case: Case) -> None:
    assert sent(case.model, **case.given) == case.sent


@pytest.mark.parametrize(
    ("name", "streaming", "path"),
    [
        (FLASH, True, "/models/gemini-3.8-flash:streamGenerateContent?alt=sse"),
        ("models/gemini-3.8-flash", False, "/models/gemini-3.8-flash:generateContent"),
        ("a/b?key=c", False, "/models/a%2Fb%3Fkey%3Dc:generateContent"),
    ],
)
def test_the_model_and_the_kind_of_answer_are_in_the_path(name: str, streaming: bool, path: str) -> None:
    request = ChatRequest.build("ours", QUESTION)

    assert GeminiFormat().to_wire(request, name, streaming=streaming, key=None).path == path


def test_the_key_goes_into_a_header_and_nowhere_else() -> None:
    wire = GeminiFormat().to_wire(ChatRequest.build("ours", QUESTION), FLASH, streaming=True, key="AIza-secret")

    assert wire.headers == ((b"x-goog-api-key", b"AIza-secret"),)
    assert "secret" not in wire.path
    assert b"secret" not in wire.body


@pytest.mark.parametrize(
    ("fields", "param", "says"),
    [
        ({"n": 3}, "n", "Gemini gives one answer"),
        ({"tools": [{"type": "web_search_20250305"}]}, "tools", "'web_search_20250305'"),
        (
            {"messages": [{"role": "user", "content": [{"type": "hologram"}]}]},
            "messages[0].content[0]",
            "can't be sent to Gemini",
        ),
    ],
)
def test_what_cannot_be_sent_is_refused_by_name(fields: dict[str, Any], param: str, says: str) -> None:
    with pytest.raises(InvalidRequest, match=says) as refused:
        sent(FLASH, **fields)

    assert refused.value.param == param


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error": {"code": 400, "message": "Bad key", "status": "INVALID_ARGUMENT"}}', "Bad key"),
        (b'[{"error": {"code": 503, "message": "Busy", "status": "UNAVAILABLE"}}]', "Busy"),
        (b"[]", None),
        (b'{"error": "down"}', None),
        (b"\xff", None),
    ],
)
def test_an_error_body_is_quoted_in_its_own_words(body: bytes, message: str | None) -> None:
    assert GeminiFormat().error_message(body) == message
