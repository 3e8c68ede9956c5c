"""GET /generation tells what became of a request, every field that OpenRouter's clients insist on among it."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

REQUIRED = """
    id upstream_id total_cost cache_discount upstream_inference_cost created_at model app_id streamed cancelled
    provider_name latency moderation_latency generation_time finish_reason service_tier tokens_prompt tokens_completion
    native_tokens_prompt native_tokens_completion native_tokens_completion_images native_tokens_reasoning
    native_tokens_cached num_media_prompt num_input_audio_prompt num_media_completion num_search_results num_fetches
    web_search_engine origin usage is_byok native_finish_reason external_user api_type preset_id router
    provider_responses user_agent http_referer data_region workspace_id
"""
HELLO = [{"role": "user", "content": "Hi"}]


async def found(live: Any, generation_id: str) -> dict[str, Any]:
    async with httpx.AsyncClient() as client:
        reply = await client.get(f"{live.url}/api/v1/generation", params={"id": generation_id})
    data = reply.json()["data"]
    assert set(REQUIRED.split()) <= set(data)
    return data


async def post(live: Any, path: str, body: dict[str, Any]) -> httpx.Response:
    async with httpx.AsyncClient() as client:
        return await client.post(f"{live.url}/api/v1{path}", json=body, timeout=20)


async def asked(live: Any, path: str, body: dict[str, Any]) -> dict[str, Any]:
    return await found(live, (await post(live, path, body)).headers["x-generation-id"])


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "stream"])
async def test_an_answer(serve, streaming):
    body = {"model": "scripted/say=Hi;price=1:1", "messages": HELLO, "stream": streaming}
    data = await asked(await serve(), "/chat/completions", body)

    assert (data["streamed"], data["cancelled"], data["finish_reason"]) == (streaming, False, "stop")
    assert (data["api_type"], data["router"]) == ("completions", None)
    (response,) = data["provider_responses"]
    assert (response["provider_name"], response["status"], response["is_byok"]) == ("scripted", 200, True)
    assert response["latency"] >= 0


async def test_a_provider_that_was_passed_over_keeps_its_status(serve):
    body = {"model": "scripted/error=429", "models": ["scripted/say=Hi"], "messages": HELLO}
    live = await serve()

    data = await asked(live, "/chat/completions", body)

    assert data["model"] == "scripted/say=Hi"
    assert [each["status"] for each in data["provider_responses"]] == [429, 200]
    assert [each["status"] for each in data["calls"]] == [429, 200]
    (second,) = [each["id"] for each in data["calls"] if each["status"] == 200]
    assert [each["status"] for each in (await found(live, second))["provider_responses"]] == [200]


async def test_a_failure(serve):
    data = await asked(await serve(), "/chat/completions", {"model": "scripted/error=503", "messages": HELLO})

    assert [each["status"] for each in data["provider_responses"]] == [503]
    assert (data["finish_reason"], data["total_cost"]) == (None, 0)


async def test_a_stream_whose_client_left(serve):
    live = await serve()
    body = {"model": "scripted/words=500;rate=100", "messages": HELLO, "stream": True}
    async with (
        httpx.AsyncClient() as client,
        client.stream("POST", f"{live.url}/api/v1/chat/completions", json=body) as reply,
    ):
        generation_id = reply.headers["x-generation-id"]
        await anext(reply.aiter_bytes())
    async with asyncio.timeout(5):
        while not await live.rows(generation_id):  # noqa: ASYNC110 - the server has nothing to wait for
            await asyncio.sleep(0.01)

    data = await found(live, generation_id)

    assert (data["cancelled"], data["streamed"], data["finish_reason"]) == (True, True, None)
    assert [each["status"] for each in data["provider_responses"]] == [None]


async def test_a_fusion_with_each_of_its_calls(serve):
    live = await serve()
    fusion = {"panel": ["scripted/say=4", "scripted/error=500", "scripted/say=4"]}

    data = await asked(live, "/chat/completions", {"model": "tritium/fusion", "messages": HELLO, "fusion": fusion})

    assert data["router"] == "openrouter/fusion"
    assert {each["status"] for each in data["provider_responses"]} == {200, 500}
    assert len(data["provider_responses"]) == len(data["calls"]) > 3
    seat = await found(live, data["calls"][0]["id"])
    assert len(seat["calls"]) == 1


@pytest.mark.parametrize(
    ("path", "body", "api_type"),
    [
        ("/embeddings", {"model": "scripted/ok", "input": "Hi"}, "embeddings"),
        ("/rerank", {"model": "scripted/ok", "query": "a", "documents": ["a", "b"]}, "rerank"),
    ],
)
async def test_vectors_are_no_fusion(serve, path, body, api_type):
    data = await asked(await serve(), path, body)

    assert (data["api_type"], data["router"]) == (api_type, None)
    assert [each["status"] for each in data["provider_responses"]] == [200]
