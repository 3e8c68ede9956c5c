"""Who judges: whoever was named, else one of another maker who is no weaker, else the strongest member."""

from __future__ import annotations

from typing import Any

import pytest

from tritium.fusion.judges import choose_arbiters, kinship
from tritium.fusion.options import FusionOptions, Seat
from tritium.fusion.roster import Facts
from tritium.fusion.seating import PlannedSeat

MODELS = {
    "a/strong": {"maker": "a", "strength": 0.9},
    "a/second": {"maker": "a", "strength": 0.8},
    "b/strong": {"maker": "b", "strength": 0.9, "facts": Facts(context_tokens=9)},
    "c/weaker": {"maker": "c", "strength": 0.85},
    "d/strong": {"maker": "d", "strength": 0.95},
    "e/tiny": {"maker": "e", "strength": 0.99, "weak": True},
}


@pytest.fixture
def chosen(names):
    def choose(panel: list[str], bench: tuple[str, ...] = (), **options: Any) -> Any:
        roster = names(MODELS)

        def seats(models: Any) -> list[PlannedSeat]:
            return [
                PlannedSeat(at, Seat(name), roster.resolve(name), roster.profile(name))
                for at, name in enumerate(models)
            ]

        reasons: list[str] = []
        found = choose_arbiters(FusionOptions(**options), roster, seats(panel), seats(bench), reasons)
        return found, [model.id for model in found.judges], reasons

    return choose


def test_a_judge_of_another_maker_who_is_no_weaker_comes_first(chosen):
    found, judges, reasons = chosen(["a/strong", "b/strong"], ("a/second", "c/weaker", "e/tiny", "d/strong"))

    assert judges == ["d/strong", "a/strong"]
    assert found.synthesizer.id == "a/strong"
    assert reasons == ["d/strong judges: it is of another maker than the members and no weaker"]
    assert found.makers == {"d/strong": "d", "a/strong": "a"}


def test_a_weaker_one_does_not_judge_its_betters(chosen):
    assert chosen(["a/strong", "b/strong"], ("c/weaker", "e/tiny"))[1] == ["a/strong", "b/strong"]


def test_one_of_a_members_maker_is_no_outsider(chosen):
    assert chosen(["a/second", "b/strong"], ("a/strong",))[1] == ["b/strong", "a/second"]


def test_whoever_was_named_judges_whatever_it_is(chosen):
    found, judges, reasons = chosen(["a/strong", "b/strong"], ("d/strong",), judge="e/tiny", synthesizer="b/strong")

    assert judges == ["e/tiny", "a/strong"]
    assert found.synthesizer.id == "b/strong"
    assert found.facts["b/strong"].context_tokens == 9
    assert not reasons


def test_of_weak_members_nobody_judges_or_writes(chosen):
    found, judges, _ = chosen(["e/tiny"])

    assert (judges, found.synthesizer) == ([], None)


@pytest.mark.parametrize(
    ("judge", "maker", "why"),
    [
        ("a/strong", "a", "also sits on the panel"),
        ("a/second", "a", "is a's as a/strong"),
        ("d/strong", "d", None),
        ("d/strong", None, None),
    ],
)
def test_kin_is_who_sits_on_the_panel_or_is_of_a_members_maker(judge, maker, why):
    found = kinship(judge, maker, [("a/strong", "a"), ("b/strong", "b")])

    assert (found is None) if why is None else (why in (found or ""))
