"""A run's receipt is made of the ledger's own rows: what is known adds up, what is unknown stays so."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tritium.chat import Usage
from tritium.fusion.run import (
    CallReport,
    Decision,
    PlanReport,
    Run,
    SeatReport,
    Tally,
    Tokens,
    close_receipt,
    save,
    settle_seat,
)
from tritium.model import Generation


def row(row_id: str = "gen-1", **changes: Any) -> Generation:
    fields: dict[str, Any] = {
        "request_id": "gen-0",
        "model": "acme/m",
        "provider": "acme",
        "role": "seat",
        "created_at": 1.0,
        "usage": Usage(10, 20),
        "cost_nanodollars": 1500,
        "outcome": "ok",
        "finish_reason": "stop",
        "streamed": True,
        "first_token_ms": 5.0,
        "latency_ms": 9.0,
        **changes,
    }
    return Generation(row_id, **fields)


@pytest.fixture
def tally(kept) -> Tally:
    return Tally(kept)


@pytest.fixture
def run() -> Run:
    plan = PlanReport("open", "synthesize", 1, None, None, 0)
    return Run("gen-0", 1.0, "m", plan, [SeatReport(0, "acme/m", "A")], Decision("synthesize"), msgspec.Raw(b"[]"))


def test_a_tally_passes_on_what_it_keeps(tally, kept):
    tally.generation(row())
    tally.run("gen-0", 1.0, "m", b"{}")

    assert kept.rows == list(tally.rows.values()) == [row()]
    assert kept.runs == [("gen-0", 1.0, "m", b"{}")]


def test_a_receipt_is_the_sum_of_the_rows(tally, run):
    tally.generation(row("gen-1"))
    tally.generation(
        row("gen-2", role="judge", usage=Usage(1, 2, estimated=True), cost_nanodollars=1, outcome="failed")
    )

    close_receipt(run, tally, SeatReport(0, "acme/m", "A", cost_usd=1.5e-6))

    receipt = run.receipt
    assert receipt.cost_usd == 1501 / 1e9
    assert receipt.tokens == Tokens(11, 22, estimated=True)
    assert (receipt.best_single_model, receipt.best_single_cost_usd) == ("acme/m", 1.5e-6)
    assert (receipt.best_single_estimated, receipt.over_best_single_usd) == (False, 1e-9)
    tokens = Tokens(1, 2, estimated=True)
    assert receipt.calls[1] == CallReport("judge", "acme/m", "failed", tokens, 1e-9, 9.0, "acme", 5.0)
    assert receipt.latency_ms >= 0


def test_one_unknown_price_makes_the_receipts_cost_unknown(tally, run):
    tally.generation(row("gen-1"))
    tally.generation(row("gen-2", cost_nanodollars=None))

    close_receipt(run, tally, None)

    assert (run.receipt.cost_usd, run.receipt.calls[0].cost_usd, run.receipt.calls[1].cost_usd) == (None, 1.5e-6, None)
    assert run.receipt.best_single_model is None


def test_a_run_that_asked_nobody_cost_nothing(tally, run):
    close_receipt(run, tally, None)

    assert (run.receipt.cost_usd, run.receipt.tokens, run.receipt.calls) == (0, Tokens(), [])


def test_a_seat_is_what_its_row_says_but_for_what_is_known_better(tally):
    tally.generation(row(outcome="cancelled", error="CancelledError", finish_reason=None))
    report = SeatReport(0, "acme/m", "A", outcome="timeout", error="no answer within 2 s")

    settle_seat(report, tally)

    assert (report.outcome, report.error) == ("timeout", "no answer within 2 s")
    assert (report.provider, report.cost_usd, report.tokens) == ("acme", 1.5e-6, Tokens(10, 20))
    assert (report.first_token_ms, report.latency_ms) == (5.0, 9.0)


def test_a_seat_that_is_a_fusion_costs_what_all_its_calls_cost(tally):
    for number in range(3):
        tally.generation(row(f"gen-{number}"))
    report = SeatReport(0, "both", "both", outcome="ok", finish_reason="stop")

    settle_seat(report, tally)

    assert (report.cost_usd, report.tokens) == (4500 / 1e9, Tokens(30, 60))
    assert (report.outcome, report.finish_reason, report.provider, report.first_token_ms) == ("ok", "stop", None, None)
    assert report.latency_ms >= 0


def test_a_seat_that_was_never_asked_has_no_figures(tally):
    report = SeatReport(0, "acme/m", "A")

    settle_seat(report, tally)

    assert report == SeatReport(0, "acme/m", "A")


def test_a_saved_run_is_the_document_by_its_id(run, call, kept):
    save(run, call)

    assert kept.runs[0][:3] == ("gen-0", 1.0, "m")
    assert kept.document["seats"] == [{**msgspec.to_builtins(run.seats[0])}]
    assert kept.document["request"] == []
