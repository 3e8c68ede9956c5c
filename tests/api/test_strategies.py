"""The fusions by name, presets and schemas, through the official SDK."""

from __future__ import annotations

import json
from urllib.parse import quote

import openai
import pytest
from pydantic import BaseModel

CLOSED = [{"role": "user", "content": "What is 17 times 3? Answer with a number."}]
OPEN = [{"role": "user", "content": "Write about the sea, please, and compare it with the desert."}]
CHEAP = ["scripted/say=51;price=0.1", "scripted/say=It%20is%2051.;price=0.2"]
STRONG = "scripted/say=52;price=10"


def says(value):
    return f"scripted/say={quote(json.dumps(value))}"


class Work(BaseModel):
    author: str
    year: int


async def ask(live, model, messages=CLOSED, **fusion):
    return await live.client.chat.completions.create(model=model, messages=messages, extra_body={"fusion": fusion})


async def test_economy_pays_for_the_strong_model_only_if_the_cheap_ones_differ(serve):
    live = await serve()

    alike = await ask(live, "tritium/fusion-economy", panel=CHEAP, escalate=STRONG)
    apart = await ask(live, "tritium/fusion-economy", panel=[CHEAP[0], "scripted/say=50;price=0.1"], escalate=STRONG)

    assert "51" in alike.choices[0].message.content
    assert {row.model for row in await live.rows(alike.id)} == set(CHEAP)
    assert STRONG in {row.model for row in await live.rows(apart.id)}


async def test_quality_writes_anew_also_where_a_vote_would_do(serve):
    live = await serve()
    judged = {"judge": "scripted/judge=0", "synthesizer": "scripted/say=Fifty-one."}

    answer = await ask(live, "tritium/fusion-quality", panel=[*CHEAP, STRONG], **judged)

    assert answer.choices[0].message.content == "Fifty-one."
    assert answer.model_extra["fusion"]["decision"]["how"] == "synthesis"


async def test_the_four_fusions_and_openrouters_two_are_listed(serve):
    live = await serve()

    names = {model.id async for model in live.client.models.list()}

    ours = {"tritium/fusion", "tritium/fusion-economy", "tritium/fusion-quality", "tritium/fusion-self"}
    assert ours | {"openrouter/fusion", "openrouter/fusion-flash"} <= names


@pytest.mark.parametrize("preset", ["general-high", "general-budget", "general-fast"])
async def test_openrouters_presets_are_taken_by_the_plugin(serve, preset):
    live = await serve()
    plugin = {"id": "fusion", "preset": preset, "analysis_models": [*CHEAP, "scripted/say=51"]}

    answer = await live.client.chat.completions.create(
        model="openrouter/fusion", messages=CLOSED, extra_body={"plugins": [plugin]}
    )

    assert "51" in answer.choices[0].message.content
    expected = {"general-high": "synthesize", "general-budget": "cascade", "general-fast": "vote"}[preset]
    assert (await live.document(answer.id))["plan"]["strategy"] == expected


async def test_a_preset_that_is_not_there_is_a_400(serve):
    live = await serve()

    with pytest.raises(openai.BadRequestError, match="no preset 'cheap'"):
        await ask(live, "tritium/fusion", preset="cheap")


async def test_a_fusion_of_ones_own_may_be_a_preset_with_changes(serve):
    own = {"kind": "fusion", "preset": "general-budget", "panel": CHEAP, "escalate": STRONG, "agree": 2}
    live = await serve({"models": {"team/frugal": own}})

    answer = await ask(live, "team/frugal")

    assert answer.model_extra["fusion"]["decision"]["how"] == "unanimous"


async def test_a_schema_is_kept_whatever_the_members_say_around_it(serve):
    live = await serve()
    right = {"author": "Ada", "year": 1843}
    chatty = f"scripted/say={quote('Sure: ```json' + chr(10) + json.dumps(right) + chr(10) + '```')}"
    panel = [says({"author": "Ada"}), chatty, says({**right, "year": 1842}), says(right)]

    parsed = await live.client.chat.completions.parse(
        model="tritium/fusion",
        messages=[{"role": "user", "content": "Who wrote it?"}],
        response_format=Work,
        extra_body={"fusion": {"panel": panel, "quorum": 4}},
    )

    assert parsed.choices[0].message.parsed == Work(**right)
    seats = parsed.model_extra["fusion"]["seats"]
    assert seats[0]["outcome"] == "failed"


async def test_a_stream_under_a_schema_holds_nothing_but_valid_json(serve):
    live = await serve()
    drafts = [says({"author": "Ada", "year": 1843}), says({"author": "Ada", "year": 1843}), "scripted/garbage"]
    wanted = {"type": "json_schema", "json_schema": {"name": "work", "schema": Work.model_json_schema()}}

    stream = await live.client.chat.completions.create(
        model="tritium/fusion",
        messages=[{"role": "user", "content": "Who wrote it?"}],
        response_format=wanted,
        stream=True,
        extra_body={"fusion": {"panel": drafts, "strategy": "synthesize", "synthesizer": "scripted/garbage"}},
    )
    text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])

    assert Work.model_validate_json(text) == Work(author="Ada", year=1843)


async def test_what_no_model_can_put_into_the_schema_is_a_502_of_its_own_type(serve):
    live = await serve()
    wanted = {"type": "json_schema", "json_schema": {"name": "work", "schema": Work.model_json_schema()}}

    with pytest.raises(openai.InternalServerError) as caught:
        await live.client.chat.completions.create(
            model="tritium/fusion",
            messages=[{"role": "user", "content": "Who wrote it?"}],
            response_format=wanted,
            extra_body={"fusion": {"panel": ["scripted/garbage", "scripted/words=3"]}},
        )

    assert caught.value.status_code == 502
    assert caught.value.type == "invalid_structured_output"


async def test_layers_are_asked_for_by_number(serve):
    live = await serve()
    panel = ["scripted/words=9", "scripted/words=11"]
    judged = {"judge": "scripted/judge=0", "synthesizer": "scripted/say=Written."}

    answer = await ask(live, "tritium/fusion", OPEN, panel=panel, layers=2, quorum=2, **judged)

    assert [row.role for row in await live.rows(answer.id)].count("seat") == 4
