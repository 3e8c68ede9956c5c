"""The caller's tools through a fusion, in every dialect and on the way to every wire format."""

from __future__ import annotations

import itertools
import json
from typing import Any

import anthropic
import openai
import pytest

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"type": "function", "function": {"name": "weather", "parameters": CITY}}
OSLO, ROME = 'scripted/call=weather({"city":"Oslo"})', 'scripted/call=weather({"city":"Rome"})'
QUESTION = [{"role": "user", "content": "How warm is Oslo?"}]
CALLED = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Oslo"}'}}
HISTORY = [
    *QUESTION,
    {"role": "assistant", "content": None, "tool_calls": [CALLED]},
    {"role": "tool", "tool_call_id": "call_1", "content": "4 degrees"},
]
VOTE = {"panel": [ROME, OSLO, f"{OSLO};delay=5"], "tools": "vote", "quorum": 3}
ADVISE = {"panel": ["scripted/say=Ask%20for%20Oslo.", "scripted/words=4"], "synthesizer": OSLO}


@pytest.mark.parametrize(("options", "tools"), [(VOTE, "vote"), (ADVISE, "advise")])
@pytest.mark.parametrize("stream", [False, True])
async def test_in_chat_the_call_comes_whole_or_in_pieces(serve, options, tools, stream):
    live = await serve()
    asked: dict[str, Any] = {"model": "tritium/fusion", "messages": QUESTION, "tools": [WEATHER]}

    if stream:
        async with live.client.chat.completions.stream(**asked, extra_body={"fusion": options}) as events:
            answer = await events.get_final_completion()
    else:
        answer = await live.client.chat.completions.create(**asked, extra_body={"fusion": options})

    (call,) = answer.choices[0].message.tool_calls
    assert (call.function.name, json.loads(call.function.arguments)) == ("weather", {"city": "Oslo"})
    assert call.id
    assert answer.choices[0].finish_reason == "tool_calls"
    run = await live.document(answer.id)
    assert run["decision"]["tools"] == tools
    assert run["tool_calls"][0]["function"]["name"] == "weather"
    if not stream:
        assert answer.model_extra["fusion"]["decision"]["tools"] == tools


@pytest.mark.parametrize("options", [VOTE, ADVISE])
@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
async def test_in_responses_the_call_is_a_function_call_with_its_events(serve, options):
    live = await serve()
    tool = {"type": "function", "name": "weather", "parameters": CITY, "strict": False}

    async with live.client.responses.stream(
        model="tritium/fusion", input="How warm is Oslo?", tools=[tool], extra_body={"fusion": options}
    ) as stream:
        kinds = [event.type async for event in stream]
        final = await stream.get_final_response()

    assert [item.type for item in final.output] == ["openrouter:fusion", "function_call"]
    assert (final.output[1].name, json.loads(final.output[1].arguments)) == ("weather", {"city": "Oslo"})
    assert "response.function_call_arguments.delta" in kinds
    assert "response.function_call_arguments.done" in kinds


@pytest.mark.parametrize("options", [VOTE, ADVISE])
@pytest.mark.parametrize("stream", [False, True])
async def test_in_messages_the_call_is_a_tool_use_block(serve, options, stream):
    live = await serve()
    client = anthropic.AsyncAnthropic(base_url=f"{live.url}/api", api_key="unused", max_retries=0, timeout=20)
    asked: dict[str, Any] = {
        "model": "tritium/fusion",
        "max_tokens": 200,
        "messages": [{"role": "user", "content": "How warm is Oslo?"}],
        "tools": [{"name": "weather", "input_schema": CITY}],
        "extra_body": {"fusion": options},
    }

    async with client:
        if stream:
            async with client.messages.stream(**asked) as events:
                message = await events.get_final_message()
        else:
            message = await client.messages.create(**asked)

    (use,) = [block for block in message.content if block.type == "tool_use"]
    assert (use.name, use.input, message.stop_reason) == ("weather", {"city": "Oslo"}, "tool_use")


