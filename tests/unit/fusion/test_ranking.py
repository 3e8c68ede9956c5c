"""Rank: one answer is given as it is; who is picked only for its place is not picked."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

import pytest

from tritium.chat import ChatRequest, Completion
from tritium.fusion.fusion import Fusion
from tritium.fusion.options import FusionOptions
from tritium.providers.scripted import ScriptedSource

CODE = "Write a Python function that doubles a number."
ONE, TWO, THREE = ("```python\ndef double(x):\n    return " + body + "\n```" for body in ("2 * x", "x + x", "x << 1"))


def says(text: str) -> str:
    return "say=" + quote(text)


class Picks:
    """A judge that picks whichever candidate holds a text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.asked: list[str] = []

    def open(self, request: ChatRequest, model: str, call: Any) -> Any:
        asked = request.body.messages[-1].text()
        self.asked.append(asked)
        letter = asked[: asked.index(self.text)].rpartition(" candidate ")[2][0]
        return ScriptedSource().open(request, f"judge={'ABCDEFGH'.index(letter) + 1}", call)


@pytest.fixture
def fuse(names, call, kept):
    async def ask(models: dict[str, Any], question: str = CODE, **options: Any) -> dict[str, Any]:
        request = ChatRequest.build("f", [{"role": "user", "content": question}])
        panel = [name for name in models if name != "judge"]
        fusion = Fusion("f", FusionOptions(**{"panel": panel, "quorum": len(panel), **options}), names(models))
        said = Completion()
        async with asyncio.timeout(10), fusion.answer(request, call) as chunks:
            async for chunk in chunks:
                said.add(chunk)
        assert said.text == kept.document["answer"]
        return kept.document

    return ask


def three(**judge: Any) -> dict[str, Any]:
    return {
        "one": {"script": says(ONE), "strength": 0.3},
        "two": {"script": says(TWO), "strength": 0.9},
        "three": {"script": says(THREE), "strength": 0.6},
        "judge": judge,
    }


async def test_a_program_that_is_picked_in_both_orders_is_given_word_for_word(fuse):
    judge = Picks("x << 1")
    run = await fuse(three(source=judge), judge="judge")

    assert (run["answer"], run["decision"]["how"]) == (THREE, "judge_select")
    assert run["plan"]["strategy"] == "rank"
    assert "two programs are never spliced: one is picked" in run["plan"]["reasons"]
    assert [asked.index("2 * x") < asked.index("x + x") for asked in judge.asked] in ([True, False], [False, True])
    assert run["decision"]["judge_consistent"] is True


async def test_a_pick_that_hangs_on_the_order_is_a_tie_and_the_strongest_members(fuse):
    run = await fuse(three(script="judge=1"), judge="judge")

    assert (run["answer"], run["decision"]["how"]) == (TWO, "strongest")
    assert run["decision"]["reason"] == "the judge's pick hung on the order: the strongest member's answer"
    assert run["decision"]["judge_consistent"] is False


@pytest.mark.parametrize("judge", ["error=500", "garbage", "words=3"])
async def test_without_a_verdict_the_strongest_members_answer_is_given(fuse, judge):
    run = await fuse(three(script=judge), judge="judge")

    assert (run["answer"], run["decision"]["how"]) == (TWO, "strongest")


async def test_among_equals_a_tie_is_the_most_central_answers(fuse):
    models = {
        "one": says("alpha beta gamma"),
        "two": says("alpha beta gamma delta"),
        "three": says("something else entirely"),
        "judge": "error=500",
    }
    run = await fuse(models, "Write about the sea, please.", judge="judge", strategy="rank")

    assert run["decision"]["how"] == "central"
    assert run["answer"].startswith("alpha")


async def test_programs_that_are_the_same_but_for_comments_need_no_judge(fuse, kept):
    models = three(script="judge=1")
    models["one"]["script"] = says(THREE.replace("    return", "    # a shift\n    return"))
    run = await fuse(models, judge="judge")

    assert (run["answer"], run["decision"]["how"]) == (THREE, "majority")
    assert "judge" not in {row.role for row in kept.rows}


async def test_rank_that_was_asked_for_never_writes_anew(fuse):
    models = {"one": "words=9", "two": "words=7", "judge": "judge=0"}
    run = await fuse(models, "Write about the sea, please.", judge="judge", strategy="rank")

    assert run["answer"] in {seat["text"] for seat in run["seats"]}
    assert "synthesizer" not in {each["role"] for each in run["receipt"]["calls"]}
