"""Embeddings and reranking over HTTP: the openai SDK works, every call is accounted for, and errors are in dialect."""

from __future__ import annotations

import asyncio
import base64
import json
import math
import struct
from typing import Any

import httpx2
import pytest
from openai import BadRequestError, InternalServerError, NotFoundError, RateLimitError

MODEL = "scripted/ok"


async def post(live: Any, path: str, body: Any, headers: dict[str, str] | None = None) -> httpx2.Response:
    async with httpx2.AsyncClient() as http:
        return await http.post(f"{live.url}{path}", json=body, headers=headers)


def cosine(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def gateway_to(upstream: Any, **more: Any) -> dict[str, Any]:
    return {"providers": {"mine": {"base_url": upstream.url, "models": ["one"], **more}}}


# ---------------------------------------------------------------- scripted


async def test_the_sdk_gets_unit_vectors_in_its_own_encoding(serve):
    live = await serve()

    answer = await live.client.embeddings.create(model=MODEL, input=["a red apple", "a red apple", "tax law"])

    apple, again, law = (row.embedding for row in answer.data)
    assert apple == again
    assert math.isclose(cosine(apple, apple), 1, abs_tol=1e-6)
    assert cosine(apple, law) < 0.9
    assert [row.index for row in answer.data] == [0, 1, 2]
    assert answer.model == MODEL
    assert answer.usage.prompt_tokens == answer.usage.total_tokens == 8


async def test_texts_that_share_words_are_nearer_than_texts_that_do_not(serve):
    live = await serve()
    texts = ["the cat sat on the mat", "a cat on a mat", "quarterly revenue grew"]

    answer = await live.client.embeddings.create(model=MODEL, input=texts)

    near, far = (cosine(answer.data[0].embedding, answer.data[place].embedding) for place in (1, 2))
    assert near > far


async def test_floats_and_base64_say_the_same(serve):
    live = await serve()
    body = {"model": MODEL, "input": "hello", "dimensions": 8}

    plain = (await post(live, "/v1/embeddings", body)).json()
    packed = (await post(live, "/v1/embeddings", {**body, "encoding_format": "base64"})).json()

    vector = plain["data"][0]["embedding"]
    assert len(vector) == 8
    assert struct.unpack("<8f", base64.b64decode(packed["data"][0]["embedding"])) == pytest.approx(vector)


async def test_tokens_in_place_of_text_are_one_input(serve):
    live = await serve()

    answers = [(await post(live, "/v1/embeddings", {"model": MODEL, "input": given})).json() for given in ([1, 2, 3],)]
    several = (await post(live, "/v1/embeddings", {"model": MODEL, "input": [[1, 2], [3]]})).json()

    assert [len(answer["data"]) for answer in answers] == [1]
    assert len(several["data"]) == 2


async def test_a_call_is_written_down_with_tokens_and_cost(serve):
    live = await serve()

    answer = await post(live, "/api/v1/embeddings", {"model": "scripted/price=1000:0", "input": "four words in all"})

    said = answer.json()
    assert said["usage"] == {"prompt_tokens": 4, "total_tokens": 4, "cost": 0.004}
    (row,) = await live.rows(answer.headers["x-generation-id"])
    assert (row.role, row.model, row.provider, row.outcome) == ("embedding", "scripted/price=1000:0", "scripted", "ok")
    assert (row.usage.input, row.usage.output, row.cost_nanodollars) == (4, 0, 4_000_000)
    async with httpx2.AsyncClient() as http:
        kept = (await http.get(f"{live.url}/api/v1/generation", params={"id": said["id"]})).json()["data"]
    assert kept["total_cost"] == 0.004


async def test_an_unknown_price_is_null(serve):
    live = await serve()

    said = (await post(live, "/v1/embeddings", {"model": "scripted/price=unknown", "input": "x"})).json()

    assert said["usage"]["cost"] is None


async def test_documents_come_back_in_the_order_of_their_relevance(serve):
    live = await serve()
    documents = ["stock prices fell", "Paris is the capital of France", {"text": "the capital city of France, Paris"}]

    said = (
        await post(
            live,
            "/api/v1/rerank",
            {"model": MODEL, "query": "capital of France", "documents": documents, "top_n": 2},
        )
    ).json()

    assert [each["index"] for each in said["results"]] in ([1, 2], [2, 1])
    scores = [each["relevance_score"] for each in said["results"]]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)
    assert {each["document"]["text"] for each in said["results"]} == {documents[1], documents[2]["text"]}
    assert said["usage"]["search_units"] == 1
    (row,) = await live.rows(said["id"])
    assert (row.role, row.usage.input) == ("rerank", said["usage"]["total_tokens"])


