"""Claims, support and dissent are what stands in the texts; what a judge merely says is dropped and counted."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tritium.fusion.candidates import Candidates
from tritium.fusion.provenance import read_provenance
from tritium.fusion.quotes import Quotable
from tritium.fusion.run import SeatReport

ANSWER = "The tide comes **twice** a day. Its height is 4 m \u2013 or so."
SEATS = [
    SeatReport(0, "vendor/one", "vendor", text="The tide comes twice a day, as the moon has it."),
    SeatReport(1, "other/two", "other", text="The tide comes\nonce a day."),
]
CANDIDATES = Candidates(SEATS, 1)
LETTER = {seat.seat: letter for letter, seat in CANDIDATES.by_letter.items()}


def read(**reply: Any) -> Any:
    found = read_provenance(json.dumps(reply), CANDIDATES, ANSWER)
    return None if found is None else msgspec.to_builtins(found)


def quoted(seat: int, words: str) -> dict[str, str]:
    return {"candidate": LETTER[seat], "quote": words}


def test_a_claim_has_the_seats_that_say_so_and_those_that_say_otherwise():
    found = read(
        claims=[
            {
                "claim": "Two tides a day",
                "quote": "tide comes twice a day",
                "support": [quoted(0, "comes twice a day")],
                "oppose": [quoted(1, "comes once a day")],
            }
        ],
        dissent=[{"says": "One tide a day", "candidates": [quoted(1, "once a day")]}],
    )

    assert found == {
        "claims": [
            {
                "claim": "Two tides a day",
                "quote": "tide comes twice a day",
                "support": [{"seat": 0, "model": "vendor/one", "quote": "comes twice a day"}],
                "oppose": [{"seat": 1, "model": "other/two", "quote": "comes once a day"}],
                "unverified": 0,
            }
        ],
        "dissent": [{"says": "One tide a day", "seats": [{"seat": 1, "model": "other/two", "quote": "once a day"}]}],
    }


@pytest.mark.parametrize(
    "support",
    [
        quoted(0, "the moon is made of cheese"),
        quoted(1, "as the moon has it"),
        {"candidate": "H", "quote": "comes twice a day"},
        {"candidate": None, "quote": "comes twice a day"},
        {"candidate": LETTER[0]},
        {"candidate": LETTER[0], "quote": ""},
        {"candidate": LETTER[0], "quote": "tid"},
        {"candidate": LETTER[0], "quote": ["comes twice a day"]},
    ],
)
def test_support_that_nobody_gave_is_dropped_and_counted(support):
    (claim,) = read(claims=[{"claim": "c", "quote": "comes twice a day", "support": [support]}])["claims"]

    assert (claim["support"], claim["oppose"], claim["unverified"]) == ([], [], 1)


def test_a_claim_that_the_answer_does_not_make_is_dropped():
    claims = [
        {"claim": "invented", "quote": "the moon is green", "support": [quoted(0, "comes twice a day")]},
        {"claim": "without words"},
        "none",
    ]
    assert read(claims=claims) == {"claims": [], "dissent": []}


def test_dissent_without_anybody_who_dissents_is_dropped():
    assert read(claims=[], dissent=[{"says": "No.", "candidates": [quoted(1, "never")]}, {"says": "Hm."}]) == {
        "claims": [],
        "dissent": [],
    }


def test_a_quote_carries_nothing_that_loads():
    answer = "See ![x](http://evil.example/?q=1) the tide."
    reply = json.dumps({"claims": [{"claim": "![x](http://evil.example/?q=1)", "quote": "the tide."}]})

    (claim,) = read_provenance(reply, CANDIDATES, answer).claims

    assert claim.claim == "[image left out: x]"


@pytest.mark.parametrize("reply", ["", "I can't.", "[]", '{"claims": "none"}', '{"consensus": []}'])
def test_what_holds_no_claims_is_unreadable(reply):
    assert read_provenance(reply, CANDIDATES, ANSWER) is None


@pytest.mark.parametrize(
    ("quote", "stands"),
    [
        ("The tide comes twice a day", True),
        ("the TIDE  comes\n\u201ctwice\u201d a day.", True),
        ("...comes twice a day\u2026", True),
        ("Its height is 4 m - or so", True),
        ("comes thrice a day", False),
        ("tide twice", False),
        ("4 m", True),
        ("m", True),
        ("wice", False),
        ("", False),
        ("...", False),
    ],
)
def test_a_quote_stands_in_a_text_or_it_does_not(quote, stands):
    assert Quotable(ANSWER).has(quote) is stands


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters()) | st.sampled_from(["A", "comes twice a day"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["claim", "quote", "support", "oppose", "candidate", "says"]), inner, max_size=4
        )
    ),
    max_leaves=10,
)


@given(st.fixed_dictionaries({"claims": JSON, "dissent": JSON}))
def test_no_reply_breaks_its_reader_and_all_that_is_kept_stands_in_a_text(reply):
    found = read_provenance(json.dumps(reply), CANDIDATES, ANSWER)

    if found is not None:
        assert msgspec.json.encode(found)
        texts = [Quotable(seat.text) for seat in SEATS]
        for claim in found.claims:
            assert Quotable(ANSWER).has(claim.quote)
            assert all(texts[each.seat].has(each.quote) for each in (*claim.support, *claim.oppose))
