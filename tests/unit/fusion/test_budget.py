"""A cap in dollars: nothing is begun whose worst case does not fit, and everybody learns why."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tritium.chat import ChatRequest, Usage
from tritium.errors import BudgetExceeded
from tritium.fusion.budget import OUTPUT_TOKENS, Budget, prompt_tokens
from tritium.fusion.options import Seat
from tritium.fusion.run import Decision, PlanReport, Run, SeatReport
from tritium.fusion.seating import PlannedSeat
from tritium.ledger.prices import Prices

REQUEST = ChatRequest.build("m", [{"role": "user", "content": "x" * 246}])
ASKED = prompt_tokens(REQUEST)
MODELS: dict[str, Any] = {
    "cheap": {"prices": Prices(Decimal(0), Decimal(1)), "strength": 0.1},
    "dear": {"prices": Prices(Decimal(0), Decimal(100)), "strength": 0.9},
    "reads": {"prices": Prices(Decimal(1), Decimal(0)), "strength": 0.5},
    "unknown": {"prices": None, "strength": 1.0},
}


@pytest.fixture
def roster(names):
    return names(MODELS)


def run_of(*models: str) -> Run:
    return Run(
        id="gen-1",
        created=0,
        model="m",
        plan=PlanReport("open", "synthesize", 1, None, None, 0),
        seats=[SeatReport(seat, model, "maker") for seat, model in enumerate(models)],
        decision=Decision("synthesize"),
        request=REQUEST.fields["messages"],
    )


def affordable(roster: Any, cap: float | None, *models: str, limit: int = 1000, **fields: Any) -> tuple[list[str], Run]:
    run = run_of(*models)
    planned = [PlannedSeat(i, Seat(m), roster.resolve(m), roster.profile(m)) for i, m in enumerate(models)]
    kept = Budget(cap, roster.cost_nanodollars).affordable(planned, run, REQUEST.replace(**fields), lambda _: limit)
    return [seat.model.id for seat in kept], run


def test_without_a_cap_everybody_is_asked(roster):
    kept, run = affordable(roster, None, "unknown", "dear")

    assert kept == ["unknown", "dear"]
    assert [seat.outcome for seat in run.seats] == [None, None]


def test_the_strongest_are_kept_and_the_others_learn_why_not(roster):
    kept, run = affordable(roster, 0.1, "cheap", "dear", "dear", "unknown")

    assert kept == ["dear"]
    assert [seat.error for seat in run.seats] == [
        "left out: it may cost $0.001000, and $0.000000 of the cap is left",
        None,
        "left out: it may cost $0.100000, and $0.000000 of the cap is left",
        "left out: its price is unknown and the request has a cost cap",
    ]
    assert [seat.outcome for seat in run.seats] == ["failed", None, "failed", "failed"]


def test_seats_stay_in_their_order(roster):
    assert affordable(roster, 1, "cheap", "dear", "reads")[0] == ["cheap", "dear", "reads"]


def test_the_prompt_is_reckoned_with_and_every_choice(roster):
    fits = ASKED * 1000 / 1e9

    assert affordable(roster, fits, "reads")[0] == ["reads"]
    assert affordable(roster, 0.001, "cheap")[0] == ["cheap"]
    with pytest.raises(BudgetExceeded):
        affordable(roster, fits - 1e-9, "reads")
    with pytest.raises(BudgetExceeded):
        affordable(roster, 0.001, "cheap", n=2)


def test_a_cap_under_which_nobody_fits_names_every_seat(roster):
    with pytest.raises(BudgetExceeded) as caught:
        affordable(roster, 0, "cheap", "unknown")

    assert caught.value.param == "max_cost_usd"
    assert "cheap: left out: it may cost $0.001000" in caught.value.message
    assert "unknown: left out: its price is unknown" in caught.value.message


def test_one_more_call_fits_what_is_left_after_what_was_spent(roster, kept):
    budget, run = Budget(0.001, roster.cost_nanodollars), run_of("cheap")

    assert budget.allows(run, "the synthesis", "cheap", 0, 1000)
    budget.spent = 1
    assert not budget.allows(run, "the synthesis", "cheap", 0, 1000)
    assert run.warnings == ["the synthesis was left out: it may cost $0.001000, and $0.001000 of the cap is left"]


@pytest.mark.parametrize(("prompt_bytes", "fits"), [(3000, True), (3003, False)])
def test_three_bytes_are_reckoned_as_a_token(roster, prompt_bytes, fits):
    assert Budget(0.001, roster.cost_nanodollars).allows(run_of("reads"), "x", "reads", prompt_bytes, 10**6) is fits


def test_an_unknown_price_never_fits_a_cap(roster):
    run = run_of("cheap")

    assert not Budget(1e6, roster.cost_nanodollars).allows(run, "judge unknown", "unknown", 1, 1)
    assert Budget(None, roster.cost_nanodollars).allows(run, "judge unknown", "unknown", 1, 1)
    assert run.warnings == [
        "judge unknown was left out: it may cost an unknown amount, and $1000000.000000 of the cap is left"
    ]


def test_a_cap_of_nothing_allows_what_is_free(names):
    free = names({"local": {}})

    assert Budget(0, free.cost_nanodollars).allows(run_of("local"), "judge", "local", 10**6, 10**6)
    assert free.cost_nanodollars("local", Usage(1, OUTPUT_TOKENS)) == 0
