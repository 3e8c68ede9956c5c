"""Answers of the Gemini API as chunks."""

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
from tritium.providers.gemini import GeminiFormat


def answer(*parts: dict[str, Any], finish: str | None = None, **usage: int) -> dict[str, Any]:
    """One event of a stream, or a whole answer."""
    candidate: dict[str, Any] = {"content": {"parts": list(parts), "role": "model"}, "index": 0}
    if finish is not None:
        candidate["finishReason"] = finish
    return {
        "candidates": [candidate],
        "usageMetadata": {"promptTokenCount": 8, **usage},
        "modelVersion": "gemini-3.8-flash",
        "responseId": "YhPq",
    }


TEXT_STREAM = [
    answer({"text": "**Thinking**", "thought": True}, thoughtsTokenCount=20, totalTokenCount=28),
    answer({"text": "Hel"}, thoughtsTokenCount=24, candidatesTokenCount=1, cachedContentTokenCount=4),
    answer({"text": "lo!"}, {"text": "", "thoughtSignature": "c2ln"}, thoughtsTokenCount=24, candidatesTokenCount=3),
    answer(
        finish="STOP",
        thoughtsTokenCount=24,
        candidatesTokenCount=3,
        cachedContentTokenCount=4,
        toolUsePromptTokenCount=10,
        totalTokenCount=45,
    ),
]
CALL_STREAM = [
    answer({"text": "Looking."}, candidatesTokenCount=2),
    answer(
        {
            "functionCall": {"name": "weather", "args": {"city": "Paris"}, "id": "fc-1"},
            "thoughtSignature": "Y2FsbA==",
        },
        {"functionCall": {"name": "now"}},
        candidatesTokenCount=20,
    ),
    answer({"executableCode": {"language": "PYTHON", "code": "1"}}, {"text": ""}, finish="STOP"),
]
STREAMS = {"text": TEXT_STREAM, "calls": CALL_STREAM}


def read(stream: list[dict[str, Any]]) -> list[Chunk]:
    reader = GeminiFormat().reader("gemini")
    chunks = [reader.event(json.dumps(data).encode(), None) for data in stream]
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


def test_text_and_thoughts_arrive_piece_by_piece_with_usage_that_counts_the_thoughts() -> None:
    chunks = read(TEXT_STREAM)

    assert [chunk.text for chunk in chunks] == ["", "Hel", "lo!", ""]
    assert [chunk.choices[0].delta.role for chunk in chunks] == ["assistant", None, None, None]
    assert chunks[0].choices[0].delta.reasoning == "**Thinking**"
    assert chunks[0].usage == Usage(input=8, output=20, reasoning=20)
    assert chunks[-1].usage == Usage(input=18, output=27, cache_read=4, reasoning=24)
    assert chunks[-1].finish_reason == "stop"
    assert chunks[-1].choices[0].native_finish_reason == "STOP"
    assert all(chunk.raw is None for chunk in chunks)


def test_calls_have_ids_numbers_and_arguments() -> None:
    completion = together(read(CALL_STREAM))

    assert completion.text == "Looking."
    assert completion.finish_reason == "tool_calls"
    assert completion.model == "gemini-3.8-flash"
    assert completion.usage == Usage(input=8, output=20)
    assert msgspec.to_builtins(completion.tool_calls) == [
        {
            "index": 0,
            "id": "fc-1",
            "type": "function",
            "function": {"name": "weather", "arguments": '{"city":"Paris"}'},
        },
        {"index": 1, "id": "call_YhPq_1", "type": "function", "function": {"name": "now", "arguments": "{}"}},
    ]


def test_calls_of_an_answer_without_an_id_are_numbered() -> None:
    stream = [answer({"functionCall": {"name": "now"}}, {"functionCall": {"name": "now"}}, finish="STOP")]
    del stream[0]["responseId"]

    assert [call.id for call in together(read(stream)).tool_calls] == ["call_0", "call_1"]


def test_signatures_go_back_as_they_came() -> None:
    chunks = read(CALL_STREAM)
    assert details(chunks) == [
        {"type": "reasoning.encrypted", "data": "Y2FsbA==", "format": "google-gemini-v1", "id": "fc-1", "index": 0}
    ]
    completion = together(chunks)
    turn = {
        "role": "assistant",
        "content": completion.text,
        "tool_calls": msgspec.to_builtins(completion.tool_calls),
        "reasoning_details": details(chunks),
    }
    question = {"role": "user", "content": "Hello"}
    request = ChatRequest.build("ours", [question, turn])
    body = json.loads(GeminiFormat().to_wire(request, "gemini-3.8-flash", streaming=True, key=None).body)

    assert body["contents"][1]["parts"] == [
        {"text": "Looking."},
        {
            "functionCall": {"id": "fc-1", "name": "weather", "args": {"city": "Paris"}},
            "thoughtSignature": "Y2FsbA==",
        },
        {"functionCall": {"id": "call_YhPq_1", "name": "now", "args": {}}},
    ]


@pytest.mark.parametrize(
    ("native", "finish"),
    [
        ("STOP", "stop"),
        ("OTHER", "stop"),
        ("MALFORMED_FUNCTION_CALL", "stop"),
        ("SOMETHING_NEW", "stop"),
        ("MAX_TOKENS", "length"),
        ("CONTINUATION", "length"),
        ("SAFETY", "content_filter"),
        ("RECITATION", "content_filter"),
        ("PROHIBITED_CONTENT", "content_filter"),
        ("SPII", "content_filter"),
        ("BLOCKLIST", "content_filter"),
    ],
)
def test_a_finish_reason_has_its_openai_name(native: str, finish: str) -> None:
    last = read([answer({"text": "x"}, finish=native)])[-1]

    assert (last.finish_reason, last.choices[0].native_finish_reason) == (finish, native)


