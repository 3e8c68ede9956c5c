"""Who is chosen for an automatic panel: good, able, affordable, in health, of several makers; and every reason told."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tritium.errors import InvalidRequest
from tritium.fusion.automatic_panel import Choice, PriceCap, choose_panel
from tritium.fusion.needs import Needs
from tritium.fusion.roster import Facts
from tritium.ledger.prices import Prices

SEES = Facts(frozenset(("text", "image")), tools=True, structured=True, context_tokens=100_000)
BLIND = Facts(frozenset(("text",)), tools=False, structured=False, context_tokens=1000)


def model(strength: float = 1.0, maker: str = "", dollars: float | None = 1, **more: Any) -> dict[str, Any]:
    prices = None if dollars is None else Prices(Decimal(0), Decimal(dollars))
    return {"strength": strength, "prices": prices, **({"maker": maker} if maker else {}), **more}


@pytest.fixture
def chosen(names):
    def make(needs: Needs | None = None, cap: PriceCap | None = None, **models: Any) -> Choice:
        return choose_panel(names(models, list(models)), needs, cap)

    return make


def test_three_of_different_makers_come_before_a_makers_second(chosen):
    found = chosen(a1=model(1, "a"), a2=model(0.99, "a"), b1=model(0.98, "b"), c1=model(0.95, "c"))

    assert found.names == ["a1", "b1", "c1"]
    assert found.bench == ["a2"]


def test_nobody_is_asked_who_is_ten_points_weaker_than_the_best(chosen):
    found = chosen(best=model(0.95), near=model(0.85), far=model(0.84))

    assert (found.names, found.bench) == (["best", "near"], ["far"])
    assert "more than 10 points weaker than best: far" in found.reasons


def test_embedded_models_are_measured_on_another_scale(chosen):
    assert chosen(a=model(0.9, weak=True), b=model(0.3, weak=True)).names == ["a", "b"]


def test_who_cannot_see_is_not_shown_an_image(chosen):
    found = chosen(Needs(frozenset(("image",))), blind=model(facts=BLIND), sees=model(0.95, facts=SEES))

    assert (found.names, found.bench) == (["sees"], [])
    assert "passed over blind: it takes no images" in found.reasons


def test_who_is_known_to_see_comes_before_who_may(chosen):
    found = chosen(Needs(frozenset(("image",))), unknown=model(), sees=model(0.95, facts=SEES))

    assert found.names == ["sees"]
    assert "passed over unknown: nobody knows whether it takes what was sent along" in found.reasons
    assert chosen(Needs(frozenset(("image",))), unknown=model(), blind=model(facts=BLIND)).names == ["unknown"]


@pytest.mark.parametrize(
    ("needs", "why"),
    [
        (Needs(tools=True), "it calls no tools"),
        (Needs(structured=True), "it keeps to no JSON schema"),
        (Needs(prompt_tokens=900, output_tokens=200), "its context of 1,000 tokens is too short for about 1,100"),
        (Needs(frozenset(("image", "audio"))), "it takes no audio and no images"),
    ],
)
def test_what_a_model_lacks_is_said(chosen, needs, why):
    with pytest.raises(InvalidRequest, match=f"blind: {why}"):
        chosen(needs, blind=model(facts=BLIND))


def test_a_model_that_keeps_failing_is_passed_over_unless_there_is_nobody_else(chosen):
    found = chosen(down=model(1, ready=False), up=model(0.95))

    assert found.names == ["up"]
    assert "passed over down: it keeps failing just now" in found.reasons
    assert chosen(down=model(1, ready=False)).names == ["down"]


def test_a_cap_in_dollars_leaves_out_the_dear_and_the_unpriced(chosen):
    found = chosen(cap=PriceCap(usd=0.001), dear=model(1, dollars=10), unpriced=model(1, dollars=None), cheap=model())

    assert found.names == ["cheap"]
    assert "passed over dear: at about $0.0050 it is over the cap of $0.001 a seat" in found.reasons
    assert "passed over unpriced: its price is unknown, and there is a cap on it" in found.reasons


def test_a_ratio_is_to_the_best_and_says_nothing_of_the_unpriced(chosen):
    found = chosen(
        cap=PriceCap(ratio=4), best=model(1), dear=model(0.99, dollars=5), unpriced=model(0.98, dollars=None)
    )

    assert found.names == ["best", "unpriced"]
    assert "passed over dear: at about $0.0025 it is over 4 times what best costs" in found.reasons


def test_all_of_one_maker_is_told(chosen):
    assert "all of them are m's: nobody else is within reach" in chosen(a=model(1, "m"), b=model(1, "m")).reasons


def test_nobody_within_reach_is_no_panel(chosen):
    assert chosen() == Choice()
