"""Answers of Amazon Bedrock's Converse as chunks."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tritium.chat import Chunk, Completion, Usage
from tritium.errors import (
    UpstreamError,
    UpstreamOverloaded,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from tritium.providers.bedrock_answer import BedrockReader

USAGE = {
    "inputTokens": 3,
    "outputTokens": 5,
    "totalTokens": 8,
    "cacheReadInputTokens": 100,
    "cacheWriteInputTokens": 20,
}
COUNTED = Usage(input=123, output=5, cache_read=100, cache_write=20)

Stream = list[tuple[str, dict[str, Any]]]


def start(index: int, **block: Any) -> tuple[str, dict[str, Any]]:
    return "contentBlockStart", {"contentBlockIndex": index, "start": block, "p": "abcd"}


def delta(index: int, **block: Any) -> tuple[str, dict[str, Any]]:
    return "contentBlockDelta", {"contentBlockIndex": index, "delta": block, "p": "abcdefgh"}


def stop(index: int) -> tuple[str, dict[str, Any]]:
    return "contentBlockStop", {"contentBlockIndex": index}


def ended(reason: str) -> Stream:
    return [("messageStop", {"stopReason": reason}), ("metadata", {"usage": USAGE, "metrics": {"latencyMs": 7}})]


BEGUN = ("messageStart", {"role": "assistant"})
TEXT: Stream = [BEGUN, delta(0, text="Hel"), delta(0, text=""), delta(0, text="lo"), stop(0), *ended("end_turn")]
TOOLS: Stream = [
    BEGUN,
    delta(0, reasoningContent={"text": "Hm"}),
    delta(0, reasoningContent={"signature": "c2ln"}),
    stop(0),
    delta(1, reasoningContent={"redactedContent": "eA=="}),
    stop(1),
    delta(2, text="Looking."),
    stop(2),
    start(3, toolUse={"toolUseId": "t1", "name": "weather"}),
    delta(3, toolUse={"input": '{"city":'}),
    delta(3, toolUse={"input": '"Paris"}'}),
    stop(3),
    start(4, toolUse={"toolUseId": "t2", "name": "now"}),
    delta(4, toolUse={"input": ""}),
    stop(4),
    *ended("tool_use"),
]
WHOLE = {
    "output": {
        "message": {
            "role": "assistant",
            "content": [
                {"reasoningContent": {"reasoningText": {"text": "Hm", "signature": "c2ln"}}},
                {"reasoningContent": {"redactedContent": "eA=="}},
                {"text": "Looking."},
                {"toolUse": {"toolUseId": "t1", "name": "weather", "input": {"city": "Paris"}}},
                {"toolUse": {"toolUseId": "t2", "name": "now", "input": {}}},
            ],
        }
    },
    "stopReason": "tool_use",
    "usage": USAGE,
    "metrics": {"latencyMs": 7},
}


def read(stream: Stream) -> Completion:
    reader = BedrockReader("bedrock")
    chunks = [reader.event(json.dumps(data).encode(), name) for name, data in stream]
    assert reader.done
    assert reader.over
    return together([chunk for chunk in chunks if chunk is not None])


def together(chunks: list[Chunk]) -> Completion:
    completion = Completion()
    for chunk in chunks:
        completion.add(chunk)
    return completion


def test_a_stream_of_text_is_that_text_with_its_usage() -> None:
    found = read(TEXT)

    assert (found.text, found.finish_reason, found.native_finish_reason) == ("Hello", "stop", "end_turn")
    assert found.usage == COUNTED


@pytest.mark.parametrize("found", [read(TOOLS), together([BedrockReader("b").complete(json.dumps(WHOLE).encode())])])
def test_a_stream_and_a_whole_answer_say_the_same(found: Completion) -> None:
    assert (found.text, found.reasoning, found.finish_reason) == ("Looking.", "Hm", "tool_calls")
    assert [(call.id, call.function.name, call.function.arguments) for call in found.tool_calls if call.function] == [
        ("t1", "weather", '{"city":"Paris"}'),
        ("t2", "now", "{}"),
    ]
    assert {"Hm", "c2ln"} <= {value for detail in found.reasoning_details for value in detail.values()}
    assert found.reasoning_details[-1]["data"] == "eA=="
    assert {detail["format"] for detail in found.reasoning_details} == {"anthropic-claude-v1"}
    assert found.usage == COUNTED


def test_a_stream_that_ends_before_its_usage_is_a_whole_answer() -> None:
    reader = BedrockReader("bedrock")
    for name, data in TEXT[:-1]:
        reader.event(json.dumps(data).encode(), name)

    assert (reader.done, reader.over) == (True, False)


@pytest.mark.parametrize(
    ("native", "reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("guardrail_intervened", "content_filter"),
        ("content_filtered", "content_filter"),
        ("malformed_tool_use", "stop"),
        ("new_reason", "stop"),
    ],
)
def test_why_it_stopped_is_told_in_both_dialects(native: str, reason: str) -> None:
    found = read([BEGUN, delta(0, text="x"), *ended(native)])

    assert (found.finish_reason, found.native_finish_reason) == (reason, native)


def test_text_with_citations_is_text() -> None:
    whole = {
        "output": {"message": {"content": [{"citationsContent": {"content": [{"text": "So"}], "citations": [{}]}}]}},
        "stopReason": "end_turn",
    }

    chunk = BedrockReader("b").complete(json.dumps(whole).encode())

    assert (chunk.text, chunk.usage) == ("So", None)


def test_what_is_not_known_is_skipped() -> None:
    unknown: Stream = [
        BEGUN,
        ("somethingNew", {"a": 1}),
        start(0, image={"format": "png"}),
        delta(0, image={"source": {"bytes": "AA=="}}),
        delta(0, citation={"title": "t"}),
        delta(9, toolUse={"input": "{"}),
        delta(1, text="x"),
        *ended("end_turn"),
    ]

    assert read(unknown).text == "x"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("internalServerException", UpstreamUnavailable),
        ("modelStreamErrorException", UpstreamUnavailable),
        ("modelTimeoutException", UpstreamTimeout),
        ("serviceUnavailableException", UpstreamOverloaded),
        ("throttlingException", UpstreamRateLimited),
        ("validationException", UpstreamRejected),
        ("newException", UpstreamUnavailable),
        ("", UpstreamUnavailable),
    ],
)
def test_an_exception_in_a_stream_is_the_error_it_would_have_been(name: str, kind: type[UpstreamError]) -> None:
    reader = BedrockReader("bedrock")
    reader.event(b'{"role":"assistant"}', "messageStart")

    with pytest.raises(UpstreamError, match="Too much") as failed:
        reader.event(b'{"message":"Too much"}', f"!{name}")

    assert type(failed.value) is kind
    assert not reader.done


def test_an_exception_without_a_message_is_told_by_its_name() -> None:
    with pytest.raises(UpstreamRateLimited, match="throttlingException"):
        BedrockReader("bedrock").event(b"", "!throttlingException")


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"<html>", b'{"output":[]}', b"{}", b'{"output":{}}', b'{"output":"\xff"}']
)
def test_what_is_no_answer_is_the_providers_failure(body: bytes) -> None:
    with pytest.raises(UpstreamUnavailable, match="bedrock answered"):
        BedrockReader("bedrock").complete(body)


@given(
    name=st.sampled_from(
        ["messageStart", "contentBlockStart", "contentBlockDelta", "messageStop", "metadata", "!x", None]
    ),
    data=st.one_of(
        st.binary(max_size=40),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["delta", "start", "usage", "toolUse", "text", "contentBlockIndex", "input"]),
                    inner,
                    max_size=3,
                )
            ),
            max_leaves=8,
        ).map(lambda value: json.dumps(value).encode()),
    ),
)
def test_nothing_that_may_come_raises_anything_else(name: str | None, data: bytes) -> None:
    with contextlib.suppress(UpstreamError):
        BedrockReader("bedrock").event(data, name)
    with contextlib.suppress(UpstreamError):
        BedrockReader("bedrock").complete(data)
