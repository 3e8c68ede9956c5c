"""The official SDK's Responses API against a plain model: whole, streaming, its accumulation, failures, a hang-up."""

from __future__ import annotations

import asyncio
import json
import time

import openai
import pytest

from .responses_client import COST, PRICES, USAGE, call_piece, create, names, piece, post, provider, streamed
from .responses_spec import check_error, check_event

# ---------------------------------------------------------------- answers


async def test_a_text_comes_back_as_a_message_item_with_usage_and_cost(serve, upstream, wire):
    upstream.reply = wire.completion("Hello")
    live = await serve(provider(upstream, **PRICES), VENDOR_KEY="x")

    response = await create(
        live,
        instructions="Be brief.",
        max_output_tokens=64,
        temperature=0.5,
        metadata={"a": "b"},
        truncation="auto",
        store=False,
        text={"verbosity": "low"},
        reasoning={"effort": "low", "summary": "auto"},
        extra_body={"seed": 7, "vendor_field": [1]},
    )

    assert response.output_text == "Hello"
    assert (response.status, response.model, response.object) == ("completed", "vendor/m1", "response")
    message = response.output[0]
    assert (message.type, message.role, message.status) == ("message", "assistant", "completed")
    assert message.content[0].to_dict() == {"type": "output_text", "text": "Hello", "annotations": [], "logprobs": []}
    assert (response.usage.input_tokens, response.usage.output_tokens, response.usage.total_tokens) == (10, 2, 12)
    assert response.usage.model_extra["cost"] == pytest.approx(COST)
    details = response.usage.model_extra["cost_details"]
    assert details["upstream_inference_input_cost"] == pytest.approx(30 / 1e6)
    assert details["upstream_inference_output_cost"] == pytest.approx(30 / 1e6)
    assert (await live.rows(response.id))[0].cost_nanodollars == round(COST * 1e9)
    assert (response.instructions, response.metadata, response.temperature) == ("Be brief.", {"a": "b"}, 0.5)
    assert upstream.requests == [
        {
            "model": "m1",
            "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Say hello"}],
            "max_tokens": 64,
            "temperature": 0.5,
            "verbosity": "low",
            "reasoning_effort": "low",
            "seed": 7,
            "vendor_field": [1],
            "stream": False,
        }
    ]


async def test_a_stream_is_the_sequence_of_events_that_openai_documents(serve, upstream, wire):
    upstream.reply = wire.events(piece(role="assistant", content="Hel"), piece(content="lo"), piece("stop"), USAGE)
    live = await serve(provider(upstream, **PRICES), VENDOR_KEY="x")

    events = await streamed(live)

    assert names(events) == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert [event.delta for event in events if event.type.endswith("delta")] == ["Hel", "lo"]
    assert (events[0].response.status, events[0].response.output) == ("in_progress", [])
    last = events[-1].response
    assert (last.id, last.status, last.output_text) == (events[0].response.id, "completed", "Hello")
    assert last.output[0].to_dict() == events[-2].item.to_dict()
    assert last.usage.model_extra["cost"] == pytest.approx(COST)


async def test_the_sdks_own_accumulation_agrees_with_the_final_response(serve, upstream, wire):
    upstream.reply = wire.events(
        piece(reasoning="Mm."), piece(content="Let me see."), call_piece(0, "c1", "get_weather", "{}"), piece("stop")
    )
    live = await serve(provider(upstream), VENDOR_KEY="x")

    async with live.client.responses.stream(model="vendor/m1", input="Hi") as stream:
        async for _ in stream:
            pass
        final = await stream.get_final_response()

    assert [item.type for item in final.output] == ["reasoning", "message", "function_call"]
    assert final.output_text == "Let me see."


@pytest.mark.parametrize(
    ("path", "named", "ending"),
    [("/v1/responses", True, b"\n\n"), ("/api/v1/responses", False, b"data: [DONE]\n\n")],
)
async def test_events_are_named_for_openais_clients_and_end_with_done_for_openrouters(serve, path, named, ending):
    live = await serve()

    reply = await post(live, {"model": "scripted/say=Hi", "input": "x", "stream": True}, path)

    lines = reply.content.split(b"\n")
    assert (b"event: response.created" in lines) is named
    assert (b"data: [DONE]" in lines) is not named
    assert reply.content.endswith(ending)
    assert reply.headers["x-generation-id"].startswith("gen-")
    for line in lines:
        if line.startswith(b"data: {"):
            check_event(json.loads(line[6:]))


@pytest.mark.parametrize(("finish", "reason"), [("length", "max_output_tokens"), ("content_filter", "content_filter")])
async def test_an_answer_that_was_cut_is_incomplete_and_says_why(serve, upstream, wire, finish, reason):
    upstream.reply = wire.events(piece(content="Hel"), piece(finish))
    live = await serve(provider(upstream), VENDOR_KEY="x")

    events = await streamed(live)

    last = events[-1].response
    assert (events[-1].type, last.status, last.completed_at) == ("response.incomplete", "incomplete", None)
    assert last.incomplete_details.reason == reason
    assert last.output[0].status == "incomplete"


