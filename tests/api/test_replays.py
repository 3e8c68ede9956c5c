"""A run's answers decided on once more, otherwise: the members are not asked again, and whoever is, is paid."""

from __future__ import annotations

import httpx
import pytest

OPEN = "Tell me about the sea."
CLOSED = "What is 17 times 3? Answer with a number."


async def ask(client, live, *panel, question=CLOSED, headers=None, **options):
    body = {
        "model": "tritium/fusion",
        "messages": [{"role": "user", "content": question}],
        "fusion": {"panel": list(panel), "quorum": len(panel), **options},
    }
    reply = await client.post(f"{live.url}/api/v1/chat/completions", json=body, headers=headers)
    assert reply.status_code == 200, reply.text
    return reply.json()


async def replay(client, live, run_id, headers=None, **wish):
    return await client.post(f"{live.url}/api/v1/fusion/runs/{run_id}/replay", json=wish, headers=headers)


async def test_another_strategy_decides_on_the_same_answers_for_nothing(serve):
    live = await serve()
    async with httpx.AsyncClient() as client:
        first = await ask(
            client, live, "scripted/say=51", "scripted/say=52", "scripted/say=It%20is%2051.", strategy="vote"
        )
        again = (await replay(client, live, first["id"], strategy="consensus")).json()

    run = await live.document(again["id"])
    assert (run["replay_of"], run["outcome"], run["decision"]["strategy"]) == (first["id"], "ok", "consensus")
    assert [seat["text"] for seat in run["seats"]] == ["51", "52", "It is 51."]
    assert [seat["cached"] for seat in run["seats"]] == [True] * 3
    assert again["fusion"]["replay_of"] == first["id"]
    assert first["usage"]["cost"] > 0
    assert again["usage"]["cost"] == again["fusion"]["receipt"]["cost_usd"] == 0
    assert {(row.provider, row.cost_nanodollars) for row in await live.rows(again["id"])} == {("tritium", 0)}


@pytest.mark.parametrize("stream", [False, True])
async def test_another_judge_and_writer_are_asked_and_paid_and_nobody_else(serve, stream):
    live = await serve()
    async with httpx.AsyncClient() as client:
        first = await ask(client, live, "scripted/words=20", "scripted/words=21", question=OPEN, strategy="consensus")
        judge, writer = "scripted/judge=0;price=3:3", "scripted/say=The%20sea%20is%20wide%20and%20deep%20enough."
        again = await replay(
            client, live, first["id"], judge=judge, synthesizer=writer, strategy="synthesize", stream=stream
        )
        run_id = again.headers["x-generation-id"]

    run = await live.document(run_id)
    rows = await live.rows(run_id)
    assert run["answer"] == "The sea is wide and deep enough."
    assert again.headers["content-type"].startswith("text/event-stream") is stream
    assert {row.model for row in rows if row.cost_nanodollars} == {judge, writer}
    assert sum(row.cost_nanodollars for row in rows) == round(run["receipt"]["cost_usd"] * 1e9)
    assert [row.provider for row in rows if row.role == "seat"] == ["tritium", "tritium"]


async def test_who_did_not_answer_has_no_part_in_a_replay(serve):
    live = await serve()
    async with httpx.AsyncClient() as client:
        first = await ask(client, live, "scripted/say=51", "scripted/error=500", "scripted/say=52", strategy="vote")
        again = (await replay(client, live, first["id"], strategy="consensus")).json()

    assert [seat["model"] for seat in again["fusion"]["seats"]] == ["scripted/say=51", "scripted/say=52"]


async def test_the_same_shape_is_asked_for_again(serve):
    live = await serve()
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    shape = {
        "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}},
        "max_tokens": 50,
    }
    async with httpx.AsyncClient() as client:
        panel = ["scripted/say=%7B%22a%22:%201%7D", "scripted/say=%7B%22a%22:1%7D"]
        body = {
            "model": "tritium/fusion",
            "messages": [{"role": "user", "content": "Give me JSON"}],
            "fusion": {"panel": panel},
            **shape,
        }
        first = (await client.post(f"{live.url}/v1/chat/completions", json=body)).json()
        again = (await replay(client, live, first["id"])).json()

    assert (await live.document(again["id"]))["parameters"] == shape
    assert again["choices"][0]["message"]["content"] == first["choices"][0]["message"]["content"]


