"""What goes through the Responses API besides text: tools, schemas, images and files, thoughts and their seals."""

from __future__ import annotations

import json

import pydantic

from .responses_client import WEATHER, call_piece, create, names, piece, provider, streamed
from .responses_spec import check_response

# ---------------------------------------------------------------- tools


async def test_a_tool_round_trip(serve, upstream, wire):
    call = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Oslo"}'}}
    message = {"role": "assistant", "content": "Let me see.", "tool_calls": [call]}
    upstream.reply = wire.completion(choices=[{"index": 0, "message": message, "finish_reason": "tool_calls"}])
    live = await serve(provider(upstream), VENDOR_KEY="x")

    asked = [{"role": "user", "content": "Weather?"}]
    first = await create(live, input=asked, tools=[WEATHER], tool_choice="required", parallel_tool_calls=False)
    assert [item.type for item in first.output] == ["message", "function_call"]
    called = first.output[1]
    assert (called.name, called.call_id, json.loads(called.arguments)) == ("get_weather", "call_1", {"city": "Oslo"})

    upstream.reply = wire.completion("Rain.")
    output = {"type": "function_call_output", "call_id": called.call_id, "output": "rain"}
    second = await create(live, input=[*asked, *[item.to_dict() for item in first.output], output], tools=[WEATHER])

    assert second.output_text == "Rain."
    sent = upstream.requests[0]
    function = {name: WEATHER[name] for name in ("name", "parameters", "description")}
    assert sent["tools"] == [{"type": "function", "function": function}]
    assert (sent["tool_choice"], sent["parallel_tool_calls"]) == ("required", False)
    assert upstream.requests[1]["messages"] == [
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": "Let me see.", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
    ]


async def test_parallel_calls_stream_each_as_its_own_item_even_when_their_pieces_interleave(serve, upstream, wire):
    upstream.reply = wire.events(
        call_piece(0, "c0", "get_weather"),
        call_piece(1, "c1", "get_weather"),
        call_piece(0, arguments='{"city":'),
        call_piece(1, arguments='{"city":"Rome"}'),
        call_piece(0, arguments='"Oslo"}'),
        piece("tool_calls"),
    )
    live = await serve(provider(upstream), VENDOR_KEY="x")

    events = await streamed(live, tools=[WEATHER])

    calls = [(item.call_id, item.arguments, item.status) for item in events[-1].response.output]
    assert calls == [("c0", '{"city":"Oslo"}', "completed"), ("c1", '{"city":"Rome"}', "completed")]
    assert names(events)[2:4] == ["output_item.added", "output_item.added"]
    assert names(events)[-5:] == [
        "function_call_arguments.done",
        "output_item.done",
        "function_call_arguments.done",
        "output_item.done",
        "completed",
    ]


async def test_a_schema_becomes_a_response_format_and_the_answer_is_parsed(serve, upstream, wire):
    class City(pydantic.BaseModel):
        name: str

    upstream.reply = wire.completion('{"name": "Oslo"}')
    live = await serve(provider(upstream), VENDOR_KEY="x")

    response = await live.client.responses.parse(model="vendor/m1", input="A city", text_format=City)

    check_response({**response.to_dict(mode="json"), "output": []})
    assert response.output_parsed == City(name="Oslo")
    sent = upstream.requests[0]["response_format"]
    assert (sent["type"], sent["json_schema"]["name"], sent["json_schema"]["strict"]) == ("json_schema", "City", True)
    assert sent["json_schema"]["schema"]["required"] == ["name"]


async def test_images_files_and_sound_reach_the_provider_as_parts_of_chat(serve, upstream, wire):
    upstream.reply = wire.completion()
    live = await serve(provider(upstream), VENDOR_KEY="x")
    image = "data:image/png;base64,iVBORw0KGgo="

    await create(
        live,
        input=[
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "What is this?"},
                    {"type": "input_image", "image_url": image, "detail": "low"},
                    {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBE"},
                    {"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}},
                ],
            }
        ],
    )

    assert upstream.requests[0]["messages"][0]["content"] == [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": image, "detail": "low"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBE"}},
        {"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}},
    ]


# ---------------------------------------------------------------- thoughts