async def test_an_answer_without_a_word_is_an_empty_message(serve):
    live = await serve()

    response = await create(live, model="scripted/empty")

    assert [item.type for item in response.output] == ["message"]
    assert response.output_text == ""


async def test_a_refusal_is_a_part_of_its_own(serve, upstream, wire):
    upstream.reply = wire.events(piece(content="Well. "), piece(refusal="I can"), piece(refusal="not."), piece("stop"))
    live = await serve(provider(upstream), VENDOR_KEY="x")

    events = await streamed(live)

    parts = [part.to_dict() for part in events[-1].response.output[0].content]
    assert [part["type"] for part in parts] == ["output_text", "refusal"]
    assert parts[1]["refusal"] == "I cannot."
    assert names(events)[7:10] == ["content_part.added", "refusal.delta", "refusal.delta"]


async def test_log_probabilities_and_citations_come_through(serve, upstream, wire):
    logprob = {"token": "Hi", "logprob": -0.1, "bytes": [72, 105], "top_logprobs": [{"token": "Yo", "logprob": -2}]}
    cited = {"url": "https://example.org/1", "title": "One", "start_index": 0, "end_index": 2}
    annotations = [{"type": "url_citation", "url_citation": cited}]
    first = piece(content="Hi", annotations=annotations)
    first["choices"][0]["logprobs"] = {"content": [logprob]}
    upstream.reply = wire.events(first, piece("stop"))
    live = await serve(provider(upstream), VENDOR_KEY="x")

    events = await streamed(live, include=["message.output_text.logprobs"], top_logprobs=1)

    part = events[-1].response.output[0].content[0]
    assert (part.logprobs[0].token, part.logprobs[0].top_logprobs[0].token) == ("Hi", "Yo")
    assert part.annotations[0].to_dict() == {"type": "url_citation", **cited}
    assert "output_text.annotation.added" in names(events)
    assert (upstream.requests[0]["logprobs"], upstream.requests[0]["top_logprobs"]) == (True, 1)


# ---------------------------------------------------------------- failures


async def test_what_cannot_be_served_is_refused_in_the_dialect_of_the_prefix(serve):
    live = await serve()
    body = {"model": "scripted/say=Hi", "input": "x", "stream": True, "previous_response_id": "resp_1"}

    with pytest.raises(openai.BadRequestError) as caught:
        await live.client.responses.create(**body)
    reply = await post(live, body, "/api/v1/responses")

    assert (caught.value.param, caught.value.type) == ("previous_response_id", "invalid_request_error")
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, 400)
    assert reply.json()["error_type"] == "invalid_request"
    assert "send the earlier items" in reply.json()["error"]["message"]
    check_error(reply.json())


async def test_a_model_that_is_not_there_is_404_for_openai_and_400_for_openrouter(serve):
    live = await serve()

    with pytest.raises(openai.NotFoundError) as caught:
        await live.client.responses.create(model="nobody/m", input="x", stream=True)
    reply = await post(live, {"model": "nobody/m", "input": "x"}, "/api/v1/responses")

    assert caught.value.code == "model_not_found"
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, 400)


async def test_a_providers_refusal_keeps_its_status_also_where_a_stream_was_asked_for(serve):
    live = await serve()

    with pytest.raises(openai.RateLimitError):
        await live.client.responses.create(model="scripted/error=429", input="x", stream=True)


async def test_a_failure_in_the_middle_ends_the_stream_with_response_failed(serve):
    live = await serve()

    events = await streamed(live, model="scripted/words=40;die=10")

    assert names(events)[-4:] == ["output_text.done", "content_part.done", "output_item.done", "failed"]
    failed = events[-1].response
    assert (failed.status, failed.error.code) == ("failed", "server_error")
    assert "broke off" in failed.error.message
    assert failed.model_extra["error_type"] == "provider_unavailable"
    assert failed.output[0].status == "incomplete"


async def test_a_client_that_leaves_has_its_provider_call_closed(serve, upstream, wire):
    upstream.reply = wire.events(piece(content="Hel"), finished=False)
    upstream.hold = True
    live = await serve(provider(upstream), VENDOR_KEY="x")

    stream = await live.client.responses.create(model="vendor/m1", input="x", stream=True)
    async for event in stream:
        if event.type == "response.output_text.delta":
            break
    left = time.monotonic()
    await stream.close()
    while not upstream.closed_at:
        assert time.monotonic() - left < 5
        await asyncio.sleep(0.01)

    assert upstream.closed_at[0] - left < 1
