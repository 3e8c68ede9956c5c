"""The rungs of judge and writer: whatever is down, unreadable, late, too dear or harmful, somebody answers."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest

OPEN = "Write about the sea in two sentences, please, and compare it with the desert."
SPLIT = "What is 17 times 3? Answer with a number."
VERDICT = {"consensus": ["They agree."], "verdict": "merge"}


def say(value: Any) -> str:
    return f"scripted/say={quote(value if isinstance(value, str) else json.dumps(value), safe='')}"


MERGES = say(VERDICT)
SELECTS_A = say({**VERDICT, "verdict": "select", "select": "A"})
PANEL = [MERGES, "scripted/words=30"]
"""The first of them is the next judge, if the one that was named fails."""
SILENT = ["scripted/words=30", "scripted/words=31"]
"""Asked to judge, they say nothing that can be read."""
WRITES = say("The sea is wet.")


@pytest.fixture
async def ask(serve):
    live = await serve()

    async def asked(question: str = OPEN, **fusion: Any) -> tuple[str, dict[str, Any]]:
        answer = await live.client.chat.completions.create(
            model="tritium/fusion",
            messages=[{"role": "user", "content": question}],
            extra_body={"fusion": {"quorum": len(fusion["panel"]), "synthesizer": WRITES, **fusion}},
        )
        return answer.choices[0].message.content, await live.document(answer.id)

    return asked


def judges(run: dict[str, Any]) -> list[str]:
    return [call["model"] for call in run["receipt"]["calls"] if call["role"] == "judge"]


@pytest.mark.parametrize(
    ("judge", "warning"),
    [
        ("scripted/error=500", "scripted error 500"),
        ("scripted/words=9;die=3", "broke off"),
        ("scripted/empty", "no readable verdict"),
        ("scripted/garbage", "no readable verdict"),
        ("scripted/refuse", "no readable verdict"),
        ("scripted/stall", "no verdict within 0.3 s"),
        (f"{SELECTS_A};context=300", "was not asked"),
    ],
)
async def test_when_a_judge_fails_the_next_one_is_heard(ask, judge, warning):
    text, run = await ask(panel=PANEL, judge=judge, judge_timeout_seconds=0.3)

    assert run["analysis"]["consensus"] == ["They agree."]
    assert judges(run)[-1] == MERGES
    assert any(judge.partition("/")[2][:12] in each and warning in each for each in run["warnings"])
    assert (run["decision"]["how"], text) == ("synthesis", "The sea is wet.")


async def test_when_every_judge_is_down_the_answer_is_written_without_analysis(ask):
    text, run = await ask(panel=[f"{each};context=400" for each in SILENT], judge="scripted/error=500")

    assert run["analysis"] is None
    assert len(judges(run)) == 1
    assert (run["decision"]["how"], text) == ("synthesis", "The sea is wet.")


async def test_when_every_judge_is_late_the_answer_is_written_without_analysis(ask):
    # The members answer the question at once and the judge's with the same delay: too late for a judge.
    text, run = await ask(
        panel=["scripted/words=30;delay=400", "scripted/words=31;delay=400"],
        judge="scripted/stall",
        judge_timeout_seconds=0.2,
    )

    assert run["analysis"] is None
    assert sum("no verdict within 0.2 s" in warning for warning in run["warnings"]) == 2
    assert (run["decision"]["how"], text) == ("synthesis", "The sea is wet.")


async def test_when_the_judges_that_answer_are_unreadable_the_most_central_answer_is_given(ask):
    text, run = await ask(panel=SILENT, judge="scripted/garbage")

    assert run["decision"]["how"] == "central"
    assert text in {seat["text"] for seat in run["seats"]}


@pytest.mark.parametrize(
    ("writer", "warning"),
    [
        ("scripted/error=500", "scripted error 500"),
        ("scripted/empty", "it is empty"),
        ("scripted/refuse", "it refuses"),
        ("scripted/words=400", "over twice as long"),
        ("scripted/words=20;die=10", "broke off"),
        ("scripted/stall=2", "it took too long"),
        ("scripted/ok;context=50", "was not asked"),
        (say("As the panel members said, it is wet."), "how it was made"),
    ],
)
async def test_when_the_writer_fails_or_does_harm_the_most_central_answer_is_given(ask, writer, warning):
    text, run = await ask(panel=SILENT, judge=MERGES, synthesizer=writer, seat_timeout_seconds=0.5)

    assert run["decision"]["how"] == "central"
    assert text in {seat["text"] for seat in run["seats"]}
    assert any(warning in each for each in run["warnings"])
    assert run["outcome"] == "ok"


async def test_a_refusal_stands_if_the_members_refused_as_well(ask):
    text, run = await ask(panel=["scripted/refuse", "scripted/refuse"], judge=MERGES, synthesizer="scripted/refuse")

    assert text.startswith("I'm sorry")
    assert run["decision"]["how"] == "synthesis"


async def test_a_split_vote_is_the_judges_to_break(ask):
    text, run = await ask(SPLIT, panel=[say("51"), say("41")], judge=SELECTS_A, seed=5)

    assert run["decision"]["how"] == "judge_select"
    assert text == run["seats"][run["decision"]["seat"]]["text"]
    assert run["dissent"][0]["says"] != text


async def test_a_split_vote_that_no_judge_breaks_is_the_strongest_members(ask):
    text, run = await ask(SPLIT, panel=[say("51"), say("41")], judge="scripted/error=500")

    assert (run["decision"]["how"], text) == ("strongest", "51")


@pytest.mark.parametrize(
    ("judge_price", "writer_price", "left_out", "how"),
    [("9000", "1", "judge", "synthesis"), ("1", "9000", "the synthesis", "central")],
)
async def test_what_the_budget_has_no_room_for_is_left_out_and_said(ask, judge_price, writer_price, left_out, how):
    judge, writer = f"{MERGES};price={judge_price}", f"{WRITES};price={writer_price}"
    _, run = await ask(
        panel=[f"{each};price=0" for each in SILENT], judge=judge, synthesizer=writer, max_cost_usd=0.2, max_tokens=40
    )

    assert any(each.startswith(left_out) and "was left out: it may cost" in each for each in run["warnings"])
    assert run["decision"]["how"] == how
    assert run["receipt"]["cost_usd"] <= 0.2


async def test_an_unaffordable_trace_leaves_the_answer_as_it_is(ask):
    text, run = await ask(panel=SILENT, judge=MERGES, provenance=True, max_output_tokens=12_500, max_tokens=40)

    assert run["provenance"] is None
    assert text
