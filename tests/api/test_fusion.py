"""A fusion through the official SDK: one model to the caller, a panel behind it, an honest receipt."""

from __future__ import annotations

import json

import httpx
import openai

PANEL = [
    "scripted/say=The%20answer%20is%2051.;delay=20",
    "scripted/say=51;delay=30",
    "scripted/say=It%20is%2052.;delay=10",
]
CLOSED = "What is 17 times 3? Answer with a number."


def fused(**options):
    return {"models": {"tritium/fusion": {"kind": "fusion", "panel": PANEL, **options}}}


async def test_the_openrouter_example_works_unchanged_but_for_base_url_and_key(serve):
    live = await serve(fused(quorum=3))
    client = openai.AsyncOpenAI(base_url=f"{live.url}/api/v1", api_key="anything")

    completion = await client.chat.completions.create(
        model="openrouter/fusion",
        messages=[{"role": "user", "content": CLOSED}],
    )
    await client.close()

    assert "51" in completion.choices[0].message.content


async def test_the_majority_wins_and_its_strongest_members_words_are_kept(serve):
    live = await serve(fused(quorum=3))

    answer = await live.client.chat.completions.create(
        model="tritium/fusion", messages=[{"role": "user", "content": CLOSED}]
    )

    fusion = answer.model_extra["fusion"]
    assert answer.choices[0].message.content == "The answer is 51."
    assert fusion["decision"]["how"] == "majority"
    assert fusion["decision"]["agreement"] == 2 / 3
    assert [seat["outcome"] for seat in fusion["seats"]] == ["ok", "ok", "ok"]
    assert fusion["receipt"]["cost_usd"] == answer.usage.model_extra["cost"]


async def test_two_makers_who_agree_settle_the_vote_before_the_last_has_answered(serve):
    panel = ["scripted/say=51;delay=10", "scripted/say=It%20is%2051.;delay=20", "scripted/stall"]
    live = await serve({"models": {"tritium/fusion": {"kind": "fusion", "panel": panel, "grace_seconds": 30}}})

    answer = await live.client.chat.completions.create(
        model="tritium/fusion", messages=[{"role": "user", "content": CLOSED}]
    )

    run = await live.document(answer.id)
    assert run["gathering"] == "settled"
    assert run["seats"][2]["outcome"] == "cancelled"


async def test_a_stream_carries_the_run_id_from_its_first_bytes_and_progress_on_request(serve):
    live = await serve(fused(quorum=3))

    stream = await live.client.chat.completions.create(
        model="tritium/fusion",
        messages=[{"role": "user", "content": CLOSED}],
        stream=True,
        extra_body={"fusion": {"events": True}},
    )
    chunks = [chunk async for chunk in stream]

    kinds = [
        chunk.model_extra["fusion"]["type"] for chunk in chunks if "type" in (chunk.model_extra.get("fusion") or {})
    ]
    assert kinds[0] == "plan"
    assert kinds.count("seat.started") == 3
    assert kinds.count("seat.ended") == 3
    assert {"seat.delta", "vote", "decision"} <= set(kinds)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "The answer is 51."
    assert stream.response.headers["x-generation-id"] == chunks[0].id
    assert chunks[-1].model_extra["fusion"]["decision"]["how"] == "majority"


async def test_without_asking_for_progress_a_stream_holds_nothing_but_the_answer(serve):
    live = await serve(fused(quorum=3))

    stream = await live.client.chat.completions.create(
        model="tritium/fusion", messages=[{"role": "user", "content": CLOSED}], stream=True
    )
    chunks = [chunk async for chunk in stream]

    assert [chunk.choices[0].delta.content for chunk in chunks if chunk.choices[0].delta.content] == [
        "The answer is 51."
    ]
    assert chunks[0].choices[0].delta.role == "assistant"


async def test_a_quiet_stream_is_kept_alive_with_comments(serve):
    live = await serve({"server": {"keepalive_seconds": 0.2}})
    body = {
        "model": "tritium/fusion",
        "messages": [{"role": "user", "content": CLOSED}],
        "stream": True,
        "fusion": {"panel": ["scripted/say=51;delay=1600", "scripted/say=51;delay=1600"]},
    }

    async with httpx.AsyncClient() as client:
        reply = await client.post(f"{live.url}/v1/chat/completions", json=body, timeout=20)

    assert reply.text.startswith(": TRITIUM PROCESSING")
    assert reply.text.endswith("data: [DONE]\n\n")


