"""The official SDK against a plain model: whole, streaming, tools passed through, errors with their status."""

from __future__ import annotations

import asyncio
import json
import time

import httpx
import openai
import pytest

MESSAGES = [{"role": "user", "content": "Say hello"}]


def provider(upstream, **more):
    return {"providers": {"vendor": {"base_url": upstream.url, "key_env": "VENDOR_KEY"}}, **more}


PRICES = {"prices": {"vendor/m1": {"input": 3, "output": 15}}}


async def test_an_answer_keeps_what_the_provider_said_and_gains_cost(serve, upstream, wire):
    upstream.reply = wire.completion("Hello", service_tier="default", citations=["kept"])
    live = await serve(provider(upstream, **PRICES), VENDOR_KEY="sk-secret")

    answer = await live.client.chat.completions.create(model="vendor/m1", messages=MESSAGES, temperature=0.5)

    assert answer.choices[0].message.content == "Hello"
    assert answer.model == "vendor/m1"
    assert answer.id.startswith("gen-")
    assert answer.model_extra["citations"] == ["kept"]
    assert answer.usage.prompt_tokens == 10
    assert answer.usage.model_extra["cost"] == pytest.approx((10 * 3 + 2 * 15) / 1e6)


async def test_the_provider_gets_the_callers_fields_its_own_model_name_and_the_key(serve, upstream, wire):
    upstream.reply = wire.completion()
    live = await serve(provider(upstream), VENDOR_KEY="sk-secret")

    await live.client.chat.completions.create(
        model="vendor/m1",
        messages=MESSAGES,
        max_tokens=5,
        extra_body={"vendor_field": {"a": [1, 2]}, "fusion": {"events": True}},
    )

    assert upstream.requests == [
        {"messages": MESSAGES, "model": "m1", "max_tokens": 5, "vendor_field": {"a": [1, 2]}, "stream": False}
    ]
    assert b"authorization: Bearer sk-secret" in upstream.heads[0]


async def test_a_stream_arrives_whole_with_usage_on_its_last_choice(serve, upstream, wire):
    upstream.reply = wire.events(
        {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "Hel"}, "finish_reason": None}]},
        {"choices": [{"index": 0, "delta": {"content": "lo", "odd": 1}, "finish_reason": None}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {"choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}},
        b"[DONE]",
    )
    live = await serve(provider(upstream, **PRICES), VENDOR_KEY="x")

    stream = await live.client.chat.completions.create(model="vendor/m1", messages=MESSAGES, stream=True)
    chunks = [chunk async for chunk in stream]

    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "Hello"
    assert chunks[1].choices[0].delta.model_extra["odd"] == 1
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert chunks[-1].usage.model_extra["cost"] == pytest.approx((10 * 3 + 2 * 15) / 1e6)
    assert {chunk.id for chunk in chunks} == {chunks[0].id}
    assert upstream.requests[0]["stream_options"] == {"include_usage": True}


async def test_usage_comes_on_a_chunk_of_its_own_when_asked_for(serve, upstream, wire):
    upstream.reply = wire.events(
        {"choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": "stop"}]},
        {"choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 2}},
        b"[DONE]",
    )
    live = await serve(provider(upstream), VENDOR_KEY="x")

    stream = await live.client.chat.completions.create(
        model="vendor/m1", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]

    assert chunks[-1].choices == []
    assert chunks[-1].usage.total_tokens == 12
    assert chunks[-1].usage.model_extra["cost"] is None


async def test_a_tool_call_is_passed_through(serve, upstream, wire):
    call = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Oslo"}'}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    choices = [{"index": 0, "message": message, "finish_reason": "tool_calls"}]
    upstream.reply = wire.completion(choices=choices)
    live = await serve(provider(upstream), VENDOR_KEY="x")
    tools = [{"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}]

    answer = await live.client.chat.completions.create(model="vendor/m1", messages=MESSAGES, tools=tools)

    assert answer.choices[0].message.tool_calls[0].function.arguments == '{"city":"Oslo"}'
    assert answer.choices[0].finish_reason == "tool_calls"
    assert upstream.requests[0]["tools"] == tools


async def test_a_tool_call_streams_in_pieces(serve, upstream, wire):
    def piece(**function):
        delta = {"tool_calls": [{"index": 0, "function": function}]}
        return {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}

    upstream.reply = wire.events(
        piece(name="get_weather", arguments=""),
        piece(arguments='{"city":'),
        piece(arguments='"Oslo"}'),
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]},
        b"[DONE]",
    )
    live = await serve(provider(upstream), VENDOR_KEY="x")

    stream = await live.client.chat.completions.create(model="vendor/m1", messages=MESSAGES, stream=True)
    pieces = [
        call.function.arguments or ""
        async for chunk in stream
        for choice in chunk.choices
        for call in choice.delta.tool_calls or ()
    ]

    assert json.loads("".join(pieces)) == {"city": "Oslo"}


@pytest.mark.parametrize(
    ("status", "error", "ours"),
    [
        (400, openai.BadRequestError, 400),
        (401, openai.InternalServerError, 502),
        (429, openai.RateLimitError, 429),
        (500, openai.InternalServerError, 502),
        (503, openai.InternalServerError, 503),
        (422, openai.UnprocessableEntityError, 422),
    ],
)
async def test_a_providers_refusal_keeps_its_meaning(serve, upstream, wire, status, error, ours):
    body = json.dumps({"error": {"message": "no good", "type": "x"}}).encode()
    upstream.reply = wire.http(status, body, headers=b"retry-after: 7\r\n")
    live = await serve(provider(upstream), VENDOR_KEY="sk-secret")

    with pytest.raises(error) as caught:
        await live.client.chat.completions.create(model="vendor/m1", messages=MESSAGES)

    assert caught.value.status_code == ours
    assert "no good" in caught.value.message
    assert "sk-secret" not in caught.value.message
    if status == 429:
        assert caught.value.response.headers["retry-after"] == "7"


async def test_a_stream_that_is_cut_off_ends_with_an_error_and_not_as_if_it_were_whole(serve, upstream, wire):
    upstream.reply = wire.events({"choices": [{"index": 0, "delta": {"content": "Half"}, "finish_reason": None}]})
    live = await serve(provider(upstream), VENDOR_KEY="x")

    stream = await live.client.chat.completions.create(model="vendor/m1", messages=MESSAGES, stream=True)
    said: list[str] = []

    async def read() -> None:
        async for chunk in stream:
            said.append(chunk.choices[0].delta.content or "")  # noqa: PERF401 - kept when the rest fails

    with pytest.raises(openai.APIError, match="before the answer was whole"):
        await read()
    assert said == ["Half"]


async def test_a_provider_that_cannot_be_reached_is_a_502_that_names_it(serve):
    live = await serve({"providers": {"gone": {"base_url": "http://127.0.0.1:9/v1", "free": True}}})

    with pytest.raises(openai.InternalServerError, match="gone") as caught:
        await live.client.chat.completions.create(model="gone/m", messages=MESSAGES)

    assert caught.value.status_code == 502


@pytest.mark.parametrize("streaming", [False, True])
async def test_the_upstream_socket_closes_within_100_ms_after_the_client_left(serve, upstream, wire, streaming):
    upstream.hold = True
    if streaming:
        upstream.reply = wire.events(
            {"choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": None}]}, finished=False
        )
    live = await serve(provider(upstream), VENDOR_KEY="x")
    body = {"model": "vendor/m1", "messages": MESSAGES, "stream": streaming}

    async with httpx.AsyncClient() as client:
        asking = asyncio.create_task(client.post(f"{live.url}/v1/chat/completions", json=body, timeout=30))
        async with asyncio.timeout(5):
            while not upstream.requests:  # noqa: ASYNC110 - the server is not ours to signal from
                await asyncio.sleep(0.005)
        await asyncio.sleep(0.05)
        asking.cancel()
        left = time.monotonic()
    async with asyncio.timeout(5):
        while not upstream.closed_at:  # noqa: ASYNC110
            await asyncio.sleep(0.002)

    assert upstream.closed_at[0] - left < 0.1


