"""One model with a panel at its side, cut short and in trouble."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from tritium.chat import ChatRequest
from tritium.errors import InvalidRequest, TritiumError
from tritium.fusion.fusion import Fusion
from tritium.fusion.options import FusionOptions
from tritium.fusion.worth import why_not

CALLS = "call=openrouter_fusion({});say=Done."


def fusion(names, models, **options):
    panel = {"panel": ["one", "two"], "judge": "judge", "synthesizer": "outer", "mode": "tool", "quorum": 2}
    return Fusion("f", FusionOptions(**{**panel, **options}), names({"judge": "judge=0", **models}))


def request(**fields):
    return ChatRequest.build("f", [{"role": "user", "content": "Compare the sea and the desert."}], **fields)


async def heard(asked, call):
    async with asked.answer(request(), call) as chunks:
        return "".join([chunk.text async for chunk in chunks])


async def test_whoever_leaves_while_the_panel_is_asked_has_all_of_it_cancelled_and_written_down(names, call, kept):
    asked = fusion(names, {"one": "stall", "two": "stall", "outer": CALLS})
    before = asyncio.all_tasks()

    async with asyncio.timeout(10), asked.answer(request(), call) as chunks:
        async for chunk in chunks:
            if chunk.event is not None and chunk.event["type"] == "seat.started":
                break

    assert asyncio.all_tasks() == before
    assert kept.document["outcome"] == "cancelled"
    assert [row.outcome for row in kept.rows if row.role == "solo"] == ["ok"]
    assert {row.outcome for row in kept.rows if row.role == "seat"} <= {"cancelled"}


async def test_a_model_that_fails_after_its_panel_leaves_a_failed_run_with_what_it_cost(names, call, kept):
    asked = fusion(names, {"one": "say=A", "two": "say=B", "outer": "call=openrouter_fusion({});die=0"})

    with pytest.raises(TritiumError):
        await heard(asked, call)

    run = kept.document
    assert run["outcome"] == "failed"
    assert "broke off" in run["error"]
    assert [each["role"] for each in run["receipt"]["calls"]].count("seat") == 2


async def test_a_model_that_fails_at_once_fails_as_itself(names, call, kept):
    asked = fusion(names, {"one": "say=A", "two": "say=B", "outer": "error=429"})

    with pytest.raises(TritiumError) as caught:
        await heard(asked, call)

    assert caught.value.http_status == 429
    assert kept.runs == []


def test_a_panel_that_can_not_be_is_refused_before_the_model_is_asked(names, call):
    with pytest.raises(TritiumError, match="nobody"):
        fusion(names, {"one": "say=A", "outer": CALLS}, panel=["nobody"]).answer(request(), call)


def test_where_tools_are_rejected_they_are_here_too(names, call):
    tools = [{"type": "function", "function": {"name": "f"}}]
    asked = fusion(names, {"one": "say=A", "two": "say=B", "outer": CALLS}, tools="reject")

    with pytest.raises(InvalidRequest, match="takes no tools"):
        asked.answer(request(tools=tools), call)


async def test_alone_the_analysis_is_an_answer_too(names, call, kept):
    asked = fusion(names, {"one": "say=A", "two": "say=B", "outer": CALLS}, mode="always", strategy="analysis")

    found = msgspec.json.decode(await heard(asked, call))

    assert found["status"] == "ok"
    assert found["analysis"]["consensus"] == ["They agree on the essentials."]
    assert sorted(each["content"] for each in found["responses"]) == ["A", "B"]
    assert kept.document["decision"]["how"] == "analysis"


@pytest.mark.parametrize(
    ("text", "fields", "enough"),
    [
        ("Thank you so much", {}, True),
        ("Is it cold?", {}, False),
        ("Compare the sea and the desert in their moods.", {}, False),
        ("Compare the sea and the desert in their moods.", {"max_tokens": 20}, True),
    ],
)
def test_one_model_is_enough_for_remarks_and_titles(text, fields, enough):
    asked = ChatRequest.build("f", [{"role": "user", "content": text}], **fields)

    assert (why_not(asked, "open") is not None) == enough
