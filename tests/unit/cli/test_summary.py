"""A run in a few lines."""

from __future__ import annotations

import io

import msgspec
import pytest
from rich.console import Console

from tritium.cli import summary
from tritium.cli.receipt import receipt
from tritium.fusion.run import CallReport, Decision, PlanReport, Receipt, Run, SeatReport, Tokens


def run(**changes: object) -> Run:
    fields = {
        "id": "gen-1",
        "created": 0.0,
        "model": "tritium/fusion",
        "plan": PlanReport("number", "vote", 2, None, None, 0),
        "seats": [SeatReport(seat, f"vendor/model-{seat}", "m") for seat in range(3)],
        "decision": Decision("vote", "majority", "2 of 3 say '51'", seat=1),
        "request": msgspec.Raw(b"[]"),
        "answer": "51",
    }
    return Run(**{**fields, **changes})


def printed(what: object) -> str:
    console = Console(file=io.StringIO(), width=100)
    console.print(what)
    return console.file.getvalue()


def test_a_vote_names_the_winner_and_counts_everybody():
    votes = [{"says": "51", "seats": [0, 1]}, {"says": None, "seats": [2]}]
    text = printed(summary.decision(run(decision=Decision("vote", "majority", "2 of 3", seat=1, votes=votes))))
    assert "majority  2 of 3 (model-1)" in text
    assert "2 for '51', 1 for nothing countable" in text


def test_of_an_analysis_the_first_points_are_shown_and_the_rest_is_kept_for_the_page():
    analysis = {"contradictions": [{"topic": "x", "claims": f"claim number {number}"} for number in range(5)]}
    assert "claim number 2" in printed(summary.decision(run(analysis=analysis)))
    assert "claim number 3" not in printed(summary.decision(run(analysis=analysis)))
    assert "claim number 4" in printed(summary.decision(run(analysis=analysis), points=None))


def test_an_answer_that_was_cut_off_says_so():
    assert "cut off" in printed(summary.decision(run(finish_reason="length")))


@pytest.mark.parametrize("text", ["a\nb", "Dear John,\nyours\nTom"])
def test_line_breaks_of_plain_text_are_kept(text):
    assert [line.rstrip() for line in printed(summary.answer(text)).splitlines()] == text.splitlines()


def test_a_link_shows_where_it_leads():
    assert "https://evil.example" in printed(summary.answer("**see** [your bank](https://evil.example)"))


def test_the_receipt_compares_with_the_best_single_model_and_never_hides_the_unknown():
    calls = [CallReport("seat", "vendor/a", "ok", Tokens(5, 5), 0.001, 1.0)] * 2
    paid = Receipt(0.002, "vendor/a", 0.001, Tokens(1000, 234), 1500.0, calls)
    said = receipt(run(receipt=paid))
    assert said == "$0.002 · 1,234 tokens · 1.5 s · best single a would have cost $0.001 · gen-1"
    unknown = receipt(run(receipt=Receipt(None, "vendor/a", None, Tokens(1, 1), 1.0, calls)))
    assert unknown.startswith("cost unknown")
    assert "an unknown amount" in unknown