async def test_two_gateways_in_one_process_share_nothing(serve, upstream, wire):
    upstream.reply = wire.completion("from the vendor")
    one = await serve(provider(upstream), VENDOR_KEY="x")
    two = await serve({"database": str(one.running.config.database_location({})) + ".two"})

    assert (await one.client.chat.completions.create(model="vendor/m1", messages=MESSAGES)).choices
    with pytest.raises(openai.NotFoundError):
        await two.client.chat.completions.create(model="vendor/m1", messages=MESSAGES)


async def test_a_stream_held_open_after_its_last_event_does_not_hold_up_the_answer(serve, upstream, wire):
    upstream.hold = True
    upstream.reply = wire.events(
        {"choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": "stop"}]}, b"[DONE]", finished=False
    )
    live = await serve(provider(upstream), VENDOR_KEY="x")

    async with asyncio.timeout(5):
        stream = await live.client.chat.completions.create(model="vendor/m1", messages=MESSAGES, stream=True)
        said = [chunk.choices[0].delta.content async for chunk in stream]

    assert said == ["Hi"]


async def test_an_answer_is_not_refused_for_details_of_another_shape(serve, upstream, wire):
    parts = [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}, {"type": "text", "text": "Hello"}]
    choices = [{"index": 0, "message": {"role": "assistant", "content": parts}, "finish_reason": "stop"}]
    upstream.reply = wire.completion(choices=choices, usage="free")
    live = await serve(provider(upstream), VENDOR_KEY="x")

    answer = await live.client.chat.completions.create(
        model="tritium/fusion", messages=MESSAGES, extra_body={"fusion": {"panel": ["vendor/m1"], "strategy": "vote"}}
    )

    assert answer.choices[0].message.content == "Hello"


async def test_an_image_is_not_priced_by_its_bytes_when_its_call_is_cut(serve, upstream):
    upstream.hold = True
    live = await serve(provider(upstream, **PRICES), VENDOR_KEY="x")
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 2_000_000}}
    body = {"model": "vendor/m1", "messages": [{"role": "user", "content": [{"type": "text", "text": "?"}, image]}]}

    async with httpx.AsyncClient() as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.post(f"{live.url}/v1/chat/completions", json=body, timeout=0.5)
    await asyncio.sleep(0.2)
    await live.running.ledger.aflush()
    rows = live.running.records._generations.recent(1)

    assert rows[0].outcome == "cancelled"
    assert rows[0].usage.input < 2_000
