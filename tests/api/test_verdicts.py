"""What a judge's word is worth: in both orders, against its kin, within its window, and traced back to who said so."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest

OPEN = "Write about the sea in two sentences, please, and compare it with the desert."
CLOSED = "What is 17 times 3? Answer with a number."
DRAFT_A = "scripted/words=30"
DRAFT_B = "scripted/words=31"
SELECT_A = {"consensus": [], "verdict": "select", "select": "A"}
MERGE = {"consensus": ["They agree."], "verdict": "merge"}


def say(value: Any) -> str:
    return f"scripted/say={quote(value if isinstance(value, str) else json.dumps(value), safe='')}"


@pytest.fixture
async def ask(serve):
    live = await serve()

    async def asked(question: str = OPEN, *, stream: bool = False, **fusion: Any) -> tuple[str, dict[str, Any], Any]:
        """What was answered, the run, and the answer's `fusion` object."""
        answer = await live.client.chat.completions.create(
            model="tritium/fusion",
            messages=[{"role": "user", "content": question}],
            extra_body={"fusion": {"quorum": len(fusion["panel"]), **fusion}},
            stream=stream,
        )
        if stream:
            text, run_id, last = "", "", None
            async for chunk in answer:
                run_id = chunk.id
                text += chunk.choices[0].delta.content or "" if chunk.choices else ""
                last = (chunk.model_extra or {}).get("fusion") or last
            return text, await live.document(run_id), last
        said = answer.choices[0].message.content
        return said, await live.document(answer.id), answer.model_extra["fusion"]

    return asked


def roles(run: dict[str, Any]) -> list[str]:
    return [call["role"] for call in run["receipt"]["calls"]]


# ---------------------------------------------------------------- both orders


async def test_who_is_selected_for_its_place_is_not_selected(ask):
    """A judge that always selects the first selects another one when the order is turned round."""
    text, run, summary = await ask(
        panel=[DRAFT_A, DRAFT_B], judge=say(SELECT_A), judge_orders=2, synthesizer=say("The sea is wet.")
    )

    assert run["decision"]["judge_consistent"] is False
    assert summary["decision"]["judge_consistent"] is False
    assert run["decision"]["how"] == "synthesis"
    assert text == "The sea is wet."
    assert any("opposite order" in warning for warning in run["warnings"])


async def test_who_is_selected_in_both_orders_is_selected(ask):
    """This judge always selects the second of three: the middle one is that in either order."""
    text, run, _ = await ask(
        panel=[DRAFT_A, DRAFT_B, "scripted/words=32"], judge=say({**SELECT_A, "select": "B"}), judge_orders=2
    )

    assert run["decision"]["judge_consistent"] is True
    assert run["decision"]["how"] == "judge_select"
    assert text == run["seats"][run["decision"]["seat"]]["text"]
    assert roles(run).count("judge") == 2


async def test_a_merge_is_not_asked_for_twice(ask):
    _, run, _ = await ask(panel=[DRAFT_A, DRAFT_B], judge=say(MERGE), judge_orders=2, synthesizer=say("Wet."))

    assert run["decision"]["judge_consistent"] is None
    assert roles(run).count("judge") == 1


async def test_of_code_that_is_selected_for_its_place_the_most_central_is_given(ask):
    code = [say(f"```python\ndef f():\n    return {number}\n```") for number in (1, 2)]
    _, run, _ = await ask("Write a Python function f that returns a number.", panel=code, judge=say(SELECT_A),
                          judge_orders=2, strategy="synthesize")  # fmt: skip

    assert run["decision"]["how"] == "central"
    assert run["decision"]["judge_consistent"] is False
    assert "order" in run["decision"]["reason"]


# ---------------------------------------------------------------- kinship


async def test_a_judge_that_sits_on_the_panel_is_warned_of(ask):
    _, run, summary = await ask(panel=[DRAFT_A, DRAFT_B], synthesizer=say("Wet."), judge=DRAFT_A)

    assert any(warning.startswith(f"kinship: the judge {DRAFT_A} also sits") for warning in summary["warnings"])
    assert len([warning for warning in run["warnings"] if f"kinship: the judge {DRAFT_A} " in warning]) == 1


# ---------------------------------------------------------------- windows


async def test_answers_too_long_for_judge_and_writer_are_shortened_and_the_run_says_so(ask):
    """The scripted models refuse whatever is longer than their context, as real ones do."""
    text, run, _ = await ask(
        panel=["scripted/words=4000", "scripted/words=4001", "scripted/words=20"],
        judge=f"{say(MERGE)};context=6000",
        synthesizer=f"{say('The sea is wet.')};context=7000",
        strategy="synthesize",
    )

    assert run["decision"]["how"] == "synthesis"
    assert text == "The sea is wet."
    told = [warning for warning in run["warnings"] if "to fit its context it is shown seat" in warning]
    assert [warning.split("context=")[1].split(":")[0] for warning in told] == ["6000", "6000", "7000", "7000"]
    assert not any("seat 2:" in warning for warning in told)


