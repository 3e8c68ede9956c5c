"""Tools, thoughts and images through the official Anthropic SDK, and back with the next turn."""

from __future__ import annotations

import anthropic
import pytest

HELLO = [{"role": "user", "content": "Say hello"}]
PRICES = {"prices": {"vendor/m1": {"input": 3, "output": 15}, "claude/claude-sonnet-4-5": {"input": 3, "output": 15}}}
WEATHER = {
    "name": "get_weather",
    "description": "The weather in a city",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
EPHEMERAL = {"type": "ephemeral"}


def piece(finish=None, **delta):
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def call_piece(index, *, call_id=None, **function):
    return {"index": index, "id": call_id, "function": function}


# ---------------------------------------------------------------- tools


def tool_message(*calls):
    return {"role": "assistant", "content": None, "tool_calls": list(calls)}


async def test_a_tool_is_called_and_its_result_goes_back(ask, upstream, wire):
    call = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Oslo"}'}}
    upstream.reply = wire.completion(
        choices=[{"index": 0, "message": tool_message(call), "finish_reason": "tool_calls"}]
    )
    client, _ = await ask()
    question = {"role": "user", "content": "Weather in Oslo?"}
    choice = {"type": "any", "disable_parallel_tool_use": True}

    answer = await client.messages.create(
        model="vendor/m1", max_tokens=64, messages=[question], tools=[WEATHER], tool_choice=choice
    )

    (use,) = answer.content
    assert (use.type, use.id, use.name, use.input) == ("tool_use", "call_1", "get_weather", {"city": "Oslo"})
    assert answer.stop_reason == "tool_use"
    sent = upstream.requests[0]
    assert sent["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "get_weather",
                "parameters": WEATHER["input_schema"],
                "description": "The weather in a city",
            },
        }
    ]
    assert (sent["tool_choice"], sent["parallel_tool_calls"]) == ("required", False)

    upstream.reply = wire.completion("Mild.")
    result = {"type": "tool_result", "tool_use_id": use.id, "content": [{"type": "text", "text": "12 °C"}]}
    await client.messages.create(
        model="vendor/m1",
        max_tokens=64,
        tools=[WEATHER],
        messages=[
            question,
            {"role": "assistant", "content": answer.content},
            {"role": "user", "content": [result, {"type": "text", "text": "So?"}]},
        ],
    )

    assert upstream.requests[1]["messages"] == [
        question,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "12 °C"},
        {"role": "user", "content": "So?"},
    ]


async def test_tool_calls_stream_as_json_in_pieces(ask, upstream, wire):
    upstream.reply = wire.events(
        piece(content="Let me see."),
        piece(tool_calls=[call_piece(0, call_id="a", name="get_weather", arguments="")]),
        piece(tool_calls=[call_piece(0, arguments='{"city":')]),
        piece(tool_calls=[call_piece(0, arguments='"Oslo"}')]),
        piece(tool_calls=[call_piece(1, call_id="b", name="get_time", arguments="")]),
        piece("tool_calls"),
        b"[DONE]",
    )
    client, _ = await ask()

    async with client.messages.stream(model="vendor/m1", max_tokens=64, messages=HELLO, tools=[WEATHER]) as stream:
        partial = [event.partial_json async for event in stream if event.type == "input_json"]
        answer = await stream.get_final_message()

    assert partial == ['{"city":', '"Oslo"}']
    assert [block.type for block in answer.content] == ["text", "tool_use", "tool_use"]
    assert [block.input for block in answer.content[1:]] == [{"city": "Oslo"}, {}]
    assert answer.stop_reason == "tool_use"


async def test_interleaved_tool_calls_come_one_after_the_other(ask, upstream, wire):
    upstream.reply = wire.events(
        piece(
            tool_calls=[
                call_piece(0, call_id="a", name="first", arguments='{"x":'),
                call_piece(1, call_id="b", name="second", arguments='{"y":'),
            ]
        ),
        piece(content="Both at once."),
        piece(tool_calls=[call_piece(1, arguments="2}"), call_piece(0, arguments="1}")]),
        piece("stop"),
        b"[DONE]",
    )
    client, _ = await ask()

    stream = await client.messages.create(
        model="vendor/m1", max_tokens=64, messages=HELLO, tools=[WEATHER], stream=True
    )
    blocks = [
        (event.type.removeprefix("content_block_"), event.index)
        async for event in stream
        if event.type in ("content_block_start", "content_block_stop")
    ]

    assert blocks == [(kind, index) for index in range(3) for kind in ("start", "stop")]


