"""An endpoint's figures are those of its own calls of late, and what says nothing of it doesn't count."""

from __future__ import annotations

import pytest

from tritium.chat import Usage
from tritium.ledger.generations import Generations
from tritium.ledger.pulse import Pulses

NOW = 1_700_000_000.0


@pytest.fixture
def keep(database):
    def keep(*rows):
        with database.writing() as connection:
            Generations.insert(connection, rows)

    return keep


@pytest.fixture
def calls(keep, generation):
    """Keeps calls of one endpoint: `calls(("ok", 200), ("failed", 503))`, each a second before the one before it."""
    made = iter(range(1000))

    def make(*outcomes, ago=0.0, **changes):
        keep(
            *(
                generation(
                    f"gen-{next(made)}",
                    **{"provider": "p", "model": "p/m", "created_at": NOW - ago - place, **changes},
                    outcome=outcome,
                    status=status,
                )
                for place, (outcome, status) in enumerate(outcomes)
            )
        )

    return make


@pytest.fixture
def pulse(database):
    return lambda: Pulses(database).of(["p/m"], NOW).get(("p", "p/m"))


OK = ("ok", 200)


@pytest.mark.parametrize(
    ("outcomes", "uptime"),
    [
        ([OK], 100),
        ([OK, ("failed", 503)], 50),
        ([OK, ("timeout", None)], 50),
        ([OK, ("failed", 401)], 50),
        ([OK, OK, OK, ("failed", None)], 75),
        ([OK, ("failed", 429), ("failed", 400), ("cancelled", None)], 100),
        ([("failed", 429)], None),
        ([("failed", 500)], 0),
    ],
)
def test_uptime_counts_what_the_endpoint_answers_for(calls, pulse, outcomes, uptime):
    calls(*outcomes)

    assert pulse().uptime == uptime


def test_what_is_long_ago_is_forgotten(calls, pulse):
    calls(("failed", 500), ago=2000)
    assert pulse() is None
    calls(("failed", 500), ago=1000)
    calls(OK, ago=10)

    assert (pulse().uptime_short, pulse().uptime) == (100, 50)


def test_other_endpoints_have_their_own_figures(calls, pulse, database):
    calls(OK)
    calls(("failed", 500), provider="q")
    calls(("failed", 500), model="other")

    assert pulse().uptime == 100
    assert Pulses(database).of(["p/m"], NOW)["q", "p/m"].uptime == 0


def test_percentiles_are_of_the_answers(calls, pulse):
    for number in range(1, 101):
        calls(OK, first_token_ms=float(number), latency_ms=number + 1000.0, streamed=True, usage=Usage(1, number))
    calls(("failed", 500), first_token_ms=9e9, latency_ms=9e9)

    found = pulse()

    assert found.latency_ms == {"p50": 51, "p75": 76, "p90": 91, "p99": 100}
    assert found.tokens_per_second == {"p50": 51, "p75": 26, "p90": 11, "p99": 2}


def test_an_endpoint_that_never_answered_has_no_latency(calls, pulse):
    calls(("failed", 500))

    assert (pulse().latency_ms, pulse().tokens_per_second) == (None, None)
