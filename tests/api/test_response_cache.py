"""The response cache: only who asks gets it, a hit is the same answer for free, and nothing that failed is kept."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx2
import pytest

ON = {"X-OpenRouter-Cache": "true"}
MODEL = "scripted/words=5;price=1000:1000"
BODY = {"model": MODEL, "messages": [{"role": "user", "content": "hello"}]}


CHAT = "/api/v1/chat/completions"


async def ask(live: Any, body: Any = None, headers: Any = ON, path: str = CHAT) -> httpx2.Response:
    content = body if isinstance(body, bytes) else json.dumps(BODY if body is None else body).encode()
    json_headers = {"content-type": "application/json", **headers}
    async with httpx2.AsyncClient() as http:
        return await http.post(live.url + path, content=content, headers=json_headers)


def status(answer: httpx2.Response) -> str | None:
    assert answer.status_code == 200, answer.text
    return answer.headers.get("x-openrouter-cache-status")


def events(answer: httpx2.Response) -> list[dict[str, Any]]:
    lines = [line[6:] for line in answer.text.splitlines() if line.startswith("data: ")]
    assert lines.pop() == "[DONE]"
    return [json.loads(line) for line in lines]


def said(chunks: list[dict[str, Any]]) -> str:
    return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])


async def test_a_hit_is_the_same_answer_with_a_new_id_for_free(serve):
    live = await serve()

    first, second = await ask(live), await ask(live)

    assert (status(first), status(second)) == ("MISS", "HIT")
    miss, hit = first.json(), second.json()
    assert hit["choices"] == miss["choices"]
    assert (hit["model"], hit["provider"]) == (miss["model"], miss["provider"])
    assert miss["usage"]["cost"] > 0
    assert hit["id"] != miss["id"]
    assert {hit["usage"][name] for name in ("prompt_tokens", "completion_tokens", "total_tokens", "cost")} == {0}
    assert second.headers["x-openrouter-cache-source-id"] == miss["id"] == first.headers["x-generation-id"]
    assert first.headers["x-openrouter-cache-ttl"] == "300"
    assert int(second.headers["x-openrouter-cache-age"]) + int(second.headers["x-openrouter-cache-ttl"]) == 300


async def test_a_hit_is_written_down_as_free(serve):
    live = await serve()
    await ask(live)

    (row,) = await live.rows((await ask(live)).json()["id"])

    assert (row.cost_nanodollars, row.usage.input, row.outcome, row.model) == (0, 0, "ok", MODEL)


async def test_a_stream_is_given_again_as_a_stream(serve):
    live = await serve()
    body = {**BODY, "stream": True}

    first, second = await ask(live, body), await ask(live, body)

    assert (status(first), status(second)) == ("MISS", "HIT")
    assert second.headers["content-type"].startswith("text/event-stream")
    miss, hit = events(first), events(second)
    assert said(hit) == said(miss) != ""
    assert len(hit) == len(miss) > 5
    assert {chunk["id"] for chunk in hit}.isdisjoint(chunk["id"] for chunk in miss)
    assert hit[-1]["usage"]["total_tokens"] == 0


async def test_whole_answers_and_streams_are_kept_apart(serve):
    live = await serve()
    await ask(live)

    assert status(await ask(live, {**BODY, "stream": True})) == "MISS"


@pytest.mark.parametrize("stream", [False, True])
async def test_a_vendors_own_fields_are_there_again(serve, upstream, wire, stream):
    message = {"role": "assistant", "content": "Hi", "vendors_own": 7}
    chunk = {"id": "1", "choices": [{"index": 0, "delta": message, "finish_reason": "stop"}], "vendors_too": 8}
    usage = {"id": "1", "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 1}}
    whole = wire.completion(choices=[{"index": 0, "message": message, "finish_reason": "stop"}], vendors_too=8)
    upstream.reply = wire.events(chunk, usage, b"[DONE]") if stream else whole
    live = await serve({"providers": {"mine": {"base_url": upstream.url}}})
    body = {**BODY, "model": "mine/one", "stream": stream}

    first, second = await ask(live, body), await ask(live, body)

    assert (status(first), status(second)) == ("MISS", "HIT")
    assert len(upstream.requests) == 1
    for answer in (first, second):
        assert '"vendors_own":7' in answer.text.replace(" ", "")
        assert '"vendors_too":8' in answer.text.replace(" ", "")
    assert '"total_tokens":0' not in first.text
    assert '"total_tokens":0' in second.text


async def test_it_is_off_unless_asked_for(serve):
    live = await serve()
    await ask(live)

    for headers in ({}, {"X-OpenRouter-Cache": "false"}, {"X-OpenRouter-Cache": "yes"}):
        answer = await ask(live, headers=headers)
        assert status(answer) is None
        assert answer.json()["usage"]["total_tokens"] > 0


async def test_white_space_makes_no_difference_and_the_order_of_properties_does(serve):
    live = await serve()
    await ask(live, json.dumps(BODY, indent=4).encode())

    assert status(await ask(live, json.dumps(BODY, separators=(",", ":")).encode())) == "HIT"
    assert status(await ask(live, dict(reversed(BODY.items())))) == "MISS"


async def test_another_request_has_another_answer(serve):
    live = await serve()
    await ask(live)

    for change in ({"temperature": 0.5}, {"model": "scripted/words=6"}, {"user": "somebody"}):
        assert status(await ask(live, {**BODY, **change})) == "MISS"


async def test_another_key_has_another_answer(serve):
    live = await serve({"accounts": {"management_key_env": "MANAGE"}}, MANAGE="mgmt-0123456789abcdef")
    management = {"authorization": "Bearer mgmt-0123456789abcdef"}
    async with httpx2.AsyncClient() as http:
        made = [
            await http.post(f"{live.url}/api/v1/keys", json={"name": n}, headers=management) for n in ("one", "two")
        ]
    one, two = ({**ON, "authorization": f"Bearer {each.json()['key']}"} for each in made)

    assert [status(await ask(live, headers=headers)) for headers in (one, two, one)] == ["MISS", "MISS", "HIT"]


async def test_an_endpoint_of_another_kind_has_another_answer(serve):
    live = await serve()
    await ask(live)

    assert status(await ask(live, path="/v1/chat/completions")) == "HIT"
    body = {"model": MODEL, "input": "hello"}
    assert status(await ask(live, body, path="/v1/embeddings")) == "MISS"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("path", "more"),
    [
        ("/v1/messages", {"messages": BODY["messages"], "max_tokens": 50}),
        ("/v1/responses", {"input": "hello"}),
    ],
)
async def test_other_dialects_are_given_again_in_their_own_shape(serve, path, more, stream):
    live = await serve()
    body = {"model": MODEL, "stream": stream, **more}

    first, second = await ask(live, body, path=path), await ask(live, body, path=path)

    assert (status(first), status(second)) == ("MISS", "HIT")
    assert stream or "the panel compares what its" in second.text
    assert first.text != second.text
    assert len(second.text.splitlines()) == len(first.text.splitlines())
    assert '_tokens":0' in second.text.replace(" ", "")


async def test_embeddings_are_kept_too(serve):
    live = await serve()
    body = {"model": "scripted/price=1000:1000", "input": "two words"}

    answers = [await ask(live, body, path="/v1/embeddings") for _ in range(2)]

    assert [status(answer) for answer in answers] == ["MISS", "HIT"]
    miss, hit = (answer.json() for answer in answers)
    assert hit["data"] == miss["data"]
    assert hit["id"] != miss["id"]
    assert miss["usage"] == {"prompt_tokens": 2, "total_tokens": 2, "cost": 0.002}
    assert hit["usage"] == {"prompt_tokens": 0, "total_tokens": 0, "cost": 0}


async def test_clearing_asks_again_and_keeps_the_new_answer(serve):
    live = await serve()
    first = await ask(live)

    cleared = await ask(live, headers={**ON, "X-OpenRouter-Cache-Clear": "true"})
    after = await ask(live)

    assert (status(cleared), status(after)) == ("MISS", "HIT")
    assert after.headers["x-openrouter-cache-source-id"] == cleared.json()["id"] != first.json()["id"]


async def test_how_long_is_read_as_openrouter_reads_it(serve):
    live = await serve()
    read = {"60abc": "60", "1.5": "1", "0": "1", "-7": "1", "99999999": "86400", "soon": "300", "": "300"}

    for given, seconds in read.items():
        answer = await ask(live, headers={**ON, "X-OpenRouter-Cache-TTL": given, "X-OpenRouter-Cache-Clear": "true"})
        assert answer.headers["x-openrouter-cache-ttl"] == seconds, given


async def test_an_answer_that_is_too_old_is_asked_for_again(serve):
    live = await serve()
    await ask(live, headers={**ON, "X-OpenRouter-Cache-TTL": "1"})
    await asyncio.sleep(1.05)

    assert status(await ask(live)) == "MISS"


async def test_what_failed_is_not_kept(serve):
    live = await serve()

    for model in ("scripted/error=503", "scripted/words=9;die=3", "scripted/words=9;die=0"):
        for stream in (False, True):
            for answer in [await ask(live, {**BODY, "model": model, "stream": stream}) for _ in range(2)]:
                assert answer.headers.get("x-openrouter-cache-status") != "HIT"
                assert "error" in answer.text


async def test_a_client_that_leaves_leaves_nothing_behind(serve):
    live = await serve()
    body = {**BODY, "model": "scripted/words=40;rate=100", "stream": True}
    async with (
        httpx2.AsyncClient() as http,
        http.stream("POST", f"{live.url}/v1/chat/completions", json=body, headers=ON) as answer,
    ):
        await anext(answer.aiter_bytes())
    await asyncio.sleep(0.1)

    answer = await ask(live, body)

    assert status(answer) == "MISS"


async def test_a_fusions_answer_is_kept_without_its_run(serve):
    live = await serve({"models": {"mine": {"kind": "fusion", "panel": ["scripted/say=42", "scripted/say=42.0"]}}})
    body = {**BODY, "model": "mine"}

    miss, hit = [(await ask(live, body)).json() for _ in range(2)]

    assert hit["choices"][0]["message"]["content"] == miss["choices"][0]["message"]["content"] != ""
    assert "fusion" in miss
    assert "fusion" not in hit
    assert hit["usage"]["cost"] == 0


async def test_nothing_is_kept_where_there_is_no_memory_for_it(serve):
    live = await serve({"server": {"response_cache_bytes": 0}})

    assert [status(await ask(live)) for _ in range(2)] == ["MISS", "MISS"]