async def test_a_whole_agents_loop_runs_through_a_fusion(serve):
    live = await serve()
    options = {"panel": [OSLO, OSLO], "tools": "vote", "synthesizer": "scripted/say=It%20is%20cold."}

    asked: dict[str, Any] = {"model": "tritium/fusion", "tools": [WEATHER], "extra_body": {"fusion": options}}
    first = await live.client.chat.completions.create(messages=QUESTION, **asked)
    message = first.choices[0].message
    result = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "4 degrees"}
    second = await live.client.chat.completions.create(messages=[*QUESTION, message, result], **asked)

    assert second.choices[0].message.content == "It is cold."
    decision = second.model_extra["fusion"]["decision"]
    assert (decision["tools"], decision["how"]) == ("passthrough", "single")
    assert "user_turns" in decision["reason"]


async def test_a_fusion_that_takes_no_tools_answers_400(serve):
    live = await serve()

    with pytest.raises(openai.BadRequestError, match="takes no tools") as caught:
        await live.client.chat.completions.create(
            model="tritium/fusion",
            messages=QUESTION,
            tools=[WEATHER],
            extra_body={"fusion": {"panel": [OSLO, ROME], "tools": "reject"}},
        )

    assert caught.value.param == "tools"


def claude(text: str) -> list[Any]:
    return [
        {"type": "message_start", "message": {"model": "m", "usage": {"input_tokens": 7}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
        {"type": "message_stop"},
    ]


GEMINI = [{"candidates": [{"content": {"role": "model", "parts": [{"text": "Cold."}]}, "finishReason": "STOP"}]}]
OPENAI = [{"choices": [{"index": 0, "delta": {"content": "Cold."}, "finish_reason": "stop"}]}, b"[DONE]"]
FORMATS = {"openai": OPENAI, "anthropic": claude("Cold."), "gemini": GEMINI}


@pytest.mark.parametrize("role", ["adviser", "actor", "voter"])
@pytest.mark.parametrize("dialect", list(FORMATS))
async def test_a_turn_that_answers_tools_is_valid_in_every_wire_format(serve, upstream, wire, dialect, role):
    upstream.reply = wire.events(*FORMATS[dialect])
    vendor = {"base_url": upstream.url, "key_env": "KEY", "format": dialect}
    live = await serve({"providers": {"vendor": vendor}}, KEY="sk-1")
    scripted = "scripted/say=Cold."
    options = {
        "adviser": {"panel": ["vendor/m", scripted], "synthesizer": scripted, "quorum": 1},
        "actor": {"panel": [scripted, "scripted/say=Four."], "synthesizer": "vendor/m"},
        "voter": {"panel": ["vendor/m", scripted], "tools": "vote", "quorum": 2},
    }[role]

    answer = await live.client.chat.completions.create(
        model="tritium/fusion",
        messages=HISTORY,
        tools=[WEATHER],
        extra_body={"fusion": {"tools_cadence": "every_turn", "grace_seconds": 5, **options}},
    )

    assert answer.choices[0].message.content == "Cold."
    (asked,) = upstream.requests
    text = json.dumps(asked)
    assert ("4 degrees" in text, "Oslo" in text) == (True, True)
    kinds = {
        "openai": ('"tools"', '"tool_calls"', '"role": "tool"'),
        "anthropic": ('"tools"', '"tool_use"', '"tool_result"'),
        "gemini": ('"tools"', '"functionCall"', '"functionResponse"'),
    }[dialect]
    # All of it or nothing: no vendor takes calls without tools, or results without calls.
    assert [kind in text for kind in kinds] == [role != "adviser"] * 3
    turns = [turn["role"] for turn in asked.get("messages") or asked.get("contents")]
    if role != "adviser" and dialect == "openai":
        assert turns[-3:] == ["user", "assistant", "tool"]
    if dialect != "openai":
        assert all(one != other for one, other in itertools.pairwise(turns))
