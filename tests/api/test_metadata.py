"""`openrouter_metadata` stands where clients of each dialect look for it, and only where a route was taken."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from .responses_spec import check_event, check_response

HELLO = [{"role": "user", "content": "Hi"}]
BODIES: dict[str, dict[str, Any]] = {
    "/chat/completions": {"messages": HELLO},
    "/responses": {"input": "Hi"},
    "/messages": {"messages": HELLO, "max_tokens": 5},
    "/completions": {"prompt": "Hi"},
}
WISH = {"X-OpenRouter-Metadata": "enabled"}


async def post(live: Any, path: str, body: dict[str, Any], **headers: str) -> httpx.Response:
    async with httpx.AsyncClient() as client:
        return await client.post(live.url + path, json=body, headers=WISH | headers, timeout=20)


def events_of(reply: httpx.Response) -> list[dict[str, Any]]:
    lines = [line.removeprefix("data: ") for line in reply.text.splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def holder(event: dict[str, Any]) -> dict[str, Any]:
    """The object that is the answer in a stream's event."""
    return event.get("response", event)


@pytest.mark.parametrize("base", ["/v1", "/api/v1"])
@pytest.mark.parametrize("path", BODIES)
async def test_a_whole_answer_says_how_it_came_about(serve, path, base):
    reply = await post(await serve(), base + path, {"model": "scripted/say=Hi", **BODIES[path]})

    told = reply.json()["openrouter_metadata"]
    assert (told["requested"], told["strategy"], told["attempt"]) == ("scripted/say=Hi", "direct", 1)
    if path == "/responses":
        check_response(reply.json())


@pytest.mark.parametrize("base", ["/v1", "/api/v1"])
@pytest.mark.parametrize("path", BODIES)
async def test_a_stream_says_it_at_its_end(serve, path, base):
    reply = await post(await serve(), base + path, {"model": "scripted/say=Hi", "stream": True, **BODIES[path]})

    *before, last = events_of(reply)
    assert not any("openrouter_metadata" in holder(each) for each in before)
    assert holder(last)["openrouter_metadata"]["attempts"][0]["status"] == 200
    if path == "/responses":
        assert last["type"] == "response.completed"
        check_event(last)


@pytest.mark.parametrize("path", BODIES)
async def test_a_stream_that_fails_says_it_too(serve, path):
    body = {"model": "scripted/words=6;die=2", "stream": True, **BODIES[path]}
    reply = await post(await serve(), f"/api/v1{path}", body)

    assert holder(events_of(reply)[-1])["openrouter_metadata"]["attempt"] == 1


@pytest.mark.parametrize("path", BODIES)
async def test_a_failure_says_it_beside_the_error(serve, path):
    reply = await post(await serve(), f"/api/v1{path}", {"model": "scripted/error=503", **BODIES[path]})

    assert reply.status_code == 503
    assert reply.json()["openrouter_metadata"]["attempts"][0]["status"] == 503


@pytest.mark.parametrize("path", BODIES)
async def test_a_request_that_was_never_routed_says_nothing_of_it(serve, path):
    reply = await post(await serve(), f"/api/v1{path}", {"model": "nobody/knows", **BODIES[path]})

    assert "openrouter_metadata" not in reply.json()


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("path", BODIES)
async def test_an_answer_from_memory_took_no_route(serve, path, streaming):
    live = await serve()
    body = {"model": "scripted/say=Hi", "stream": streaming, **BODIES[path]}
    replies = [await post(live, f"/api/v1{path}", body, **{"X-OpenRouter-Cache": "true"}) for _ in range(2)]

    assert [each.headers["x-openrouter-cache-status"] for each in replies] == ["MISS", "HIT"]
    assert ["openrouter_metadata" in each.text for each in replies] == [True, False]
    assert await live.rows(replies[1].headers["x-generation-id"])


async def test_anthropics_clients_find_their_requests_id_all_the_same(serve):
    reply = await post(await serve(), "/api/v1/messages", {"model": "scripted/say=Hi", **BODIES["/messages"]})

    assert reply.headers["request-id"] == reply.json()["id"]
