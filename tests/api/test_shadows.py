"""One model answers, a fusion answers the same in silence, and both are kept; nobody's answer or bill shows it."""

from __future__ import annotations

import asyncio

import httpx

PANEL = ["scripted/say=51;price=5:5", "scripted/say=It%20is%2051.;price=5:5"]
ASKED = "scripted/say=52"


def shadowing(**changes):
    shadow = {"fusion": "tritium/fusion", "share": 1.0, "models": ["scripted/say=5*"], **changes}
    return {"models": {"tritium/fusion": {"kind": "fusion", "panel": PANEL, "quorum": 2}}, "shadow": shadow}


async def ask(client, live, model=ASKED, headers=None, stream=False, **fields):
    body = {
        "model": model,
        "messages": [{"role": "user", "content": "What is 17 times 3? Answer with a number."}],
        "stream": stream,
        **fields,
    }
    return await client.post(f"{live.url}/v1/chat/completions", json=body, headers=headers)


async def shadows(live, count):
    """So many finished runs in the shadow of answers."""
    async with asyncio.timeout(10):
        while True:
            rows = [row for row in await live.running.records.runs(50, None) if row.shadow_of]
            if len([row for row in rows if row.outcome != "running"]) >= count:
                return rows
            await asyncio.sleep(0.02)


async def nothing_follows(live):
    for _ in range(10):
        await asyncio.sleep(0.01)
    assert [row for row in await live.running.records.runs(50, None) if row.shadow_of] == []


async def test_the_model_answers_and_the_fusion_follows_in_silence(serve):
    live = await serve(shadowing())
    async with httpx.AsyncClient() as client:
        for stream in (False, True):
            reply = await ask(client, live, stream=stream)
            assert "52" in reply.text
            assert "fusion" not in reply.text
            rows = await shadows(live, 1 + stream)
            run_id = reply.headers["x-generation-id"]
            run = await live.document(next(row.id for row in rows if row.shadow_of == run_id))
            assert (run["shadow_of"], run["outcome"], run["answer"]) == (run_id, "ok", "51")
            assert (run["solo"]["model"], run["solo"]["text"]) == (ASKED, "52")
            assert run["solo"]["cost_usd"] > 0
            assert [row.caller for row in await live.rows(run["id"])] == ["shadow", "shadow"]
            assert [row.model for row in await live.rows(run_id)] == [ASKED]


async def test_only_what_is_meant_to_be_is_shadowed(serve):
    live = await serve(shadowing())
    async with httpx.AsyncClient() as client:
        tool = {"type": "function", "function": {"name": "f", "parameters": {}}}
        await ask(client, live, model="scripted/words=3")
        await ask(client, live, model="tritium/fusion")
        await ask(client, live, tools=[tool])
        await ask(client, live, provider={"data_collection": "deny"})
        await ask(client, live, model="scripted/say=5;die=0")
    await nothing_follows(live)


async def test_a_share_of_nothing_is_nothing(serve):
    live = await serve(shadowing(share=0.0))
    async with httpx.AsyncClient() as client:
        await ask(client, live)
    await nothing_follows(live)


async def test_what_shadows_cost_is_capped_for_a_day_and_no_keys(serve):
    live = await serve(shadowing(budget_per_day_usd=0.00001))
    made, key = await live.running.accounts.create("team", limit_nanodollars=10**9)
    async with httpx.AsyncClient() as client:
        headers = {"authorization": f"Bearer {key}"}
        first = await ask(client, live, headers=headers)
        (row,) = await shadows(live, 1)
        assert row.cost_nanodollars > 10_000
        for _ in range(3):
            await ask(client, live, headers=headers)
        listed = await client.get(f"{live.url}/api/v1/fusion/runs", headers=headers)
    await asyncio.sleep(0.1)

    assert len(await shadows(live, 1)) == 1
    use = await live.running.accounts.use(made.key.hash)
    (own,) = await live.rows(first.headers["x-generation-id"])
    assert use.total == 4 * own.cost_nanodollars
    assert listed.json()["data"] == []


async def test_a_key_that_may_not_ask_everybody_is_not_shadowed(serve):
    live = await serve(shadowing())
    _, key = await live.running.accounts.create("narrow", allowed_providers=["scripted"])
    async with httpx.AsyncClient() as client:
        await ask(client, live, headers={"authorization": f"Bearer {key}"})
    await nothing_follows(live)


async def test_no_more_run_at_once_than_may(serve):
    config = shadowing(max_concurrency=1)
    config["models"]["tritium/fusion"]["panel"] = ["scripted/say=51;delay=300", "scripted/say=51;delay=301"]
    live = await serve(config)
    async with httpx.AsyncClient() as client:
        for _ in range(4):
            assert (await ask(client, live)).status_code == 200
    assert len(await shadows(live, 1)) == 1


async def test_a_shadow_that_fails_is_nobodys_error(serve):
    config = shadowing()
    config["models"]["tritium/fusion"]["panel"] = ["scripted/error=500", "scripted/error=500"]
    live = await serve(config)
    async with httpx.AsyncClient() as client:
        assert (await ask(client, live)).status_code == 200
    (row,) = await shadows(live, 1)
    assert row.outcome == "failed"
