"""Answers of Anthropic's Messages API as chunks."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tritium.chat import ChatRequest, Chunk, Completion, Usage
from tritium.errors import (
    UpstreamError,
    UpstreamOverloaded,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from tritium.providers.anthropic import AnthropicFormat


def event(kind: str, **fields: Any) -> tuple[str, dict[str, Any]]:
    return kind, {"type": kind, **fields}


def start(**usage: int) -> tuple[str, dict[str, Any]]:
    return event(
        "message_start",
        message={
            "id": "msg_01",
            "type": "message",
            "role": "assistant",
            "model": "claude-opus-5-5",
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage,
        },
    )


def delta(index: int, kind: str, **fields: Any) -> tuple[str, dict[str, Any]]:
    return event("content_block_delta", index=index, delta={"type": kind, **fields})


def opened(index: int, kind: str, **fields: Any) -> tuple[str, dict[str, Any]]:
    return event("content_block_start", index=index, content_block={"type": kind, **fields})


def closed(index: int) -> tuple[str, dict[str, Any]]:
    return event("content_block_stop", index=index)


def ending(reason: str | None, **usage: Any) -> tuple[str, dict[str, Any]]:
    return event("message_delta", delta={"stop_reason": reason, "stop_sequence": None}, usage=usage)


STOP = event("message_stop")
TEXT_STREAM = [
    start(input_tokens=25, output_tokens=1, cache_creation_input_tokens=100, cache_read_input_tokens=2000),
    opened(0, "text", text=""),
    event("ping"),
    delta(0, "text_delta", text="Hello"),
    delta(0, "text_delta", text="!"),
    closed(0),
    ending("end_turn", output_tokens=15),
    STOP,
]
TOOL_STREAM = [
    start(input_tokens=472, output_tokens=2),
    opened(0, "thinking", thinking="", signature=""),
    delta(0, "thinking_delta", thinking="I need "),
    delta(0, "thinking_delta", thinking="the weather."),
    delta(0, "signature_delta", signature="EqQBCgIYAhIM"),
    closed(0),
    opened(1, "text", text=""),
    delta(1, "text_delta", text="Okay."),
    closed(1),
    opened(2, "tool_use", id="toolu_01T1x1fJ34qAmk2tNTrN7Up6", name="weather", input={}),
    delta(2, "input_json_delta", partial_json=""),
    delta(2, "input_json_delta", partial_json='{"city":'),
    delta(2, "input_json_delta", partial_json=' "Paris"}'),
    closed(2),
    opened(3, "tool_use", id="toolu_02", name="now", input={}),
    delta(3, "input_json_delta", partial_json=""),
    closed(3),
    ending("tool_use", output_tokens=89, output_tokens_details={"thinking_tokens": 30}),
    STOP,
]
SERVER_TOOL_STREAM = [
    start(input_tokens=10, output_tokens=1),
    opened(0, "server_tool_use", id="srvtoolu_1", name="web_search", input={}),
    delta(0, "input_json_delta", partial_json='{"query":"x"}'),
    closed(0),
    opened(1, "web_search_tool_result", tool_use_id="srvtoolu_1", content=[]),
    closed(1),
    opened(2, "redacted_thinking", data="EmwKAhgB"),
    closed(2),
    opened(3, "text", text=""),
    delta(3, "text_delta", text="Found."),
    closed(3),
    ending("end_turn", input_tokens=3010, output_tokens=40, server_tool_use={"web_search_requests": 1}),
    STOP,
]
STREAMS = {"text": TEXT_STREAM, "tools": TOOL_STREAM, "server_tools": SERVER_TOOL_STREAM}


def read(stream: list[tuple[str, dict[str, Any]]]) -> list[Chunk]:
    reader = AnthropicFormat().reader("anthropic")
    chunks = [reader.event(json.dumps(data).encode(), name) for name, data in stream]
    assert reader.done
    return [chunk for chunk in chunks if chunk is not None]


def together(chunks: list[Chunk]) -> Completion:
    completion = Completion()
    for chunk in chunks:
        completion.add(chunk)
    return completion


def details(chunks: list[Chunk]) -> list[dict[str, Any]]:
    """The reasoning details as a caller gets them."""
    encoded = [msgspec.to_builtins(choice.delta) for chunk in chunks for choice in chunk.choices]
    return [detail for each in encoded for detail in each.get("reasoning_details", ())]


def test_text_arrives_piece_by_piece_with_usage_that_counts_the_cache() -> None:
    chunks = read(TEXT_STREAM)

    assert [chunk.text for chunk in chunks] == ["", "Hello", "!", ""]
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[0].usage == Usage(input=2125, output=1, cache_read=2000, cache_write=100)
    assert chunks[-1].usage == Usage(input=2125, output=15, cache_read=2000, cache_write=100)
    assert chunks[-1].finish_reason == "stop"
    assert chunks[-1].choices[0].native_finish_reason == "end_turn"
    assert all(chunk.raw is None for chunk in chunks)


def test_thoughts_and_tool_calls_arrive_in_their_own_fields() -> None:
    completion = together(read(TOOL_STREAM))

    assert completion.text == "Okay."
    assert completion.reasoning == "I need the weather."
    assert completion.finish_reason == "tool_calls"
    assert completion.model == "claude-opus-5-5"
    assert completion.usage == Usage(input=472, output=89, reasoning=30)
    assert msgspec.to_builtins(completion.tool_calls) == [
        {
            "index": 0,
            "id": "toolu_01T1x1fJ34qAmk2tNTrN7Up6",
            "type": "function",
            "function": {"name": "weather", "arguments": '{"city": "Paris"}'},
        },
        {"index": 1, "id": "toolu_02", "type": "function", "function": {"name": "now", "arguments": "{}"}},
    ]


def test_what_was_thought_goes_back_as_it_came() -> None:
    chunks = read(TOOL_STREAM)
    turn = {"role": "assistant", "content": "Okay.", "reasoning_details": details(chunks)}

    question = {"role": "user", "content": "Hello"}
    request = ChatRequest.build("ours", [question, turn, question])
    body = json.loads(AnthropicFormat().to_wire(request, "claude-opus-5-5", streaming=True, key=None).body)

    assert body["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "I need the weather.", "signature": "EqQBCgIYAhIM"},
        {"type": "text", "text": "Okay."},
    ]


def test_blocks_of_other_kinds_are_no_part_of_the_answer() -> None:
    chunks = read(SERVER_TOOL_STREAM)

    assert together(chunks).text == "Found."
    assert together(chunks).tool_calls == []
    assert together(chunks).usage == Usage(input=3010, output=40)
    assert details(chunks) == [
        {"type": "reasoning.encrypted", "data": "EmwKAhgB", "format": "anthropic-claude-v1", "id": None, "index": 2}
    ]


@pytest.mark.parametrize(
    ("native", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("pause_turn", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
        ("something_new", "stop"),
    ],
)
def test_a_stop_reason_has_its_openai_name(native: str, finish: str) -> None:
    last = read([start(input_tokens=1, output_tokens=1), ending(native, output_tokens=2), STOP])[-1]

    assert (last.finish_reason, last.choices[0].native_finish_reason) == (finish, native)


def test_a_refusal_says_why() -> None:
    stop = {"stop_reason": "refusal", "stop_details": {"type": "refusal", "category": "bio", "explanation": "No."}}
    last = read([start(output_tokens=1), event("message_delta", delta=stop, usage={"output_tokens": 2}), STOP])[-1]

    assert last.choices[0].delta.refusal == "No."


def test_usage_that_was_never_said_is_not_zero() -> None:
    chunks = read([event("message_start", message={}), delta(0, "text_delta", text="Hi"), ending("end_turn"), STOP])

    assert [chunk.usage for chunk in chunks] == [None, None, None]


def test_a_stream_is_whole_only_at_message_stop() -> None:
    reader = AnthropicFormat().reader("anthropic")
    for name, data in TEXT_STREAM[:-1]:
        reader.event(json.dumps(data).encode(), name)

    assert not reader.done


@pytest.mark.parametrize(
    "unknown",
    [
        event("telemetry", delta=5, usage="none"),
        opened(0, "hologram", text=5),
        delta(0, "hologram_delta", text={}),
        delta(9, "input_json_delta", partial_json="{}"),
        ("later", {}),
    ],
)
def test_what_is_unknown_is_skipped(unknown: tuple[str, dict[str, Any]]) -> None:
    name, data = unknown

    assert AnthropicFormat().reader("anthropic").event(json.dumps(data).encode(), name) is None


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("overloaded_error", UpstreamOverloaded),
        ("rate_limit_error", UpstreamRateLimited),
        ("timeout_error", UpstreamTimeout),
        ("api_error", UpstreamUnavailable),
        ("something_new", UpstreamUnavailable),
        ("invalid_request_error", UpstreamRejected),
        ("authentication_error", UpstreamRejected),
    ],
)
def test_an_error_in_the_stream_is_the_error_its_status_would_have_been(kind: str, error: type[UpstreamError]) -> None:
    reader = AnthropicFormat().reader("anthropic")

    with pytest.raises(error, match="It broke") as raised:
        reader.event(
            json.dumps({"type": "error", "error": {"type": kind, "message": "It broke"}, "request_id": "r"}).encode(),
            "error",
        )

    assert raised.value.provider == "anthropic"


MESSAGE = {
    "id": "msg_01",
    "type": "message",
    "role": "assistant",
    "model": "claude-opus-5-5",
    "content": [
        {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
        {"type": "text", "text": "Let me "},
        {"type": "text", "text": "look."},
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}},
        {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Paris"}},
        {"type": "tool_use", "id": "toolu_2", "name": "now", "input": {}},
    ],
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "usage": {
        "input_tokens": 10,
        "output_tokens": 20,
        "cache_read_input_tokens": 5,
        "cache_creation_input_tokens": None,
    },
}


def test_a_whole_answer_is_one_chunk() -> None:
    reader = AnthropicFormat().reader("anthropic")
    chunk = reader.complete(json.dumps(MESSAGE).encode())

    assert reader.done
    assert chunk.usage == Usage(input=15, output=20, cache_read=5)
    assert chunk.model == "claude-opus-5-5"
    assert msgspec.to_builtins(chunk.choices) == [
        {
            "delta": {
                "role": "assistant",
                "content": "Let me look.",
                "reasoning": "Hm.",
                "tool_calls": [
                    {
                        "index": 0,
                        "id": "toolu_1",
                        "type": "function",
                        "function": {"name": "weather", "arguments": '{"city":"Paris"}'},
                    },
                    {
                        "index": 1,
                        "id": "toolu_2",
                        "type": "function",
                        "function": {"name": "now", "arguments": "{}"},
                    },
                ],
                "reasoning_details": [
                    {
                        "type": "reasoning.text",
                        "format": "anthropic-claude-v1",
                        "index": 0,
                        "text": "Hm.",
                        "signature": "c2ln",
                    }
                ],
            },
            "finish_reason": "tool_calls",
            "native_finish_reason": "tool_use",
        }
    ]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"<html>", UpstreamUnavailable),
        (b"[]", UpstreamUnavailable),
        (b"{}", UpstreamUnavailable),
        (b'{"content": [5]}', UpstreamUnavailable),
        (b'{"content": [{"type": "tool_use", "id": "t"}]}', UpstreamUnavailable),
        (b'{"content": [{"type": "text", "text": "\xff"}]}', UpstreamUnavailable),
        (b'{"type": "error", "error": {"type": "overloaded_error", "message": "Busy"}}', UpstreamOverloaded),
    ],
)
def test_a_whole_answer_of_another_shape_is_an_upstream_error(body: bytes, error: type[UpstreamError]) -> None:
    with pytest.raises(error):
        AnthropicFormat().reader("anthropic").complete(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KINDS = ["message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "error"]
BLOCKS = ["text", "thinking", "tool_use", "redacted_thinking", "text_delta", "input_json_delta", "signature_delta"]
FIELDS = ["text", "thinking", "signature", "data", "id", "name", "input", "partial_json", "stop_reason", "usage"]
PIECES = JSON | st.fixed_dictionaries({"type": st.sampled_from(BLOCKS)}).flatmap(
    lambda base: st.dictionaries(st.sampled_from(FIELDS), JSON).map(lambda more: {**more, **base})
)
EVENTS = JSON | st.fixed_dictionaries(
    {"type": st.sampled_from(KINDS)},
    optional={
        "index": st.integers(0, 2) | JSON,
        "message": PIECES,
        "content_block": PIECES,
        "delta": PIECES,
        "usage": JSON,
        "error": PIECES,
        "content": st.lists(PIECES, max_size=3) | JSON,
    },
)


@settings(max_examples=200, deadline=None)
@given(events=st.lists(EVENTS, max_size=4))
def test_no_event_raises_anything_but_an_upstream_error(events: list[Any]) -> None:
    reader = AnthropicFormat().reader("anthropic")
    for data in (json.dumps(each).encode() for each in events):
        for way in (lambda body: reader.event(body, None), reader.complete):
            with contextlib.suppress(UpstreamError):
                way(data)


@settings(max_examples=50, deadline=None)
@given(data=st.binary(max_size=40))
def test_no_bytes_raise_anything_but_an_upstream_error(data: bytes) -> None:
    reader = AnthropicFormat().reader("anthropic")
    for way in (lambda body: reader.event(body, None), reader.complete):
        with contextlib.suppress(UpstreamError):
            way(data)


def test_an_event_nested_too_deeply_is_an_upstream_error() -> None:
    with pytest.raises(UpstreamError):
        AnthropicFormat().reader("anthropic").event(
            b'{"type":"message_start","message":{"usage":' + b"[" * 100_000 + b"]" * 100_000 + b"}}", None
        )