async def test_a_judge_whose_window_has_no_room_is_passed_over_for_the_next(ask):
    _, run, _ = await ask(
        panel=["scripted/judge=0;words=3", DRAFT_B], judge=f"{say(MERGE)};context=500", synthesizer=say("Wet.")
    )

    assert any("was not asked: 2 answers of" in warning for warning in run["warnings"])
    assert "context=500" not in str([call["model"] for call in run["receipt"]["calls"]])
    assert run["decision"]["how"] == "synthesis"


async def test_a_writer_whose_window_has_no_room_yields_to_the_most_central_answer(ask):
    text, run, _ = await ask(
        panel=["scripted/words=3000", "scripted/words=3001"], judge=say(MERGE), synthesizer="scripted/ok;context=600"
    )

    assert run["decision"]["how"] == "central"
    assert text in {seat["text"] for seat in run["seats"]}
    assert any("synthesizer scripted/ok;context=600 was not asked" in warning for warning in run["warnings"])


# ---------------------------------------------------------------- talk of the machinery


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_that_speaks_of_candidates_never_reaches_the_caller(ask, stream):
    """It is written again once; this writer says the same again."""
    text, run, _ = await ask(
        panel=[DRAFT_A, DRAFT_B],
        judge=say(MERGE),
        synthesizer=say("Candidate A is right, and the sea is wet."),
        stream=stream,
    )

    assert run["decision"]["how"] == "central"
    assert text in {seat["text"] for seat in run["seats"]}
    assert roles(run)[-2:] == ["synthesizer", "repair"]
    assert any("it speaks of 'Candidate A', and is written again" in warning for warning in run["warnings"])


async def test_a_stream_that_speaks_of_candidates_after_its_opening_is_warned_of(ask):
    said = "The sea is wet, and the desert is dry, as far as anybody knows. Candidate A says so."
    text, run, _ = await ask(panel=[DRAFT_A, DRAFT_B], judge=say(MERGE), synthesizer=say(said), stream=True)

    assert text == said
    assert any("how it was made ('Candidate A')" in warning for warning in run["warnings"])


async def test_an_answer_may_be_long_where_length_was_asked_for(ask):
    _, run, _ = await ask(
        "Tell me in detail about the sea.", panel=[DRAFT_A, DRAFT_B], judge=say(MERGE), synthesizer="scripted/words=300"
    )

    assert run["decision"]["how"] == "synthesis"


# ---------------------------------------------------------------- provenance


@pytest.fixture
def tracing() -> str:
    """A judge whose one reply is a verdict and a list of claims."""
    return say(
        {
            **MERGE,
            "claims": [
                {
                    "claim": "wet",
                    "quote": "The sea is wet",
                    "support": [{"candidate": "A", "quote": "sea is wet"}, {"candidate": "B", "quote": "sea is wet"}],
                    "oppose": [{"candidate": "A", "quote": "sea is dry"}, {"candidate": "B", "quote": "sea is dry"}],
                }
            ],
            "dissent": [
                {"says": "dry", "candidates": [{"candidate": letter, "quote": "sea is dry"} for letter in "AB"]}
            ],
        }
    )


@pytest.mark.parametrize("stream", [False, True])
async def test_each_claim_has_the_seats_whose_words_bear_it_out(ask, tracing, stream):
    wet, dry = say("The sea is wet, they say."), say("The sea is dry, they say.")

    _, run, summary = await ask(
        panel=[wet, dry], judge=tracing, synthesizer=say("The sea is wet."), provenance=True, stream=stream
    )

    (claim,) = run["provenance"]
    assert claim["support"] == [{"seat": 0, "model": wet, "quote": "sea is wet"}]
    assert claim["oppose"] == [{"seat": 1, "model": dry, "quote": "sea is dry"}]
    assert claim["unverified"] == 2
    assert run["dissent"] == [{"says": "dry", "seats": [{"seat": 1, "model": dry, "quote": "sea is dry"}]}]
    assert (summary["provenance"], summary["dissent"]) == (run["provenance"], run["dissent"])


async def test_without_being_asked_nobody_traces(ask, tracing):
    _, run, summary = await ask(panel=[DRAFT_A, DRAFT_B], judge=tracing, synthesizer=say("The sea is wet."))

    assert run["provenance"] is None
    assert "provenance" not in summary
    assert roles(run).count("judge") == 1


async def test_an_answer_stands_though_nobody_could_trace_it(ask):
    text, run, summary = await ask(
        panel=[DRAFT_A, DRAFT_B], judge=say(MERGE), synthesizer=say("The sea is wet."), provenance=True
    )

    assert text == "The sea is wet."
    assert run["outcome"] == "ok"
    assert "provenance" not in summary
    assert any("no readable list of claims" in warning for warning in run["warnings"])


async def test_who_was_outvoted_is_told_without_asking_anybody(ask):
    _, run, summary = await ask(CLOSED, panel=[say("51"), say("It is 51."), say("It is 41.")], quorum=3, hedge="off")

    assert run["decision"]["how"] == "majority"
    assert run["dissent"] == [{"says": "41", "seats": [{"seat": 2, "model": say("It is 41."), "quote": "It is 41."}]}]
    assert summary["dissent"] == run["dissent"]
    assert roles(run) == ["seat", "seat", "seat"]
