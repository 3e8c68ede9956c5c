"""Requests as Amazon Bedrock's Converse takes them."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest

from tritium.chat import ChatRequest
from tritium.errors import InvalidRequest, UpstreamUnavailable
from tritium.providers.aws_signature import Credentials
from tritium.providers.bedrock import BedrockFormat

URL = "https://bedrock-runtime.eu-central-1.amazonaws.com"
SONNET = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
HAIKU = "anthropic.claude-3-haiku-20240307-v1:0"
NEWEST = "global.anthropic.claude-opus-5-5"
NOVA, NOVA_2 = "amazon.nova-pro-v1:0", "us.amazon.nova-2-lite-v1:0"
LLAMA, MISTRAL = "us.meta.llama4-maverick-17b-instruct-v1:0", "mistral.mistral-large-3"
QUESTION = [{"role": "user", "content": "Hello"}]
ASKED = [{"role": "user", "content": [{"text": "Hello"}]}]
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"type": "function", "function": {"name": "weather", "description": "Sky.", "parameters": PARAMETERS}}
SPEC = {"toolSpec": {"name": "weather", "description": "Sky.", "inputSchema": {"json": PARAMETERS}}}
CALL = {"id": "call_0", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Paris"}'}}
USE = {"toolUse": {"toolUseId": "call_0", "name": "weather", "input": {"city": "Paris"}}}
POINT = {"cachePoint": {"type": "default"}}
MARK = {"cache_control": {"type": "ephemeral"}}
PNG = "data:image/png;base64,iVBORw0KGgo="
PDF = "data:application/pdf;base64,JVBERi0="


class Case(NamedTuple):
    """An OpenAI request and what is sent for it, beside the question as it is."""

    name: str
    given: dict[str, Any]
    sent: dict[str, Any]
    model: str = SONNET


def said(*content: dict[str, Any], role: str = "user") -> dict[str, Any]:
    return {"role": role, "content": list(content)}


def loop(content: Any, **more: Any) -> dict[str, Any]:
    """A chat in the middle of a loop of tools."""
    return {
        "tools": [WEATHER],
        "messages": [
            {"role": "user", "content": "Weather?"},
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "call_0", "content": content, **more},
        ],
    }


def looped(*result: dict[str, Any], after: tuple[dict[str, Any], ...] = (), **more: Any) -> dict[str, Any]:
    answer = {"toolResult": {"toolUseId": "call_0", "content": list(result), **more}}
    return {
        "messages": [said({"text": "Weather?"}), said(USE, role="assistant"), said(answer, *after)],
        "toolConfig": {"tools": [SPEC]},
    }


MESSAGES = [
    Case("a_question", {}, {}),
    Case(
        "system_and_developer_messages_stand_apart",
        {"messages": [{"role": "system", "content": "A"}, *QUESTION, {"role": "developer", "content": "B"}]},
        {"system": [{"text": "A"}, {"text": "B"}]},
    ),
    Case(
        "turns_of_one_role_become_one_and_a_greeting_is_introduced",
        {
            "messages": [
                {"role": "assistant", "content": "Hi"},
                {"role": "user", "content": "One"},
                {"role": "user", "content": [{"type": "text", "text": "Two"}]},
            ]
        },
        {
            "messages": [
                said({"text": "(start of the conversation)"}),
                said({"text": "Hi"}, role="assistant"),
                said({"text": "One"}, {"text": "Two"}),
            ]
        },
    ),
    Case(
        "images_films_and_recordings_are_bytes_with_their_format",
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "image_url", "image_url": {"url": PNG}},
                        {"type": "image_url", "image_url": {"url": "data:image/jpg;base64,/9j/"}},
                        {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,AAAA"}},
                        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
                        {"type": "file", "file": {"filename": "x.png", "file_data": PNG}},
                    ],
                }
            ]
        },
        {
            "messages": [
                said(
                    {"image": {"format": "png", "source": {"bytes": "iVBORw0KGgo="}}},
                    {"image": {"format": "jpeg", "source": {"bytes": "/9j/"}}},
                    {"video": {"format": "mp4", "source": {"bytes": "AAAA"}}},
                    {"audio": {"format": "wav", "source": {"bytes": "AAAA"}}},
                    {"image": {"format": "png", "source": {"bytes": "iVBORw0KGgo="}}},
                )
            ]
        },
        NOVA,
    ),
    Case(
        "documents_are_named_apart_in_letters_that_are_allowed_and_have_a_text_beside_them",
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "file", "file": {"filename": "My  report_v1.pdf", "file_data": PDF}},
                        {"type": "file", "file": {"filename": "My report v1?pdf", "file_data": PDF}},
                        {"type": "file", "file": {"file_data": "data:text/csv;base64,YSxi"}},
                    ],
                }
            ]
        },
        {
            "messages": [
                said(
                    {"document": {"format": "pdf", "name": "My report v1 pdf", "source": {"bytes": "JVBERi0="}}},
                    {"document": {"format": "pdf", "name": "My report v1 pdf (2)", "source": {"bytes": "JVBERi0="}}},
                    {"document": {"format": "csv", "name": "document", "source": {"bytes": "YSxi"}}},
                    {"text": "(see the document)"},
                )
            ]
        },
    ),
    Case(
        "a_picture_of_the_assistants_is_stood_in_for",
        {
            "messages": [
                *QUESTION,
                {"role": "assistant", "content": [{"type": "image_url", "image_url": {"url": PNG}}]},
                *QUESTION,
            ]
        },
        {"messages": [*ASKED, said({"text": "(nothing)"}, role="assistant"), *ASKED]},
    ),
    Case(
        "an_unfinished_message_is_continued_by_an_older_claude",
        {"messages": [*QUESTION, {"role": "assistant", "content": "Once "}]},
        {"messages": [*ASKED, said({"text": "Once"}, role="assistant")]},
    ),
    *(
        Case(
            f"an_unfinished_message_is_asked_to_be_continued_of_{model}",
            {"messages": [*QUESTION, {"role": "assistant", "content": "Once"}]},
            {
                "messages": [
                    *ASKED,
                    said({"text": "Once"}, role="assistant"),
                    said({"text": "Continue exactly where your last message stops."}),
                ]
            },
            model,
        )
        for model in (NEWEST, NOVA, LLAMA)
    ),
]

CACHE = [
    Case(
        "marks_become_points_behind_what_they_mark",
        {
            "messages": [
                {"role": "system", "content": [{"type": "text", "text": "A", **MARK}]},
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "B", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
                        {"type": "text", "text": "C"},
                    ],
                },
            ],
            "tools": [{**WEATHER, **MARK}],
        },
        {
            "system": [{"text": "A"}, POINT],
            "messages": [said({"text": "B"}, {"cachePoint": {"type": "default", "ttl": "1h"}}, {"text": "C"})],
            "toolConfig": {"tools": [SPEC, POINT]},
        },
    ),
    Case(
        "a_mark_inside_a_result_is_a_point_behind_it",
        loop([{"type": "text", "text": "18 C", **MARK}]),
        looped({"text": "18 C"}, after=(POINT,)),
    ),
    Case(
        "a_mark_on_the_request_is_a_point_at_its_end",
        MARK,
        {"messages": [said({"text": "Hello"}, POINT)]},
    ),
    Case(
        "a_model_that_has_no_cache_gets_no_points",
        {
            "messages": [
                {"role": "system", "content": [{"type": "text", "text": "A", **MARK}]},
                {"role": "user", "content": [{"type": "text", "text": "Hello", **MARK}]},
            ],
            "tools": [{**WEATHER, **MARK}],
            **MARK,
        },
        {"system": [{"text": "A"}], "toolConfig": {"tools": [SPEC]}},
        LLAMA,
    ),
    Case(
        "nova_caches_no_tools",
        {
            "messages": [{"role": "user", "content": [{"type": "text", "text": "Hello", **MARK}]}],
            "tools": [{**WEATHER, **MARK}],
        },
        {"messages": [said({"text": "Hello"}, POINT)], "toolConfig": {"tools": [SPEC]}},
        NOVA,
    ),
]

TOOLS = [
    Case("a_result_is_a_block_of_the_users", loop("18 C"), looped({"text": "18 C"})),
    Case("a_result_may_be_empty", loop(""), looped({"text": "(nothing)"})),
    Case("a_failure_is_told", loop("no", is_error=True), looped({"text": "no"}, status="error")),
    Case(
        "a_failure_is_not_told_to_those_who_don't_know_the_word",
        loop("no", is_error=True),
        looped({"text": "no"}),
        LLAMA,
    ),
    Case(
        "a_result_may_hold_pictures",
        loop([{"type": "text", "text": "map"}, {"type": "image_url", "image_url": {"url": PNG}}]),
        looped({"text": "map"}, {"image": {"format": "png", "source": {"bytes": "iVBORw0KGgo="}}}),
    ),
    Case(
        "results_come_before_what_was_said_with_them",
        {
            "tools": [WEATHER],
            "messages": [
                {"role": "user", "content": "Weather?"},
                {"role": "assistant", "content": None, "tool_calls": [CALL]},
                {"role": "user", "content": "Well?"},
                {"role": "tool", "tool_call_id": "call_0", "content": "18 C"},
            ],
        },
        looped({"text": "18 C"}, after=({"text": "Well?"},)),
    ),
    Case(
        "tools_called_earlier_are_declared_though_they_are_offered_no_more",
        {**loop("18 C"), "tools": None},
        {
            **looped({"text": "18 C"}),
            "toolConfig": {"tools": [{"toolSpec": {"name": "weather", "inputSchema": {"json": {"type": "object"}}}}]},
        },
    ),
    Case("no_choice", {"tools": [WEATHER]}, {"toolConfig": {"tools": [SPEC]}}),
    Case("none_is_nothing_on_offer", {"tools": [WEATHER], "tool_choice": "none"}, {}),
    *(
        Case(
            f"{choice}_{model}",
            {"tools": [WEATHER], "tool_choice": choice},
            {"toolConfig": {"tools": [SPEC], **({"toolChoice": told} if told else {})}},
            model,
        )
        for choice, model, told in (
            ("auto", LLAMA, {"auto": {}}),
            ("required", SONNET, {"any": {}}),
            ("required", MISTRAL, {"any": {}}),
            ("required", LLAMA, None),
        )
    ),
    *(
        Case(
            f"a_named_function_{model}",
            {"tools": [WEATHER], "tool_choice": {"type": "function", "function": {"name": "weather"}}},
            {"toolConfig": {"tools": [SPEC], **({"toolChoice": told} if told else {})}},
            model,
        )
        for model, told in (
            (SONNET, {"tool": {"name": "weather"}}),
            (NOVA, {"tool": {"name": "weather"}}),
            (MISTRAL, {"any": {}}),
            (LLAMA, None),
        )
    ),
    Case(
        "strict_schemas_are_closed",
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": PARAMETERS, "strict": True}}]},
        {
            "toolConfig": {
                "tools": [
                    {
                        "toolSpec": {
                            "name": "f",
                            "strict": True,
                            "inputSchema": {"json": {**PARAMETERS, "additionalProperties": False}},
                        }
                    }
                ]
            }
        },
    ),
    Case(
        "converses_own_tools_stay",
        {"tools": [{"systemTool": {"name": "nova_grounding"}}]},
        {"toolConfig": {"tools": [{"systemTool": {"name": "nova_grounding"}}]}},
        NOVA,
    ),
    Case(
        "ids_of_other_vendors_are_made_fit_at_both_ends",
        {
            "tools": [WEATHER],
            "messages": [
                {"role": "user", "content": "Weather?"},
                {"role": "assistant", "content": None, "tool_calls": [{**CALL, "id": "call|0/" + "x" * 70}]},
                {"role": "tool", "tool_call_id": "call|0/" + "x" * 70, "content": "18 C"},
            ],
        },
        {
            "messages": [
                said({"text": "Weather?"}),
                said(
                    {"toolUse": {"toolUseId": "x" * 64, "name": "weather", "input": {"city": "Paris"}}},
                    role="assistant",
                ),
                said({"toolResult": {"toolUseId": "x" * 64, "content": [{"text": "18 C"}]}}),
            ],
            "toolConfig": {"tools": [SPEC]},
        },
    ),
]

OUTPUT = [
    Case(
        "sampling_and_length",
        {"temperature": 1.5, "top_p": 0.5, "max_tokens": 9, "stop": ["a", " "], "seed": 1, "n": 1},
        {"inferenceConfig": {"temperature": 1.0, "topP": 0.5, "maxTokens": 9, "stopSequences": ["a"]}},
        LLAMA,
    ),
    Case(
        "one_sampler_is_enough_for_a_newer_claude",
        {"temperature": 0.2, "top_p": 0.5, "top_k": 3},
        {"inferenceConfig": {"temperature": 0.2}, "additionalModelRequestFields": {"top_k": 3}},
    ),
    Case("the_newest_claude_takes_no_sampling", {"temperature": 0.2, "top_p": 0.5, "top_k": 3}, {}, NEWEST),
    Case("novas_top_k", {"top_k": 3}, {"additionalModelRequestFields": {"inferenceConfig": {"topK": 3}}}, NOVA),
    Case("nobody_elses_top_k", {"top_k": 3}, {}, LLAMA),
    Case(
        "an_effort_is_a_budget_of_an_older_claude_and_sampling_goes",
        {"reasoning_effort": "medium", "temperature": 0.2},
        {
            "inferenceConfig": {"maxTokens": 12_288 + 8192},
            "additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 12_288}},
        },
    ),
    Case(
        "an_effort_is_an_effort_of_a_newer_one",
        {"reasoning_effort": "medium"},
        {
            "outputConfig": {"effort": "medium"},
            "additionalModelRequestFields": {"thinking": {"type": "adaptive", "display": "summarized"}},
        },
        NEWEST,
    ),
    *(
        Case(
            f"an_effort_of_{effort}_for_nova_2_with_{given}",
            {"reasoning_effort": effort, **given},
            {
                **({"inferenceConfig": {"maxTokens": 9}} if given else {}),
                "additionalModelRequestFields": {
                    "reasoningConfig": {"type": "enabled", "maxReasoningEffort": told} if told else {"type": "disabled"}
                },
            },
            NOVA_2,
        )
        for effort, given, told in (
            ("minimal", {}, "low"),
            ("high", {}, "high"),
            ("high", {"max_tokens": 9}, "medium"),
            ("none", {}, None),
        )
    ),
    Case("no_thoughts_of_those_who_can't_be_told", {"reasoning_effort": "high"}, {}, LLAMA),
    Case(
        "a_schema_is_enforced",
        {"response_format": {"type": "json_schema", "json_schema": {"schema": PARAMETERS}}},
        {
            "outputConfig": {
                "textFormat": {
                    "type": "json_schema",
                    "structure": {
                        "jsonSchema": {
                            "schema": json.dumps({**PARAMETERS, "additionalProperties": False}, separators=(",", ":")),
                            "name": "answer",
                        }
                    },
                }
            }
        },
    ),
    Case(
        "any_object_is_wished_for_in_words",
        {"response_format": {"type": "json_object"}},
        {"system": [{"text": "Answer with one JSON object and nothing else: no prose, no code fence."}]},
        LLAMA,
    ),
    Case(
        "converses_own_fields_and_the_models_pass",
        {
            "additionalModelRequestFields": {"top_k": 9, "x": 1},
            "guardrailConfig": {"guardrailIdentifier": "g", "guardrailVersion": "1"},
            "performanceConfig": {"latency": "optimized"},
            "requestMetadata": {"team": "a"},
            "top_k": 3,
        },
        {
            "additionalModelRequestFields": {"top_k": 9, "x": 1},
            "guardrailConfig": {"guardrailIdentifier": "g", "guardrailVersion": "1"},
            "performanceConfig": {"latency": "optimized"},
            "requestMetadata": {"team": "a"},
        },
    ),
    Case(
        "betas_that_change_the_answer_go_on",
        {"anthropic_beta": ["claude-code-20250219", "context-1m-2025-08-07"]},
        {"additionalModelRequestFields": {"anthropic_beta": ["context-1m-2025-08-07"]}},
    ),
    Case("betas_are_claudes_only", {"anthropic_beta": ["context-1m-2025-08-07"]}, {}, NOVA),
    Case("openrouters_fields_are_left_out", {"provider": {"sort": "price"}, "models": ["a"], "user": "u"}, {}),
]

CASES = [*MESSAGES, *CACHE, *TOOLS, *OUTPUT]


def sent(model: str, **fields: Any) -> dict[str, Any]:
    request = ChatRequest.build("ours", fields.pop("messages", QUESTION), **fields)
    return json.loads(BedrockFormat(base_url=URL).to_wire(request, model, streaming=True, key="k").body)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_request_is_sent_as_converse_takes_it(case: Case) -> None:
    assert sent(case.model, **case.given) == {"messages": ASKED, **case.sent}


def test_thoughts_of_claude_go_back_to_it_and_to_nobody_else() -> None:
    details = [
        {"type": "reasoning.text", "text": "Hm", "signature": "c2ln", "format": "anthropic-claude-v1", "index": 0},
        {"type": "reasoning.encrypted", "data": "eA==", "format": "anthropic-claude-v1", "index": 1},
        {"type": "reasoning.encrypted", "data": "eQ==", "format": "openai-responses-v1", "index": 2},
    ]
    messages = [
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": None, "tool_calls": [CALL], "reasoning_details": details},
        {"role": "tool", "tool_call_id": "call_0", "content": "18 C"},
    ]

    ours, theirs = (sent(model, messages=messages)["messages"][1]["content"] for model in (SONNET, NOVA))

    assert ours == [
        {"reasoningContent": {"reasoningText": {"text": "Hm", "signature": "c2ln"}}},
        {"reasoningContent": {"redactedContent": "eA=="}},
        USE,
    ]
    assert theirs == [USE]


@pytest.mark.parametrize(
    ("fields", "param", "says"),
    [
        ({"n": 3}, "n", "Bedrock gives one answer"),
        ({"tools": [{"type": "web_search_20250305"}]}, "tools", "'web_search_20250305'"),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://h/a.png"}}]}
                ]
            },
            "messages[0].content",
            "Bedrock fetches nothing: send the image as a data URL",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_data": "data:a/b;base64,"}}]}]},
            "messages[0].content",
            "takes application/msword, .* not 'a/b'",
        ),
    ],
)
def test_what_cannot_be_sent_is_refused_by_name(fields: dict[str, Any], param: str, says: str) -> None:
    with pytest.raises(InvalidRequest, match=says) as refused:
        sent(SONNET, **fields)

    assert (refused.value.param or "").startswith(param)


# ---------------------------------------------------------------- address and authorisation


@pytest.mark.parametrize(
    ("model", "streaming", "path"),
    [
        (SONNET, False, "/model/eu.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse"),
        (NOVA, True, "/model/amazon.nova-pro-v1%3A0/converse-stream"),
        (
            "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2",
            True,
            "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aapplication-inference-profile%2Fa1b2/converse-stream",
        ),
        ("a/../b?c#d", False, "/model/a%2F..%2Fb%3Fc%23d/converse"),
    ],
)
def test_the_model_is_one_part_of_the_path(model: str, streaming: bool, path: str) -> None:
    wire = BedrockFormat(base_url=URL).to_wire(ChatRequest.build("m", QUESTION), model, streaming=streaming, key=None)

    assert wire.path == path


def test_an_api_key_is_a_bearer_token() -> None:
    wire = BedrockFormat(base_url=URL).to_wire(ChatRequest.build("m", QUESTION), NOVA, streaming=False, key="ABSK-x")

    assert wire.headers == ((b"authorization", b"Bearer ABSK-x"),)


@pytest.mark.parametrize(
    ("base_url", "region", "expected"),
    [
        (URL, "us-east-1", "eu-central-1"),
        ("https://bedrock-runtime-fips.us-gov-west-1.amazonaws.com", None, "us-gov-west-1"),
        ("https://vpce-1.bedrock-runtime.us-east-2.vpce.amazonaws.com", None, "us-east-2"),
        ("http://127.0.0.1:8080/proxy", "us-west-2", "us-west-2"),
    ],
)
def test_an_access_key_signs_for_the_region_of_the_address(base_url: str, region: str | None, expected: str) -> None:
    signing = BedrockFormat(base_url=base_url, region=region, credentials=Credentials("AKIA", "secret", "token"))

    wire = signing.to_wire(ChatRequest.build("m", QUESTION), NOVA, streaming=False, key="AKIA")

    headers = dict(wire.headers)
    assert f"/{expected}/bedrock/aws4_request".encode() in headers[b"authorization"]
    assert headers[b"x-amz-security-token"] == b"token"
    assert all(b"secret" not in value for value in headers.values())


@pytest.mark.parametrize(
    "lacking",
    [BedrockFormat(base_url=URL, signs=True), BedrockFormat(base_url="http://h", credentials=Credentials("A", "s"))],
)
def test_an_access_key_without_its_secret_or_a_region_says_what_to_set(lacking: BedrockFormat) -> None:
    with pytest.raises(UpstreamUnavailable, match="set AWS_SECRET_ACCESS_KEY and AWS_REGION"):
        lacking.to_wire(ChatRequest.build("m", QUESTION), NOVA, streaming=False, key="A")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"message":"The model is overloaded"}', "The model is overloaded"),
        (b'{"Message":"User is not authorized"}', "User is not authorized"),
        (b"<html>", None),
        (b"\xff", None),
    ],
)
def test_an_error_body_is_quoted_in_its_own_words(body: bytes, message: str | None) -> None:
    assert BedrockFormat(base_url=URL).error_message(body) == message