# ---------------------------------------------------------------- refusals


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"input": "x"}, "model"),
    ({"model": MODEL}, "input"),
    ({"model": MODEL, "input": []}, "input"),
    ({"model": MODEL, "input": 3}, "input"),
    ({"model": MODEL, "input": "x", "dimensions": 0}, "dimensions"),
    ({"model": MODEL, "input": "x", "dimensions": 10**6}, "dimensions"),
    ({"model": MODEL, "input": "x", "encoding_format": "hex"}, "encoding_format"),
]


async def test_a_wrong_field_is_refused_by_name(serve):
    live = await serve()

    for body, param in WRONG:
        answer = await post(live, "/v1/embeddings", body)
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


async def test_a_wrong_field_of_a_reranking_is_refused_by_name(serve):
    live = await serve()
    good = {"model": MODEL, "query": "q", "documents": ["d"]}

    for change, param in (({"documents": []}, "documents"), ({"top_n": 0}, "top_n"), ({"query": 1}, "query")):
        answer = await post(live, "/v1/rerank", {**good, **change})
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


async def test_models_that_only_chat_say_so(serve):
    live = await serve({"providers": {"claude": {"base_url": "http://127.0.0.1:1", "format": "anthropic"}}})

    for model in ("tritium/fusion", "claude/any"):
        with pytest.raises(BadRequestError, match="answers chats only"):
            await live.client.embeddings.create(model=model, input="x")