async def test_a_cap_on_the_cost_is_for_those_who_are_asked(serve):
    live = await serve()
    async with httpx.AsyncClient() as client:
        first = await ask(client, live, "scripted/words=20", "scripted/words=21", question=OPEN, strategy="consensus")
        again = await replay(
            client, live, first["id"], max_cost_usd=0.0, strategy="synthesize", judge="scripted/judge=0"
        )

    run = await live.document(again.json()["id"])
    assert [seat["outcome"] for seat in run["seats"]] == ["ok", "ok"]
    assert run["receipt"]["cost_usd"] == 0
    assert any("judge scripted/judge=0 was left out" in warning for warning in run["warnings"])


async def test_what_cannot_be_replayed_is_refused_with_the_reason(serve):
    live = await serve()
    async with httpx.AsyncClient() as client:
        first = await ask(client, live, "scripted/say=51", "scripted/say=51")
        failed = await client.post(
            f"{live.url}/v1/chat/completions",
            json={
                "model": "tritium/fusion",
                "messages": [{"role": "user", "content": CLOSED}],
                "fusion": {"panel": ["scripted/error=500"] * 2},
            },
        )
        refused = {
            "panel": await replay(client, live, first["id"], panel=["scripted/ok"]),
            "stratgy": await replay(client, live, first["id"], stratgy="vote"),
            "nobody": await replay(client, live, failed.headers["x-generation-id"]),
            "none": await replay(client, live, "gen-1"),
            "no fusion": await replay(client, live, first["id"], model="scripted/ok"),
        }

    assert {name: reply.status_code for name, reply in refused.items()} == {
        "panel": 400,
        "stratgy": 400,
        "nobody": 400,
        "none": 404,
        "no fusion": 400,
    }
    assert "did you mean 'strategy'" in refused["stratgy"].json()["error"]["message"].lower()


async def test_only_a_runs_own_caller_may_replay_it_and_only_with_models_its_key_may_ask(serve):
    live = await serve()
    _, mine = await live.running.accounts.create("mine", allowed_models=["tritium/*", "scripted/say=*"])
    _, theirs = await live.running.accounts.create("theirs")
    mine, theirs = ({"authorization": f"Bearer {key}"} for key in (mine, theirs))
    async with httpx.AsyncClient() as client:
        first = await ask(client, live, "scripted/say=51", "scripted/say=52", headers=mine)
        answers = [
            (await replay(client, live, first["id"], headers=mine, strategy="consensus")).status_code,
            (await replay(client, live, first["id"], headers=mine, judge="scripted/judge=1")).status_code,
            (await replay(client, live, first["id"], headers=theirs)).status_code,
        ]

    assert answers == [200, 403, 404]


async def test_runs_are_found_by_what_they_are(serve):
    live = await serve()
    async with httpx.AsyncClient() as client:
        first = await ask(client, live, "scripted/say=51", "scripted/say=51", strategy="vote")
        again = (await replay(client, live, first["id"], strategy="consensus")).json()

        async def found(query):
            reply = await client.get(f"{live.url}/api/v1/fusion/runs?{query}")
            return [row["id"] for row in reply.json()["data"]] if reply.status_code == 200 else reply.status_code

        assert await found("") == [again["id"], first["id"]]
        assert await found(f"replay_of={first['id']}") == [again["id"]]
        assert await found("strategy=vote") == [first["id"]]
        assert await found("outcome=failed") == []
        assert await found("model=tritium/fusion&limit=1") == [again["id"]]
        assert await found(f"before={again['id']}") == [first["id"]]
        assert await found("until=1000") == []
        assert await found("since=1000&limit=1") == [again["id"]]
        assert await found("since=yesterday") == 400


async def test_who_acted_on_advice_acts_again_with_all_of_it(serve):
    live = await serve()
    acts = 'scripted/call=book({"seat":1});price=10'
    body = {
        "model": "tritium/fusion",
        "messages": [{"role": "user", "content": CLOSED}],
        "tools": [{"type": "function", "function": {"name": "book"}}],
        "fusion": {"panel": [acts, "scripted/say=one", "scripted/say=two"], "quorum": 2},  # of equals the first acts
    }
    async with httpx.AsyncClient() as client:
        first = (await client.post(f"{live.url}/api/v1/chat/completions", json=body)).json()
        again = (await replay(client, live, first["id"])).json()

    assert first["fusion"]["decision"]["reason"] == again["fusion"]["decision"]["reason"]
    assert again["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "book"
