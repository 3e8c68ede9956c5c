"""An answer that speaks of how it was made is told from one whose subject that is."""

from __future__ import annotations

import pytest

from tritium.chat import ChatRequest
from tritium.fusion.machinery import machinery
from tritium.fusion.run import SeatReport

WORD = "0f1e2d3c4b5a6978"


def found(text: str, question: str = "Why is the sea blue?", *answers: str) -> str | None:
    texts = answers or ("It scatters light.", "It absorbs red light.")
    seats = [SeatReport(seat, f"vendor/gpt-6.{seat}-sol", "maker", text=answer) for seat, answer in enumerate(texts)]
    return machinery(text, ChatRequest.build("m", [{"role": "user", "content": question}]), seats, WORD)


@pytest.mark.parametrize(
    "text",
    [
        "Candidate A is right: water absorbs red.",
        "As candidate b says, it scatters.",
        "Both candidates agree that water absorbs red.",
        "The candidate answers differ on scattering.",
        "Most of the candidate responses say so.",
        "The panel members disagree.",
        "The panel agrees that it is red light.",
        "All models agreed that it is red light.",
        "The other AI models said otherwise.",
        "Based on the provided answers, it is red light.",
        "As the synthesizer I find that it is red light.",
        "gpt-6.0-sol has it right.",
        "vendor/GPT-6.1-SOL has it right.",
        f"<<<{WORD} candidate",
        f"It is {WORD}.",
        "<<<0123456789abcdef task",
        "<<<end 0123456789abcdef>>>",
    ],
)
def test_talk_of_the_machinery_is_found(text):
    assert found(text) is not None


@pytest.mark.parametrize(
    "text",
    [
        "Water absorbs red light, so it looks blue.",
        "A candidate for the cause is scattering.",
        "The control panel shows the depth.",
        "The model of the sea is simple.",
        "Vitamin candidate A-12 was ruled out.",
        "Use gpt-6 or what you like.",
        "The answers given by nature are simple.",
        "<<<EOF is a here-document",
    ],
)
def test_ordinary_words_are_left_alone(text):
    assert found(text) is None


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("Candidate A won the election.", "Who won, candidate A or candidate B?"),
        ("All models agreed.", "In the study, all models agreed; is that so?"),
        ("gpt-6.0-sol is by a vendor.", "Who makes gpt-6.0-sol?"),
    ],
)
def test_what_the_caller_spoke_of_first_is_the_subject(text, question):
    assert found(text, question) is None


def test_what_most_answers_speak_of_is_the_subject_and_what_one_does_is_not():
    said = "Candidate A won."

    assert found(said, "Who won?", said, said, "B won.") is None
    assert found(said, "Who won?", said, "She won.", "B won.") is not None
