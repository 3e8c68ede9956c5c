"""The official Anthropic SDK against any model: whole, streaming, a fusion, errors and their classes, a count."""

from __future__ import annotations

import asyncio
import json
import time

import anthropic
import httpx
import pytest

HELLO = [{"role": "user", "content": "Say hello"}]
PRICES = {"prices": {"vendor/m1": {"input": 3, "output": 15}, "claude/claude-sonnet-4-5": {"input": 3, "output": 15}}}
COST = (10 * 3 + 2 * 15) / 1e6
WEATHER = {
    "name": "get_weather",
    "description": "The weather in a city",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


def piece(finish=None, **delta):
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


USAGE = {"choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 2}}


async def post(live, body, path="/api/v1/messages?beta=true"):
    headers = {"anthropic-beta": "claude-code-20250219,interleaved-thinking-2025-05-14", "x-api-key": "k"}
    async with httpx.AsyncClient() as client:
        return await client.post(live.url + path, json=body, headers=headers, timeout=20)


# ---------------------------------------------------------------- answers


async def test_a_text_comes_back_as_a_message_with_its_cost(ask, upstream, wire):
    upstream.reply = wire.completion("Hello")
    client, live = await ask(**PRICES)

    answer = await client.messages.create(
        model="vendor/m1", max_tokens=64, messages=HELLO, extra_body={"temperature": 0.5}
    )

    assert [block.to_dict() for block in answer.content] == [{"type": "text", "text": "Hello", "citations": None}]
    assert (answer.model, answer.role, answer.stop_reason) == ("vendor/m1", "assistant", "end_turn")
    assert answer.id.startswith("gen-")
    assert answer._request_id == answer.id
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (10, 2)
    assert answer.usage.model_extra["cost"] == pytest.approx(COST)
    assert (await live.rows(answer.id))[0].cost_nanodollars == round(COST * 1e9)
    assert upstream.requests == [
        {"model": "m1", "messages": HELLO, "max_tokens": 64, "temperature": 0.5, "stream": False}
    ]


async def test_a_stream_is_the_sequence_of_events_that_anthropic_documents(ask, upstream, wire):
    upstream.reply = wire.events(
        piece(role="assistant", content="Hel"), piece(content="lo"), piece("stop"), USAGE, b"[DONE]"
    )
    client, _ = await ask(**PRICES)

    stream = await client.messages.create(model="vendor/m1", max_tokens=64, messages=HELLO, stream=True)
    events = [event async for event in stream]

    assert [event.type for event in events] == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert events[0].message.model == "vendor/m1"
    assert events[0].message.usage.input_tokens > 0
    assert events[-2].delta.stop_reason == "end_turn"
    assert (events[-2].usage.input_tokens, events[-2].usage.output_tokens) == (10, 2)
    assert events[-2].usage.model_extra["cost"] == pytest.approx(COST)


async def test_the_sdk_puts_a_stream_together_to_the_same_message(ask, upstream, wire):
    upstream.reply = wire.events(piece(content="Hel"), piece(content="lo"), piece("length"), USAGE, b"[DONE]")
    client, _ = await ask()

    async with client.messages.stream(model="vendor/m1", max_tokens=2, messages=HELLO) as stream:
        answer = await stream.get_final_message()

    assert answer.content[0].text == "Hello"
    assert answer.stop_reason == "max_tokens"
    assert answer.usage.output_tokens == 2


@pytest.mark.parametrize("prefix", ["/v1", "/api/v1"])
async def test_the_wire_has_event_lines_a_ping_and_no_done(serve, prefix):
    live = await serve()
    body = {"model": "scripted/say=Hi", "messages": HELLO, "stream": True}

    async with httpx.AsyncClient() as client:
        headers = {"x-api-key": "anything", "anthropic-version": "2023-06-01"}
        reply = await client.post(f"{live.url}{prefix}/messages?beta=true", json=body, headers=headers)

    names = [line.removeprefix("event: ") for line in reply.text.splitlines() if line.startswith("event: ")]
    assert names[:2] == ["message_start", "ping"]
    assert "[DONE]" not in reply.text
    for block in reply.text.strip().split("\n\n"):
        name, data = block.split("\n")
        assert json.loads(data.removeprefix("data: "))["type"] == name.removeprefix("event: ")


async def test_an_empty_answer_is_a_whole_message_all_the_same(serve, ask):
    client, _ = await ask({})

    async with client.messages.stream(model="scripted/empty", max_tokens=5, messages=HELLO) as stream:
        answer = await stream.get_final_message()

    assert answer.content == []
    assert answer.stop_reason == "end_turn"


async def test_a_refusal_is_told_as_one(ask, upstream, wire):
    message = {"role": "assistant", "content": None, "refusal": "I won't."}
    upstream.reply = wire.completion(choices=[{"index": 0, "message": message, "finish_reason": "content_filter"}])
    client, _ = await ask()

    answer = await client.messages.create(model="vendor/m1", max_tokens=64, messages=HELLO)

    assert answer.stop_reason == "refusal"
    assert answer.stop_details.type == "refusal"
    assert answer.content[0].text == "I won't."


# ---------------------------------------------------------------- fusion

PANEL = ["scripted/say=51", "scripted/say=51;delay=5", "scripted/say=52"]
FUSED = {"models": {"tritium/fusion": {"kind": "fusion", "panel": PANEL}}}
CLOSED = [{"role": "user", "content": "What is 17 times 3? Answer with a number."}]


async def test_a_fusion_answers_and_leaves_its_receipt(ask):
    client, live = await ask(FUSED)

    answer = await client.messages.create(model="openrouter/fusion", max_tokens=64, messages=CLOSED)

    assert "51" in answer.content[0].text
    assert answer.model_extra["fusion"]["run"] == answer.id
    assert answer.usage.model_extra["cost"] > 0
    assert (await live.document(answer.id))["outcome"] == "ok"


async def test_the_fusion_plugin_names_the_panel(ask):
    client, live = await ask(FUSED)
    plugin = {"id": "fusion", "analysis_models": ["scripted/say=7", "scripted/say=7;delay=1"]}

    async with client.messages.stream(
        model="tritium/fusion", max_tokens=64, messages=CLOSED, extra_body={"plugins": [plugin]}
    ) as stream:
        answer = await stream.get_final_message()

    assert "7" in answer.content[0].text
    assert len((await live.document(answer.id))["seats"]) == 2


async def test_a_fusions_progress_rides_on_pings_for_who_wants_it(ask):
    _, live = await ask(FUSED)

    asked = await post(
        live, {"model": "tritium/fusion", "messages": CLOSED, "stream": True, "fusion": {"events": True}}
    )
    not_asked = await post(live, {"model": "tritium/fusion", "messages": CLOSED, "stream": True})

    assert 'event: ping\ndata: {"type":"ping","fusion":' in asked.text
    assert '"ping","fusion"' not in not_asked.text


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("model", "error", "kind"),
    [
        ("scripted/error=400", anthropic.BadRequestError, "invalid_request_error"),
        ("acme/none", anthropic.NotFoundError, "not_found_error"),
        ("scripted/error=429", anthropic.RateLimitError, "rate_limit_error"),
        ("scripted/error=500", anthropic.InternalServerError, "api_error"),
        ("scripted/error=529", anthropic.APIStatusError, "overloaded_error"),
    ],
)
@pytest.mark.parametrize("streaming", [False, True])
async def test_an_error_has_anthropics_class_and_shape(ask, model, error, kind, streaming):
    client, _ = await ask({})

    with pytest.raises(error) as caught:
        await client.messages.create(model=model, max_tokens=9, messages=HELLO, stream=streaming)

    assert caught.value.body["type"] == "error"
    assert caught.value.body["error"]["type"] == kind
    assert caught.value.body["error"]["message"]


@pytest.mark.parametrize(
    ("change", "param", "says"),
    [
        ({"messages": []}, "messages", "empty"),
        ({"temperature": 1.5}, "temperature", "<= 1"),
        ({"max_tokens": 0}, "max_tokens", ">= 1"),
        ({"messages": [{"role": "user", "content": [{"type": "video"}]}]}, "messages[0].content[0].type", "'video'"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "file"}}]}]},
            "messages[0].content[0].source",
            "'base64'",
        ),
        ({"tools": [{"name": "x"}]}, "tools[0]", "input_schema"),
        ({"tools": [WEATHER], "tool_choice": {"type": "tool"}}, "tool_choice.name", "'name'"),
        ({"thinking": {"type": "hard"}}, "thinking.type", "hard"),
        ({"mcp_servers": [{"url": "https://example.org"}]}, "mcp_servers", "Anthropic's own servers"),
    ],
)
async def test_a_wrong_body_is_a_400_that_names_the_place(serve, change, param, says):
    live = await serve()

    reply = await post(live, {"model": "scripted/ok", "messages": HELLO, **change})

    body = reply.json()
    assert reply.status_code == 400, body
    assert body["error"]["type"] == "invalid_request_error"
    assert says in body["error"]["message"]
    assert body["metadata"]["param"] == param


