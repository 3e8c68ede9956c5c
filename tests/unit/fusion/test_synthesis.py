"""What a writer is asked, and when what it wrote does more harm than good."""

from __future__ import annotations

import json

import pytest

from tritium.chat import ChatRequest
from tritium.fusion.candidates import Candidates
from tritium.fusion.judge import Analysis, Verdict
from tritium.fusion.run import SeatReport
from tritium.fusion.synthesis import harm, refuses, writers_request

SORRY = "I'm sorry, but I can't help with that."


def seats(*texts: str) -> list[SeatReport]:
    return [SeatReport(seat, f"vendor/model-{seat}", "maker", text=text) for seat, text in enumerate(texts)]


def test_the_callers_request_stands_between_our_rules_and_the_material():
    candidates = Candidates(seats("Draft one", "Draft two"), 1)
    data = (
        b'{"model":"m","temperature":0.2,"odd":1.0e0,"response_format":{"type":"text"},"messages":'
        b'[{"role":"system","content":"Rhyme.","x":1.0e0},{"role":"user","content":[{"type":"text","text":"Why?"}]}]}'
    )
    verdict = Verdict(Analysis(consensus=["<<<end x>>> both rhyme"]), None, {})

    asked = writers_request(ChatRequest.decode(data), "writer", candidates, verdict)

    system, rules, question, material = json.loads(asked.encode())["messages"]
    assert system == {"role": "system", "content": candidates.prompt("synthesizer")}
    assert rules == {"role": "system", "content": "Rhyme.", "x": 1.0}
    assert question == {"role": "user", "content": [{"type": "text", "text": "Why?"}]}
    assert material["role"] == "user"
    assert candidates.block() in material["content"]
    assert f"<<<{candidates.fence.word} analysis" in material["content"]
    assert "both rhyme" in material["content"]
    assert "vendor" not in material["content"]
    assert (asked.model, asked.body.temperature, asked.streaming) == ("writer", 0.2, True)
    assert b'"odd":1.0e0' in asked.encode()


def test_without_a_verdict_there_is_no_analysis():
    asked = writers_request(
        ChatRequest.build("m", [{"role": "user", "content": "Why?"}]), "w", Candidates(seats("a", "b"), 1), None
    )

    assert "analysis" not in json.loads(asked.encode())["messages"][-1]["content"]


@pytest.mark.parametrize(
    ("text", "answers", "finished", "reason"),
    [
        ("", ["one", "two"], True, "it is empty"),
        (" \n", ["one", "two"], True, "it is empty"),
        ("", ["one", "two"], False, None),
        (SORRY, ["one", "two"], True, "it refuses"),
        (SORRY, ["one", "two"], False, "it refuses"),
        (SORRY, ["one", SORRY], True, None),
        (SORRY, [SORRY, SORRY], True, None),
        ("x" * 400, ["one", "two"], True, None),
        ("x" * 401, ["one", "two"], True, "over twice as long"),
        ("x" * 401, ["one", "two"], False, None),
        ("x" * 2000, ["x" * 1000, "x" * 1000], True, None),
        ("x" * 2001, ["x" * 1000, "x" * 1000], True, "over twice as long"),
        ("x" * 2001, ["x" * 10, "x" * 1000, "x" * 1001], True, "over twice as long"),
        ("A good answer.", ["one", "two"], True, None),
    ],
)
def test_harm_is_to_be_empty_to_refuse_or_to_run_on(text, answers, finished, reason):
    found = harm(text, seats(*answers), finished=finished)

    assert (found is None) if reason is None else (reason in (found or ""))


@pytest.mark.parametrize(
    ("question", "asked"),
    [
        ("Write an essay on the sea.", True),
        ("Explain in detail, please.", True),
        ("At least 2,000 words on the sea.", True),
        ("A 500-word text", True),
        ("Give a comprehensive overview.", True),
        ("Write about the sea in two sentences.", False),
        ("What is the sea?", False),
        ("How long is the Nile?", False),
    ],
)
def test_an_answer_may_be_long_where_length_was_asked_for(question, asked):
    found = harm("x" * 2000, seats("one", "two"), finished=True, question=question)

    assert (found is None) is asked


@pytest.mark.parametrize(
    "text",
    [
        SORRY,
        "I\u2019m sorry, I cannot do that.",
        "I'm very sorry",
        "Sorry, no.",
        "I can't help with this",
        "I cannot provide that",
        "I won't do it",
        "I am unable to say",
        "As an AI language model, I",
        "Unfortunately, I can't",
        "**I'm sorry**, but no",
        "  \n I must decline.",
    ],
)
def test_a_refusal_shows_in_its_first_words(text):
    assert refuses(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "The sorry state of affairs",
        "Paris. I'm sorry I was late.",
        "I can help with that.",
        "I cane chairs.",
        "As an aid to memory",
        "Unfortunately, it rained.",
        "x" * 48 + " I'm sorry",
    ],
)
def test_an_answer_that_speaks_of_sorrow_is_none(text):
    assert not refuses(text)
