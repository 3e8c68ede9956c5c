"""A recorded answer played again: its words, its tokens, its pace."""

from __future__ import annotations

import time

import pytest

from tritium.chat import ChatRequest, Chunk, Completion, FunctionCall, ToolCall, Usage
from tritium.errors import UpstreamRejected
from tritium.providers.recorded.recordings import Recordings
from tritium.providers.recorded.source import PIECE_CHARACTERS, RecordedSource
from tritium.providers.recorded.tables import Item, Response


def source_of(speed: float = 0.0, **answer) -> RecordedSource:
    return RecordedSource(Recordings([Item("1", "Why?")], [Response("1", "m", **answer)]), speed)


async def chunks_of(source: RecordedSource, call, **fields) -> list[Chunk]:
    request = ChatRequest.build("recorded/m", [{"role": "user", "content": "Why?"}], **fields)
    async with source.open(request, "m", call) as chunks:
        return [chunk async for chunk in chunks]


async def said(source: RecordedSource, call, **fields) -> Completion:
    completion = Completion()
    for chunk in await chunks_of(source, call, **fields):
        completion.add(chunk)
    return completion


async def test_an_answer_has_its_words_and_its_recorded_tokens(call):
    answer = await said(source_of(text="So.", reasoning="Hm.", input_tokens=7, output_tokens=3), call)

    assert (answer.text, answer.reasoning, answer.finish_reason) == ("So.", "Hm.", "stop")
    assert answer.usage == Usage(input=7, output=3)


async def test_tokens_that_were_not_recorded_are_a_quarter_of_the_characters_and_said_to_be_estimated(call):
    plain = await said(source_of(text="x" * 9), call)
    with_tools = await said(
        source_of(text="x" * 9), call, tools=[{"type": "function", "function": {"name": "f" * 400}}]
    )

    assert (plain.usage.output, plain.usage.estimated) == (3, True)
    assert with_tools.usage.input - plain.usage.input > 100


async def test_a_stream_comes_in_pieces_each_with_what_it_costs_so_far_and_a_whole_answer_in_one(call):
    source = source_of(text="ab" * PIECE_CHARACTERS, input_tokens=1, output_tokens=10)

    streamed = await chunks_of(source, call, stream=True)
    whole = await chunks_of(source, call)

    assert [(len(chunk.text), chunk.usage.output) for chunk in streamed] == [(0, 0), (400, 5), (400, 10), (0, 10)]
    assert [len(chunk.text) for chunk in whole] == [0, 800, 0]


async def test_recorded_calls_of_tools_are_calls(call):
    answer = await said(source_of(tool_calls=[ToolCall(function=FunctionCall("area", '{"base": 10}'))]), call)

    assert answer.tool_calls == [ToolCall(0, "call_0", "function", FunctionCall("area", '{"base": 10}'))]
    assert (answer.text, answer.finish_reason) == ("", "tool_calls")


async def test_an_answer_of_nothing_is_an_answer(call):
    answer = await said(source_of(input_tokens=5, output_tokens=0), call)

    assert (answer.text, answer.finish_reason, answer.usage) == ("", "stop", Usage(5, 0))


async def test_the_callers_cap_cuts_an_answer_off(call):
    source = source_of(text="0123456789", input_tokens=1, output_tokens=10, finish_reason="stop")

    cut = await said(source, call, max_tokens=4)
    whole = await said(source, call, max_tokens=10)

    assert (cut.text, cut.finish_reason, cut.usage.output) == ("0123", "length", 4)
    assert (whole.text, whole.finish_reason) == ("0123456789", "stop")


async def test_what_is_not_recorded_does_not_open(call):
    with pytest.raises(UpstreamRejected, match="none of the 1 recorded items asks this"):
        async with source_of().open(ChatRequest.build("m", [{"role": "user", "content": "How?"}]), "m", call):
            pass


@pytest.mark.parametrize("streaming", [True, False])
async def test_the_recorded_pace_is_kept_times_the_speed(call, streaming):
    source = source_of(speed=10, text="x" * 100, latency_ms=2_000, first_token_ms=500)

    began = time.perf_counter()
    chunks = await chunks_of(source, call, stream=streaming)

    assert time.perf_counter() - began >= 0.19
    assert len([chunk for chunk in chunks if chunk.text]) == (3 if streaming else 1)


async def test_without_a_recorded_first_token_all_comes_at_the_end(call):
    source = source_of(speed=100, text="x" * 100, latency_ms=2_000)

    assert len([chunk for chunk in await chunks_of(source, call, stream=True) if chunk.text]) == 1