async def test_a_stream_that_breaks_ends_with_an_error_event(ask):
    client, _ = await ask({})

    stream = await client.messages.create(model="scripted/words=9;die=2", max_tokens=9, messages=HELLO, stream=True)
    with pytest.raises(anthropic.APIStatusError, match="broke off"):
        _ = [event async for event in stream]


@pytest.mark.parametrize("streaming", [False, True])
async def test_the_upstream_socket_closes_when_the_client_leaves(ask, upstream, wire, streaming):
    upstream.hold = True
    if streaming:
        upstream.reply = wire.events(piece(content="Hi"), finished=False)
    _, live = await ask()

    asking = asyncio.create_task(post(live, {"model": "vendor/m1", "messages": HELLO, "stream": streaming}))
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


async def test_what_the_routing_did_is_told_to_who_asks_in_the_last_event(ask):
    client, _ = await ask({})
    headers = {"X-OpenRouter-Metadata": "enabled"}
    asking = {"model": "scripted/say=Hi", "max_tokens": 9, "messages": HELLO, "extra_headers": headers}

    whole = await client.messages.create(**asking)
    stream = await client.messages.create(**asking, stream=True)
    events = [event async for event in stream]

    assert whole.model_extra["openrouter_metadata"]["strategy"] == "direct"
    assert events[-1].type == "message_stop"
    assert events[-1].model_extra["openrouter_metadata"]["strategy"] == "direct"


async def test_a_fallback_answers_where_the_first_model_fails(ask):
    client, _ = await ask({})

    answer = await client.messages.create(
        model="scripted/error=500",
        max_tokens=9,
        messages=HELLO,
        extra_body={"fallbacks": [{"model": "scripted/say=Here"}]},
    )

    assert answer.content[0].text == "Here"


# ---------------------------------------------------------------- counting


async def test_tokens_are_estimated_by_length_with_tools_and_images(ask):
    client, _ = await ask({})
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A" * 100_000}}
    text = {"type": "text", "text": "word " * 800}

    plain = await client.messages.count_tokens(model="scripted/ok", messages=[{"role": "user", "content": [text]}])
    more = await client.messages.count_tokens(
        model="scripted/ok", messages=[{"role": "user", "content": [text, image]}], tools=[WEATHER], system="Be brief."
    )

    assert 950 <= plain.input_tokens <= 1100
    assert 1600 < more.input_tokens - plain.input_tokens < 2500


async def test_counting_for_a_model_that_is_not_there_is_a_404(ask):
    client, _ = await ask({})

    with pytest.raises(anthropic.NotFoundError):
        await client.messages.count_tokens(model="acme/none", messages=HELLO)