async def test_plain_reasoning_is_an_item_before_the_message(serve, upstream, wire):
    upstream.reply = wire.events(
        piece(reasoning_content="Let "), piece(reasoning_content="me."), piece(content="Hi"), piece("stop")
    )
    live = await serve(provider(upstream), VENDOR_KEY="x")

    events = await streamed(live)

    assert names(events)[2:9] == [
        "output_item.added",
        "content_part.added",
        "reasoning_text.delta",
        "reasoning_text.delta",
        "reasoning_text.done",
        "content_part.done",
        "output_item.done",
    ]
    thought, message = events[-1].response.output
    assert (thought.content[0].text, message.content[0].text) == ("Let me.", "Hi")


async def test_signed_and_secret_thoughts_go_back_to_the_vendor_they_came_from(serve, upstream, wire, claude_stream):
    upstream.reply = wire.events(*claude_stream)
    vendor = {"base_url": upstream.url, "key_env": "VENDOR_KEY", "format": "anthropic"}
    live = await serve({"providers": {"claude": vendor}}, VENDOR_KEY="x")
    model = "claude/claude-sonnet-4-5"

    events = await streamed(live, model=model, reasoning={"effort": "low"}, tools=[WEATHER])
    items = [item.to_dict() for item in events[-1].response.output]
    output = {"type": "function_call_output", "call_id": "t1", "output": "rain"}
    await streamed(live, model=model, input=[{"role": "user", "content": "Weather?"}, *items, output], tools=[WEATHER])

    assert [item["type"] for item in items] == ["reasoning", "reasoning", "message", "function_call"]
    assert upstream.requests[1]["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "Mm.", "signature": "sig=="},
        {"type": "redacted_thinking", "data": "xyz"},
        {"type": "text", "text": "Hi"},
        {"type": "tool_use", "id": "t1", "name": "get_weather", "input": {}},
    ]


async def test_a_summary_and_its_sealed_thought_are_one_item_under_the_vendors_id(serve, upstream, wire):
    shared = {"id": "rs_1", "format": "openai-responses-v1", "index": 0}
    upstream.reply = wire.events(
        piece(reasoning="Su", reasoning_details=[{"type": "reasoning.summary", "summary": "Su", **shared}]),
        piece(reasoning="m", reasoning_details=[{"type": "reasoning.summary", "summary": "m", **shared}]),
        piece(reasoning_details=[{"type": "reasoning.encrypted", "data": "gAAA", **shared}]),
        piece(content="Hi"),
        piece("stop"),
    )
    live = await serve(provider(upstream), VENDOR_KEY="x")

    events = await streamed(live)

    assert "reasoning_summary_text.delta" in names(events)
    thought = events[-1].response.output[0].to_dict()
    assert thought == {
        "type": "reasoning",
        "id": "rs_1",
        "status": "completed",
        "summary": [{"type": "summary_text", "text": "Sum"}],
        "encrypted_content": "gAAA",
        "format": "openai-responses-v1",
    }


async def test_a_client_that_keeps_only_encrypted_content_still_gives_back_the_whole_thought(
    serve, upstream, wire, claude_stream
):
    upstream.reply = wire.events(*claude_stream)
    vendor = {"base_url": upstream.url, "key_env": "VENDOR_KEY", "format": "anthropic"}
    live = await serve({"providers": {"claude": vendor}}, VENDOR_KEY="x")
    asked = {"model": "claude/claude-sonnet-4-5", "tools": [WEATHER], "include": ["reasoning.encrypted_content"]}

    events = await streamed(live, **asked, reasoning={"effort": "low"})
    items = [item.to_dict() for item in events[-1].response.output]
    for item in items:
        if item["type"] == "reasoning":
            for name in ("signature", "format", "content"):
                item.pop(name, None)
    output = {"type": "function_call_output", "call_id": "t1", "output": "rain"}
    await streamed(live, **asked, input=[{"role": "user", "content": "Weather?"}, *items, output])

    assert upstream.requests[1]["messages"][1]["content"][:2] == [
        {"type": "thinking", "thinking": "Mm.", "signature": "sig=="},
        {"type": "redacted_thinking", "data": "xyz"},
    ]
