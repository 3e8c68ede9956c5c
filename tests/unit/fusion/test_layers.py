"""A panel in layers: who answers again sees what was answered before, as data."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from tritium.chat import ChatRequest, Completion
from tritium.fusion.fusion import Fusion
from tritium.fusion.options import FusionOptions
from tritium.ledger.prices import Prices
from tritium.providers.scripted import ScriptedSource

OPEN = "Write about the sea, please, and compare it with the desert."


class InTurn:
    """Plays one script after the other, and keeps what it was asked."""

    def __init__(self, *scripts: str) -> None:
        self.scripts = list(scripts)
        self.asked: list[ChatRequest] = []

    def open(self, request: ChatRequest, model: str, call: Any) -> Any:
        self.asked.append(request)
        return ScriptedSource().open(request, self.scripts.pop(0), call)


@pytest.fixture
def fuse(names, call, kept):
    async def ask(models: dict[str, Any], **options: Any) -> dict[str, Any]:
        messages = [{"role": "system", "content": "Rhyme."}, {"role": "user", "content": OPEN}]
        panel = [name for name in models if name not in ("judge", "writer")]
        given = {"panel": panel, "quorum": len(panel), "strategy": "synthesize", "judge": "judge"}
        fusion = Fusion("f", FusionOptions(**{**given, "synthesizer": "writer", **options}), names(models))
        said = Completion()
        async with asyncio.timeout(10), fusion.answer(ChatRequest.build("f", messages), call) as chunks:
            async for chunk in chunks:
                said.add(chunk)
        assert said.text == kept.document["answer"]
        return kept.document

    return ask


def two(one: InTurn, other: InTurn, writer: InTurn | None = None) -> dict[str, Any]:
    pen = {"source": writer or InTurn("say=Written%20well.")}
    return {"one": {"source": one}, "other": {"source": other}, "judge": "judge=0", "writer": pen}


async def test_the_second_layer_sees_the_answers_of_the_first_fenced_and_the_writer_those_of_the_second(fuse):
    one, other = InTurn("say=first", "say=better"), InTurn("inject", "say=best")
    writer = InTurn("say=Written%20well.")
    run = await fuse(two(one, other, writer), layers=2)

    assert run["answer"] == "Written well."
    assert [(seat["model"], seat["layer"]) for seat in run["seats"]] == [
        ("one", 1),
        ("other", 1),
        ("one", 2),
        ("other", 2),
    ]
    messages = one.asked[1].body.messages
    assert [message.role for message in messages] == ["system", "system", "user", "user"]
    assert messages[1].text() == "Rhyme."
    assert "candidate A" in messages[3].text()
    fence = messages[0].text().partition("starts with <<<")[2].partition(" ")[0]
    assert messages[3].text().count(f"<<<end {fence}>>>") == 2
    material = writer.asked[0].body.messages[-1].text()
    assert "better" in material
    assert "first" not in material


async def test_one_layer_is_asked_unless_more_are(fuse):
    one, other = InTurn("say=first"), InTurn("say=second")
    assert len((await fuse(two(one, other)))["seats"]) == 2


async def test_three_layers_ask_three_times(fuse):
    one, other = InTurn("say=a", "say=b", "say=c"), InTurn("say=d", "say=e", "say=f")
    run = await fuse(two(one, other), layers=3)

    assert [seat["layer"] for seat in run["seats"]] == [1, 1, 2, 2, 3, 3]


async def test_a_layer_from_which_nobody_answers_leaves_the_answers_before_it(fuse):
    writer = InTurn("say=Written%20well.")
    one, other = InTurn("say=first", "error=500"), InTurn("say=second", "error=500")
    run = await fuse(two(one, other, writer), layers=3)

    assert "nobody answered in layer 2: the answers of layer 1 are used" in run["warnings"]
    assert "first" in writer.asked[0].body.messages[-1].text()


async def test_a_lone_answer_is_not_put_before_its_own_author(fuse):
    one, other = InTurn("say=first"), InTurn("error=500")
    run = await fuse(two(one, other), layers=2)

    assert run["decision"]["how"] == "lone_survivor"


async def test_what_a_later_layer_reads_is_reckoned_with_before_it_is_asked(fuse, kept):
    priced = {"script": "words=3000", "prices": Prices(Decimal(1), Decimal(1))}
    models = {"one": priced, "other": priced, "judge": "judge=0", "writer": "say=Written%20well."}

    run = await fuse(models, layers=3, max_cost_usd=0.016)

    assert sum(row.cost_nanodollars or 0 for row in kept.rows) <= 0.016 * 1e9
    assert any("was left out" in warning for warning in run["warnings"])