async def test_an_error_before_the_first_word_keeps_its_status_also_in_a_stream(serve):
    live = await serve()
    body = {
        "model": "tritium/fusion",
        "messages": [{"role": "user", "content": CLOSED}],
        "stream": True,
        "fusion": {"panel": ["scripted/error=429", "scripted/error=429"]},
    }

    async with httpx.AsyncClient() as client:
        reply = await client.post(f"{live.url}/v1/chat/completions", json=body)

    assert reply.status_code == 429
    assert reply.json()["error"]["metadata"]["seats"][0]["model"] == "scripted/error=429"


async def test_openrouters_plugin_chooses_panel_and_analyst(serve):
    live = await serve()

    answer = await live.client.chat.completions.create(
        model="openrouter/fusion",
        messages=[{"role": "user", "content": "Tell me about the sea."}],
        extra_body={
            "plugins": [
                {
                    "id": "fusion",
                    "analysis_models": ["scripted/words=20", "scripted/words=21"],
                    "model": "scripted/judge=1",
                }
            ]
        },
    )

    run = await live.document(answer.id)
    assert [seat["model"] for seat in run["seats"]] == ["scripted/words=20", "scripted/words=21"]
    assert run["plan"]["judge"] == "scripted/judge=1"


async def test_the_callers_tools_go_to_the_strongest_model_and_its_call_comes_back(serve):
    live = await serve()
    tools = [{"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}]

    answer = await live.client.chat.completions.create(
        model="tritium/fusion",
        messages=[{"role": "user", "content": "Look it up."}],
        tools=tools,
        extra_body={"fusion": {"panel": ["scripted/tool=look_up", "scripted/words=5"]}},
    )

    assert answer.choices[0].message.tool_calls[0].function.name == "look_up"
    assert answer.choices[0].finish_reason == "tool_calls"


async def test_a_run_can_be_fetched_listed_and_accounted_for(serve):
    live = await serve(fused(quorum=3))
    answer = await live.client.chat.completions.create(
        model="tritium/fusion", messages=[{"role": "user", "content": CLOSED}]
    )

    async with httpx.AsyncClient(base_url=f"{live.url}/api/v1") as client:
        run = (await client.get(f"/fusion/runs/{answer.id}")).json()["data"]
        listed = (await client.get("/fusion/runs")).json()["data"]
        generation = (await client.get("/generation", params={"id": answer.id})).json()["data"]
        missing = await client.get("/fusion/runs/gen-0-none")

    assert run["answer"] == "The answer is 51."
    assert {"id", "model", "answer", "decision", "seats", "analysis", "receipt"} <= set(run)
    assert listed[0]["id"] == answer.id
    assert generation["total_cost"] == run["receipt"]["cost_usd"]
    assert [call["role"] for call in generation["calls"]] == ["seat", "seat", "seat"]
    assert missing.status_code == 404


async def test_a_cost_cap_leaves_seats_out_and_says_so(serve):
    live = await serve()

    answer = await live.client.chat.completions.create(
        model="tritium/fusion",
        messages=[{"role": "user", "content": CLOSED}],
        max_tokens=100,
        extra_body={
            "fusion": {
                "panel": ["scripted/say=51", "scripted/say=51;price=900:900", "scripted/say=51;price=unknown"],
                "max_cost_usd": 0.001,
            }
        },
    )

    run = await live.document(answer.id)
    assert [seat["outcome"] for seat in run["seats"]] == ["ok", "failed", "failed"]
    assert "of the cap is left" in run["seats"][1]["error"]
    assert "price is unknown" in run["seats"][2]["error"]


async def test_a_cap_under_which_nothing_fits_is_a_402(serve):
    live = await serve()
    body = {
        "model": "tritium/fusion",
        "messages": [{"role": "user", "content": CLOSED}],
        "fusion": {"panel": ["scripted/say=51", "scripted/say=51"], "max_cost_usd": 0},
    }

    async with httpx.AsyncClient() as client:
        reply = await client.post(f"{live.url}/v1/chat/completions", content=json.dumps(body))

    assert reply.status_code == 402
    assert "Raise the cap" in reply.json()["error"]["message"]


async def test_models_lists_the_fusions(serve):
    live = await serve()

    models = [model async for model in live.client.models.list()]

    assert {"tritium/fusion", "tritium/fusion-self", "openrouter/fusion"} <= {model.id for model in models}