@pytest.mark.parametrize("model", ["vendor/m1", "tritium/fusion"])
async def test_anthropics_own_tools_are_refused_by_whoever_lacks_them(ask, upstream, wire, model):
    client, _ = await ask()

    with pytest.raises(anthropic.BadRequestError, match="built into Anthropic") as caught:
        await client.messages.create(
            model=model, max_tokens=64, messages=HELLO, tools=[{"type": "web_search_20250305", "name": "web_search"}]
        )

    assert caught.value.body["metadata"]["param"] == "tools[0].type"
    assert upstream.requests == []


# ---------------------------------------------------------------- thoughts


async def test_thoughts_come_to_who_asked_and_go_back_where_they_are_wanted(serve, ask, upstream, wire):
    call = {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
    message = {**tool_message(call), "reasoning_content": "Look first."}
    upstream.reply = wire.completion(choices=[{"index": 0, "message": message, "finish_reason": "tool_calls"}])
    config = {"providers": {"deepseek": {"base_url": upstream.url, "key_env": "VENDOR_KEY"}}}
    client, _ = await ask(config)
    asking = {"model": "deepseek/m", "max_tokens": 4096, "tools": [WEATHER], "thinking": {"type": "adaptive"}}

    answer = await client.messages.create(**asking, messages=HELLO)
    result = {"type": "tool_result", "tool_use_id": "c1", "content": "12", "is_error": True}
    again = [*HELLO, {"role": "assistant", "content": answer.content}, {"role": "user", "content": [result]}]
    await client.messages.create(**asking, messages=again)

    assert [block.type for block in answer.content] == ["thinking", "tool_use"]
    assert answer.content[0].thinking == "Look first."
    assert upstream.requests[1]["messages"][1] == {
        "role": "assistant",
        "content": None,
        "tool_calls": [call],
        "reasoning_content": "Look first.",
    }
    assert upstream.requests[1]["messages"][2] == {"role": "tool", "tool_call_id": "c1", "content": "12"}
    assert "reasoning" not in upstream.requests[0]


async def test_a_client_that_did_not_ask_for_thoughts_finds_the_answer_first(ask, upstream, wire):
    upstream.reply = wire.events(piece(reasoning="Hmm."), piece(content="Hi"), piece("stop"), b"[DONE]")
    client, _ = await ask()

    async with client.messages.stream(model="vendor/m1", max_tokens=64, messages=HELLO) as stream:
        answer = await stream.get_final_message()

    assert [block.type for block in answer.content] == ["text"]


async def test_claudes_signed_thoughts_and_cache_marks_make_the_round_trip(ask, upstream, wire, claude_stream):
    upstream.reply = wire.events(*claude_stream)
    client, _ = await ask(**PRICES)
    asking = {
        "model": "claude/claude-sonnet-4-5",
        "max_tokens": 4096,
        "thinking": {"type": "enabled", "budget_tokens": 2048},
        "tools": [{**WEATHER, "cache_control": EPHEMERAL}],
        "system": [
            {"type": "text", "text": "Be brief."},
            {"type": "text", "text": "Be kind.", "cache_control": EPHEMERAL},
        ],
    }

    async with client.messages.stream(**asking, messages=HELLO) as stream:
        answer = await stream.get_final_message()
    result = {
        "type": "tool_result",
        "tool_use_id": "t1",
        "content": [{"type": "text", "text": "no such city"}],
        "is_error": True,
        "cache_control": {**EPHEMERAL, "ttl": "1h", "scope": "global"},
    }
    said = [block.to_dict() for block in answer.content]
    upstream.reply = wire.events(*claude_stream)
    async with client.messages.stream(
        **asking, messages=[*HELLO, {"role": "assistant", "content": said}, {"role": "user", "content": [result]}]
    ) as stream:
        await stream.get_final_message()

    assert [block.type for block in answer.content] == ["thinking", "redacted_thinking", "text", "tool_use"]
    assert (answer.usage.input_tokens, answer.usage.cache_read_input_tokens) == (7, 3)
    first, second = upstream.requests
    assert first["thinking"] == {"type": "enabled", "budget_tokens": 2048}
    assert first["system"] == asking["system"]
    assert first["tools"] == asking["tools"]
    assert second["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "Mm.", "signature": "sig=="},
        {"type": "redacted_thinking", "data": "xyz"},
        {"type": "text", "text": "Hi"},
        {"type": "tool_use", "id": "t1", "name": "get_weather", "input": {}},
    ]
    assert second["messages"][2]["content"] == [
        {**result, "cache_control": {"type": "ephemeral", "ttl": "1h"}},
    ]


async def test_anthropics_own_tools_reach_anthropic_as_they_are(ask, upstream, wire, claude_stream):
    upstream.reply = wire.events(*claude_stream)
    client, _ = await ask()
    search = {"type": "web_search_20250305", "name": "web_search", "max_uses": 3}

    async with client.messages.stream(
        model="claude/claude-sonnet-4-5", max_tokens=64, messages=HELLO, tools=[search]
    ) as stream:
        await stream.get_final_message()

    assert upstream.requests[0]["tools"] == [search]


async def test_another_vendors_sealed_thoughts_come_back_as_they_were(ask, upstream, wire):
    secret = {"type": "reasoning.encrypted", "data": "s:1", "format": "google-gemini-v1", "id": "call:1", "index": 0}
    signed = {"type": "reasoning.text", "text": "Mm.", "signature": "q", "format": "xai-responses-v1", "index": 1}
    message = {"role": "assistant", "content": "Hi", "reasoning_details": [secret, signed]}
    upstream.reply = wire.completion(choices=[{"index": 0, "message": message, "finish_reason": "stop"}])
    config = {"providers": {"openrouter": {"base_url": upstream.url, "key_env": "VENDOR_KEY"}}}
    client, _ = await ask(config)

    answer = await client.messages.create(model="openrouter/m", max_tokens=64, messages=HELLO)
    again = [*HELLO, {"role": "assistant", "content": [b.to_dict() for b in answer.content]}, *HELLO]
    await client.messages.create(model="openrouter/m", max_tokens=64, messages=again)

    assert [block.type for block in answer.content] == ["thinking", "text", "redacted_thinking"]
    assert upstream.requests[1]["messages"][1]["reasoning_details"] == [
        {**signed, "index": 0},
        {**secret, "index": 1},
    ]


# ---------------------------------------------------------------- images and documents


async def test_images_and_documents_arrive_in_the_vendors_form(ask, upstream, wire):
    upstream.reply = wire.completion("A cat.")
    client, _ = await ask()
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}
    content = [
        image,
        {"type": "image", "source": {"type": "url", "url": "https://example.org/cat.png"}},
        {
            "type": "document",
            "title": "a.pdf",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
        },
        {"type": "document", "title": "Notes", "source": {"type": "text", "media_type": "text/plain", "data": "Meow."}},
        {"type": "text", "text": "What is it?"},
    ]

    await client.messages.create(model="vendor/m1", max_tokens=64, messages=[{"role": "user", "content": content}])

    assert upstream.requests[0]["messages"][0]["content"] == [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
        {"type": "image_url", "image_url": {"url": "https://example.org/cat.png"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}},
        {"type": "text", "text": "Notes"},
        {"type": "text", "text": "Meow."},
        {"type": "text", "text": "What is it?"},
    ]


async def test_an_image_that_a_tool_returned_is_shown_by_the_user(ask, upstream, wire):
    upstream.reply = wire.completion("A cat.")
    client, _ = await ask()
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}
    uses = [{"type": "tool_use", "id": name, "name": "read", "input": {}} for name in ("t1", "t2")]
    results = [
        {"type": "tool_result", "tool_use_id": "t1", "content": [image]},
        {"type": "tool_result", "tool_use_id": "t2", "content": "text"},
    ]
    chat = [*HELLO, {"role": "assistant", "content": uses}, {"role": "user", "content": results}]

    await client.messages.create(model="vendor/m1", max_tokens=64, messages=chat)

    sent = upstream.requests[0]["messages"][2:]
    assert [message["role"] for message in sent] == ["tool", "tool", "user"]
    assert sent[1]["content"] == "text"
    assert sent[2]["content"][1] == {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
