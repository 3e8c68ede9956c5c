"""A session's requests stay with the provider that has their prompt in its cache, whatever dialect they come in."""

from __future__ import annotations

import json

import httpx
import pytest

BODIES = {
    "/api/v1/chat/completions": {"messages": [{"role": "user", "content": "Hi"}]},
    "/api/v1/responses": {"input": "Hi"},
    "/api/v1/messages": {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 5},
    "/api/v1/completions": {"prompt": "Hi"},
}


@pytest.fixture
async def live(serve, upstream, wire):
    """One model at three providers of one price."""
    upstream.reply = wire.completion()
    names = ("one", "two", "three")
    providers = {name: {"base_url": f"{upstream.url}/{name}", "models": ["m"]} for name in names}
    route = {"kind": "route", "endpoints": [f"{name}/m" for name in names]}
    return await serve({"providers": providers, "models": {"all": route}})


def asked(upstream):
    """Who was, by the path."""
    return [head.split(b" ")[1].split(b"/")[2].decode() for head in upstream.heads]


async def post(live, path, more=None, **headers):
    async with httpx.AsyncClient() as client:
        body = {"model": "all", **BODIES[path], **(more or {})}
        reply = await client.post(live.url + path, json=body, headers=headers, timeout=20)
        assert reply.status_code == 200, reply.text


@pytest.mark.parametrize("path", BODIES)
async def test_requests_of_one_session_go_to_one_provider(live, upstream, path):
    for _ in range(8):
        await post(live, path, {"session_id": "s-1"})
    for _ in range(8):
        await post(live, path, **{"X-Session-Id": "s-1"})

    assert len(set(asked(upstream))) == 1


async def test_the_bodys_session_wins_over_the_headers(live, upstream):
    path = "/api/v1/chat/completions"
    await post(live, path, {"session_id": "mine"})
    for number in range(8):
        await post(live, path, {"session_id": "mine"}, **{"X-Session-Id": f"s-{number}"})
        await post(live, path, {"session_id": None}, **{"X-Session-Id": "mine"})

    assert len(set(asked(upstream))) == 1


async def test_requests_without_a_session_are_spread(live, upstream):
    for _ in range(40):
        await post(live, "/api/v1/chat/completions")

    assert len(set(asked(upstream))) == 3


async def test_an_order_that_is_asked_for_is_kept(live, upstream):
    path = "/api/v1/chat/completions"
    await post(live, path, {"session_id": "s", "provider": {"order": ["one"]}})
    await post(live, path, {"session_id": "s", "provider": {"order": ["two"]}})
    await post(live, path, {"session_id": "s", "provider": {"only": ["three"]}})
    await post(live, path, {"session_id": "s"})

    assert asked(upstream) == ["one", "two", "three", "three"]


async def test_a_session_moves_when_its_provider_fails_and_stays_where_it_went(live, upstream, wire):
    path = "/api/v1/chat/completions"
    await post(live, path, {"session_id": "s"})
    upstream.reply = wire.http(500, b"{}")
    async with httpx.AsyncClient() as client:
        body = {"model": "all", **BODIES[path], "session_id": "s"}
        assert (await client.post(live.url + path, json=body, timeout=20)).status_code == 502
    upstream.reply = wire.completion()
    for _ in range(6):
        await post(live, path, {"session_id": "s"})

    first, *failed = asked(upstream)[:4]
    assert failed[0] == first
    assert len(set(failed)) == 3
    assert set(asked(upstream)[4:]) == {failed[-1]}


async def test_a_session_without_a_possible_name_is_refused(live):
    async with httpx.AsyncClient() as client:
        body = {"model": "all", **BODIES["/api/v1/chat/completions"], "session_id": "x" * 300}
        reply = await client.post(f"{live.url}/api/v1/chat/completions", json=body)

    assert reply.status_code == 400
    assert json.loads(reply.text)["error"]["metadata"]["param"] == "session_id"
