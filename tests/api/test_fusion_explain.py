"""What a fusion would do is told over HTTP without asking anybody, and what it did is told whole."""

from __future__ import annotations

import httpx
import pytest

PANEL = ["scripted/words=5;price=1:10", "scripted/words=6;price=1:20"]
QUESTION = [{"role": "user", "content": "Write about the sea, please."}]


def fused(**options):
    return {"models": {"both": {"kind": "fusion", "panel": PANEL, "strategy": "consensus", "quorum": 2, **options}}}


async def explained(live, **fields):
    async with httpx.AsyncClient(timeout=10) as client:
        return await client.post(f"{live.url}/api/v1/fusion/explain", json={"messages": QUESTION, **fields})


async def test_a_quote_has_the_seats_their_costs_and_the_reasons(serve):
    live = await serve(fused())

    quote = (await explained(live, model="both")).json()["data"]

    assert (quote["object"], quote["strategy"]) == ("fusion.quote", "consensus")
    assert [(call["role"], call["model"], call["when"]) for call in quote["calls"]] == [
        ("seat", PANEL[0], "always"),
        ("seat", PANEL[1], "always"),
    ]
    assert 0 < quote["expected_cost_usd"] < quote["worst_cost_usd"]
    assert "consensus was asked for" in quote["reasons"]


async def test_the_usual_length_is_learnt_from_the_ledger(serve):
    live = await serve(fused())
    await live.client.chat.completions.create(model="both", messages=QUESTION)

    quote = (await explained(live, model="both")).json()["data"]

    assert [(call["expected"]["output"], call["output_from"]) for call in quote["calls"]] == [
        (5, "ledger"),
        (6, "ledger"),
    ]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"model": "scripted/ok"}, 400),
        ({"model": "nobody/at-all"}, 400),
        ({"model": "both", "fusion": {"quorun": 1}}, 400),
    ],
)
async def test_what_can_not_be_explained_is_refused(serve, fields, status):
    assert (await explained(await serve(fused()), **fields)).status_code == status


async def test_a_dry_run_is_an_answer_like_any_other_and_costs_nothing(serve):
    live = await serve(fused())

    answer = await live.client.chat.completions.create(
        model="both", messages=QUESTION, extra_body={"fusion": {"dry_run": True}}
    )

    assert answer.choices[0].message.content.startswith("A dry run: nobody was asked.")
    assert (answer.usage.total_tokens, answer.usage.model_extra["cost"]) == (0, 0)
    assert answer.model_extra["fusion"]["dry_run"] is True
    assert answer.model_extra["fusion"]["quote"]["worst_cost_usd"] > 0
    assert await live.rows(answer.id) == []


async def test_a_dry_run_can_be_streamed(serve):
    live = await serve(fused())

    stream = await live.client.chat.completions.create(
        model="both", messages=QUESTION, stream=True, extra_body={"fusion": {"dry_run": True}}
    )
    chunks = [chunk async for chunk in stream]

    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks).startswith("A dry run")
    assert chunks[-1].model_extra["fusion"]["quote"]["strategy"] == "consensus"


async def test_who_stood_in_for_whom_is_in_the_answer(serve):
    live = await serve({"models": {"both": {**fused()["models"]["both"], "panel": [PANEL[0], "scripted/error=500"]}}})

    answer = await live.client.chat.completions.create(
        model="both", messages=QUESTION, extra_body={"fusion": {"bench": [PANEL[1]]}}
    )

    fusion = answer.model_extra["fusion"]
    assert [(seat["stands_in_for"], seat["replaced_by"], seat["outcome"]) for seat in fusion["seats"]] == [
        (None, None, "ok"),
        (None, 2, "failed"),
        (1, None, "ok"),
    ]
    assert fusion["receipt"]["cost_usd"] == sum(row.cost_nanodollars for row in await live.rows(answer.id)) / 1e9
    assert fusion["receipt"]["best_single_model"] == PANEL[0]


@pytest.mark.parametrize("model", ["tritium/fusion", "scripted/say=Mine."])
@pytest.mark.parametrize("door", ["tools", "plugins"])
async def test_a_fusion_behind_openrouters_doors_is_explained_as_it_would_be_carried_out(serve, model, door):
    named = {"analysis_models": PANEL, "model": "scripted/judge=0"}
    doors = {
        "tools": {"tools": [{"type": "openrouter:fusion", "parameters": named}]},
        "plugins": {"plugins": [{"id": "fusion", **named}]},
    }

    reply = await explained(await serve(), model=model, **doors[door])

    quote = reply.json()["data"]
    assert quote["strategy"] == "synthesize"
    assert [call["model"] for call in quote["calls"] if call["role"] == "seat"] == PANEL
    assert quote["judge"] == "scripted/judge=0"


async def test_a_model_whose_door_is_shut_has_nothing_to_explain(serve):
    plugin = {"id": "fusion", "enabled": False}

    assert (await explained(await serve(), model="scripted/say=Mine.", plugins=[plugin])).status_code == 400
