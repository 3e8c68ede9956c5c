"""Whatever an answer holds, reading it ends soon, raises nothing, and reading the result again changes nothing."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tritium.fusion.answers import Candidate, canonical, clusters, kind_of, medoid, same_answer

KINDS = ("number", "option", "yes_no", "date", "short", "json", "code", "open")

FRAGMENTS = st.sampled_from(
    [
        *"0123456789.,-+*/^()[]{}$%°'\"\\_=:;!?&<>|#`~ \n\t",
        *(
            "\u200b",
            "\u202e",
            "\ud800",
            "\u0301",
            "½",
            "³",
            "₂",
            "√",
            "π",
            "∞",
            "≈",
            "\N{MINUS SIGN}",
            "\u0661",
            "年",
            "。",
        ),
        *(
            "answer",
            "Answer: ",
            "The answer is ",
            '"answer": ',
            '{"answer": "',
            "\\boxed{",
            "\\frac{1}{2}",
            "####",
            "**",
        ),
        *(
            "yes",
            "no",
            "not ",
            "true",
            "July ",
            "1969",
            " BC",
            "A. ",
            "(B)",
            "option C",
            "km/h",
            " per ",
            "million",
            "1e9",
        ),
        *("twenty", "one", "hundred", "and ", "the ", "is ", "I ", "```json\n", "```", "e5", "5 feet ", "infinity"),
    ]
)
TEXTS = st.lists(FRAGMENTS | st.text(max_size=4), max_size=14).map("".join)
OPTIONS = {"A": "the first", "B": "first", "C": ""}


@settings(max_examples=400)
@given(TEXTS, st.sampled_from(KINDS))
def test_reading_a_canonical_answer_changes_nothing(text, kind):
    found = canonical(text, kind, OPTIONS, question="Is it the first or a name?")
    if found is not None:
        assert canonical(found, kind, OPTIONS, question="Is it the first or a name?") == found
        assert same_answer(found, found, kind)


@given(st.text(), st.text(), st.sampled_from(["json_object", "json_schema", "text", "new", None, 5]))
def test_any_request_has_a_kind_and_a_reason(question, system, kind):
    assert all(kind_of(question, system, {"type": kind, "json_schema": {"schema": {"properties": question}}}))


LONG = 1_000_000
LENGTHY = 20_000
LONG_PIECES = ["1,", "((1+", "answer is ", '"answer":"', "{"]
PIECES = [
    *'a 1\n(["\\*`$^<',
    *(
        "1 ",
        "1.",
        "1+",
        "1e9",
        "2^",
        "\\frac{",
        "\\boxed{",
        "**a",
        '{"a":',
        "answer: ",
        "the answer of a ",
        "July ",
        "10/",
    ),
    *(
        "Mr. ",
        "A. ",
        "(A) ",
        "½",
        "\u200b",
        "\u0301",
        "and ",
        "<<",
        "[asy]",
        "twenty ",
        "true or false ",
        "write ",
        "{}",
    ),
    *("how many ", "- ", "a\nb. ", "option a ", "- a and ", "not ", ", ", "= ", "1'", "1:", "for each the a and "),
]


@pytest.mark.parametrize(
    ("piece", "size"), [*((piece, LENGTHY) for piece in PIECES), *((piece, LONG) for piece in LONG_PIECES)]
)
def test_long_monotonous_text_is_read_in_time(piece, size):
    text = (piece * (size // len(piece) + 1))[:size]
    began = time.perf_counter()
    for kind in KINDS:
        canonical(text, kind, OPTIONS)
    kind_of(text, text)
    medoid([text, text[1:]])
    # A fraction of a second each; what is worse than linear takes minutes.
    assert time.perf_counter() - began < 10


def test_many_different_answers_are_clustered_in_time():
    candidates = [Candidate(f"{at}.{at % 7}{at % 11} km", "number") for at in range(64)]
    began = time.perf_counter()
    clusters(candidates)
    assert time.perf_counter() - began < 5