async def test_an_unknown_model_has_each_dialects_status(serve):
    live = await serve()

    with pytest.raises(NotFoundError) as caught:
        await live.client.embeddings.create(model="nobody/none", input="x")
    assert caught.value.code == "model_not_found"
    answer = await post(live, "/api/v1/embeddings", {"model": "nobody/none", "input": "x"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, 400)


async def test_a_providers_failure_keeps_its_status_and_costs_nothing(serve):
    live = await serve()

    with pytest.raises(RateLimitError, match="scripted error 429"):
        await live.client.embeddings.create(model="scripted/error=429", input="x")
    with pytest.raises(InternalServerError):
        await live.client.embeddings.create(model="scripted/error=500", input="x")


# ---------------------------------------------------------------- by HTTP


async def test_a_vendors_vectors_are_passed_on_byte_for_byte(serve, upstream, wire):
    data = '[{"object":"embedding", "embedding":[0.10, -1e-3],"index":0,"extra":true}]'
    usage = {"prompt_tokens": 5, "total_tokens": 5}
    upstream.reply = wire.http(200, f'{{"data":{data},"usage":{json.dumps(usage)},"model":"vendor"}}'.encode())
    live = await serve(
        {**gateway_to(upstream, key_env="MINE"), "prices": {"mine/one": {"input": 2, "output": 0}}}, MINE="s"
    )

    answer = await post(live, "/v1/embeddings", {"model": "mine/one", "input": "x", "input_type": "query", "user": "u"})

    assert data in answer.text
    said = answer.json()
    assert (said["model"], said["usage"]) == ("mine/one", {**usage, "cost": 0.00001})
    assert upstream.requests == [{"model": "one", "input": "x", "input_type": "query"}]
    assert b"POST /v1/embeddings " in upstream.heads[0]
    assert b"authorization: Bearer s\r\n" in upstream.heads[0]


async def test_usage_that_was_never_reported_is_estimated(serve, upstream, wire):
    upstream.reply = wire.http(200, b'{"data":[]}')
    live = await serve(gateway_to(upstream, free=True))

    answer = await post(live, "/v1/embeddings", {"model": "mine/one", "input": ["x" * 40, "y" * 40]})

    assert answer.json()["usage"] == {"prompt_tokens": 20, "total_tokens": 20, "cost": 0}
    (row,) = await live.rows(answer.json()["id"])
    assert row.usage.estimated


@pytest.mark.parametrize(
    ("reply", "usage"),
    [
        ({"results": [{"index": 1, "relevance_score": 0.9}], "usage": {"total_tokens": 7}}, {"total_tokens": 7}),
        ({"data": [{"index": 1, "relevance_score": 0.9}], "usage": {"total_tokens": 7}}, {"total_tokens": 7}),
        (
            {"results": [{"index": 1, "relevance_score": 0.9}], "meta": {"billed_units": {"search_units": 1}}},
            {"search_units": 1, "cost": None},
        ),
    ],
    ids=["jina", "voyage", "cohere"],
)
async def test_each_vendors_ranking_is_read(serve, upstream, wire, reply, usage):
    upstream.reply = wire.http(200, json.dumps(reply).encode())
    live = await serve(gateway_to(upstream))

    body = {"model": "mine/one", "query": "q", "documents": ["a", "b"], "top_n": 1, "return_documents": True}
    said = (await post(live, "/v1/rerank", body)).json()

    assert said["results"] == [{"index": 1, "relevance_score": 0.9, "document": {"text": "b"}}]
    assert usage.items() <= said["usage"].items()
    assert upstream.requests == [{"model": "one", "query": "q", "documents": ["a", "b"], "top_n": 1}]


async def test_voyage_is_asked_in_its_own_words(serve, upstream, wire):
    upstream.reply = wire.http(200, b'{"data":[{"index":0,"relevance_score":0.5}]}')
    live = await serve({"providers": {"voyage": {"base_url": upstream.url}}}, VOYAGE_API_KEY="k")

    await post(live, "/v1/rerank", {"model": "voyage/rerank-2.5", "query": "q", "documents": ["a"], "top_n": 1})

    assert upstream.requests[0]["top_k"] == 1
    assert "top_n" not in upstream.requests[0]


FAULTS = [
    (400, b'{"error":{"message":"no such model"}}', 400),
    (404, b"not here", 404),
    (401, b"{}", 502),
    (500, b"<html>", 502),
    (200, b"<html>", 502),
    (200, b'{"data', 502),
    (200, b"\xff", 502),
    (200, b'{"results":[{"index":9,"relevance_score":1}]}', 502),
    (200, b'{"results":[{"index":-1,"relevance_score":1}]}', 502),
    (200, b"{}", 502),
]


async def test_what_a_vendor_does_wrong_is_an_error_of_ours(serve, upstream, wire):
    live = await serve(gateway_to(upstream))

    for status, body, expected in FAULTS:
        upstream.reply = wire.http(status, body)
        answer = await post(live, "/api/v1/rerank", {"model": "mine/one", "query": "q", "documents": ["a"]})
        assert answer.status_code == expected, body
        assert answer.json()["error"]["metadata"]["provider_name"] == "mine"


async def test_a_vendor_that_cannot_be_reached_is_an_error_of_ours(serve):
    live = await serve({"providers": {"mine": {"base_url": "http://127.0.0.1:1/v1"}}})

    answer = await post(live, "/v1/embeddings", {"model": "mine/one", "input": "x"})

    assert answer.status_code == 502


# ---------------------------------------------------------------- persistence

VECTOR = b'{"data":[{"object":"embedding","index":0,"embedding":[1]}],"usage":{"prompt_tokens":1}}'
ASKING: list[tuple[str, dict[str, Any], bytes]] = [
    ("/api/v1/embeddings", {"model": "mine/one", "input": "x"}, VECTOR),
    (
        "/api/v1/rerank",
        {"model": "mine/one", "query": "q", "documents": ["a"]},
        b'{"results":[{"index":0,"relevance_score":1}]}',
    ),
]


def keys_of(upstream):
    return [head.lower().partition(b"bearer ")[2].split(b"\r\n")[0].decode() for head in upstream.heads]


async def once_asked(upstream, times, reply):
    """From then on it answers this."""
    while len(upstream.requests) < times:  # noqa: ASYNC110 - a socket tells nobody
        await asyncio.sleep(0.005)
    upstream.reply = reply


@pytest.mark.parametrize(("path", "body", "good"), ASKING, ids=["embeddings", "rerank"])
async def test_several_keys_take_turns_and_a_refused_one_is_left_alone(serve, upstream, wire, path, body, good):
    mine = {"base_url": upstream.url, "key_env": "MINE"}
    live = await serve({"providers": {"mine": mine}}, MINE="one,two")
    upstream.reply = wire.http(200, good)
    for _ in range(2):
        assert (await post(live, path, body)).status_code == 200
    upstream.reply = wire.http(429, b"{}")
    refused = await post(live, path, body)

    assert keys_of(upstream) == ["one", "two", "one", "two"]
    assert refused.status_code == 429
    assert [row.status for row in await live.rows(refused.headers["x-generation-id"])] == [429, 429]


@pytest.mark.parametrize("fault", [503, 429])
@pytest.mark.parametrize(("path", "body", "good"), ASKING, ids=["embeddings", "rerank"])
async def test_what_may_pass_is_tried_again_after_a_pause(serve, upstream, wire, path, body, good, fault):
    live = await serve({**gateway_to(upstream), "routing": {"retries": 1}})
    upstream.reply = wire.http(fault, b"{}")
    change = asyncio.create_task(once_asked(upstream, 1, wire.http(200, good)))

    answer = await post(live, path, body)
    await change

    rows = await live.rows(answer.headers["x-generation-id"])
    assert answer.status_code == 200
    assert [(row.outcome, row.status) for row in rows] == [("failed", fault), ("ok", 200)]
    assert len({row.id for row in rows}) == 2


@pytest.mark.parametrize(
    ("fault", "headers", "asked"),
    [(503, b"", 2), (503, b"retry-after: 60\r\n", 1), (400, b"", 1), (404, b"", 1)],
    ids=["both fail", "asks for too long a pause", "is wrong", "isn't there"],
)
async def test_what_a_second_try_cannot_help_has_none(serve, upstream, wire, fault, headers, asked):
    live = await serve({**gateway_to(upstream), "routing": {"retries": 1}})
    upstream.reply = wire.http(fault, b"{}", headers=headers)

    answer = await post(live, "/api/v1/embeddings", ASKING[0][1])

    assert answer.status_code == fault
    assert len(upstream.requests) == asked
    assert ("previous_errors" in answer.json()["error"]["metadata"]) == (asked > 1)


async def test_a_vendor_of_vectors_that_keeps_failing_is_known_to_be_down(serve, upstream, wire):
    live = await serve({**gateway_to(upstream), "routing": {"retries": 0, "breaker_failures": 2}})
    upstream.reply = wire.http(503, b"{}", headers=b"retry-after: 7\r\n")

    answer = await post(live, "/api/v1/embeddings", ASKING[0][1])

    (endpoint,) = live.running.catalog.endpoints("mine/one")
    assert answer.headers["retry-after"] == "7"
    assert not endpoint.health.ready
    assert 6 < endpoint.health.cooldown_seconds <= 7


@pytest.mark.parametrize("sent", [b"HTTP/1.1 200 OK\r\ncontent-length: 90\r\n\r\n{", b""], ids=["midway", "at once"])
async def test_of_vectors_that_were_cut_short_nobody_knows_the_cost(serve, upstream, sent):
    upstream.reply, upstream.hold = sent, True
    slow = {"first_byte_seconds": 0.3, "between_bytes_seconds": 0.3}
    prices = {"prices": {"mine/one": {"input": 1, "output": 1}}}
    live = await serve({**gateway_to(upstream, **slow), **prices})

    answer = await post(live, "/v1/embeddings", {"model": "mine/one", "input": "a"})

    assert answer.status_code == 504
    (row,) = await live.rows(answer.headers["x-generation-id"])
    assert (row.outcome, row.cost_nanodollars) == ("timeout", None)