def test_a_candidate_without_content_still_ends_the_answer() -> None:
    stop = {"candidates": [{"finishReason": "SAFETY", "finishMessage": "Unsafe.", "index": 0}]}
    last = read([stop])[-1]

    assert last.finish_reason == "content_filter"
    assert last.choices[0].delta.refusal == "Unsafe."


def test_a_refused_prompt_ends_the_answer() -> None:
    chunk = read([{"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 8}}])[
        0
    ]

    assert chunk.finish_reason == "content_filter"
    assert chunk.choices[0].native_finish_reason == "PROHIBITED_CONTENT"
    assert chunk.usage == Usage(input=8)


def test_a_stream_is_whole_only_with_a_finish_reason() -> None:
    reader = GeminiFormat().reader("gemini")
    for data in TEXT_STREAM[:-1]:
        reader.event(json.dumps(data).encode(), None)

    assert not reader.done


def test_an_event_with_nothing_of_the_answer_is_skipped() -> None:
    assert GeminiFormat().reader("gemini").event(b'{"responseId": "YhPq", "later": []}', None) is None


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"code": 503, "message": "It broke", "status": "UNAVAILABLE"}, UpstreamOverloaded),
        ({"code": 429, "message": "It broke", "status": "RESOURCE_EXHAUSTED"}, UpstreamRateLimited),
        ({"code": 400, "message": "It broke", "status": "INVALID_ARGUMENT"}, UpstreamRejected),
        ({"status": "DEADLINE_EXCEEDED", "message": "It broke"}, UpstreamTimeout),
        ({"code": 14, "message": "It broke", "status": "UNAVAILABLE"}, UpstreamOverloaded),
        ({"message": "It broke"}, UpstreamUnavailable),
    ],
)
def test_an_error_in_the_stream_is_the_error_its_status_would_have_been(
    error: dict[str, Any], kind: type[UpstreamError]
) -> None:
    reader = GeminiFormat().reader("gemini")

    with pytest.raises(kind, match="It broke") as raised:
        reader.event(json.dumps({"error": error}).encode(), None)

    assert raised.value.provider == "gemini"


def test_a_whole_answer_is_one_chunk() -> None:
    reader = GeminiFormat().reader("gemini")
    whole = answer(
        {"text": "Hm.", "thought": True},
        {"text": "It is "},
        {"text": "noon.", "thoughtSignature": "c2ln"},
        finish="STOP",
        candidatesTokenCount=5,
        thoughtsTokenCount=2,
    )
    chunk = reader.complete(json.dumps(whole).encode())

    assert reader.done
    assert chunk.usage == Usage(input=8, output=7, reasoning=2)
    assert msgspec.to_builtins(chunk.choices) == [
        {
            "delta": {
                "role": "assistant",
                "content": "It is noon.",
                "reasoning": "Hm.",
                "reasoning_details": [
                    {
                        "type": "reasoning.encrypted",
                        "data": "c2ln",
                        "format": "google-gemini-v1",
                        "id": None,
                        "index": 0,
                    }
                ],
            },
            "finish_reason": "stop",
            "native_finish_reason": "STOP",
        }
    ]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"<html>", UpstreamUnavailable),
        (b"[]", UpstreamUnavailable),
        (b"{}", UpstreamUnavailable),
        (b'{"candidates": [5]}', UpstreamUnavailable),
        (b'{"candidates": [{"content": {"parts": [{"functionCall": {}}]}}]}', UpstreamUnavailable),
        (b'{"candidates": [{"content": {"parts": [{"text": "\xff"}]}}]}', UpstreamUnavailable),
        (b'{"error": {"code": 503, "message": "Busy"}}', UpstreamOverloaded),
    ],
)
def test_a_whole_answer_of_another_shape_is_an_upstream_error(body: bytes, error: type[UpstreamError]) -> None:
    with pytest.raises(error):
        GeminiFormat().reader("gemini").complete(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
PART = JSON | st.dictionaries(
    st.sampled_from(["text", "thought", "thoughtSignature", "functionCall", "later"]),
    JSON | st.dictionaries(st.sampled_from(["name", "args", "id"]), JSON, max_size=3),
    max_size=3,
)
CANDIDATE = JSON | st.fixed_dictionaries(
    {},
    optional={"content": JSON | st.fixed_dictionaries({"parts": st.lists(PART, max_size=3)}), "finishReason": JSON},
)
EVENTS = JSON | st.fixed_dictionaries(
    {},
    optional={
        "candidates": st.lists(CANDIDATE, max_size=2) | JSON,
        "usageMetadata": JSON | st.dictionaries(st.sampled_from(["promptTokenCount", "thoughtsTokenCount"]), JSON),
        "promptFeedback": JSON | st.fixed_dictionaries({"blockReason": JSON}),
        "error": JSON | st.dictionaries(st.sampled_from(["code", "status", "message"]), JSON),
        "responseId": JSON,
    },
)


@settings(max_examples=200, deadline=None)
@given(events=st.lists(EVENTS, max_size=4))
def test_no_event_raises_anything_but_an_upstream_error(events: list[Any]) -> None:
    reader = GeminiFormat().reader("gemini")
    for data in (json.dumps(each).encode() for each in events):
        for way in (lambda body: reader.event(body, None), reader.complete):
            with contextlib.suppress(UpstreamError):
                way(data)


@settings(max_examples=50, deadline=None)
@given(data=st.binary(max_size=40))
def test_no_bytes_raise_anything_but_an_upstream_error(data: bytes) -> None:
    reader = GeminiFormat().reader("gemini")
    for way in (lambda body: reader.event(body, None), reader.complete):
        with contextlib.suppress(UpstreamError):
            way(data)
