"""Who is asked and how their answers become one: every branch of the tree, with its reason."""

from __future__ import annotations

from typing import Any

import pytest

from tritium.chat import ChatRequest
from tritium.errors import InvalidRequest, UnknownModel
from tritium.fusion.options import FusionOptions, Seat
from tritium.fusion.plan import Plan, default_quorum, make_plan

STRENGTHS = {"weak": {"strength": 0.2}, "middling": {"strength": 0.5}, "strong": {"strength": 0.9}}
TINY = {"tiny-1": {"strength": 0.1, "weak": True}, "tiny-2": {"strength": 0.2, "weak": True}}
OPEN = "Write about the sea, please, and compare it with the desert."
TOOLS = [{"type": "function", "function": {"name": "look_up"}}]


@pytest.fixture
def planned(names):
    """Make a plan for options given by name."""

    def make(*, automatic: Any = (), fields: Any = None, **options: Any) -> Plan:
        request = ChatRequest.build("m", [{"role": "user", "content": OPEN}], **(fields or {}))
        return make_plan(request, FusionOptions(**options), names({**STRENGTHS, **TINY, "other": {}}, automatic))

    return make


def seats(plan: Plan) -> list[str]:
    return [seat.model.id for seat in plan.seats]


PANEL = ["weak", "strong", "middling"]


@pytest.mark.parametrize(
    ("fields", "options", "reason"),
    [
        ({"tools": TOOLS}, {"tools": "passthrough"}, "the caller's tools go to one model (tools 'passthrough')"),
        ({"n": 2}, {}, "several choices or log probabilities"),
        ({"logprobs": True}, {}, "several choices or log probabilities"),
        ({}, {"enabled": False}, "one model was asked for"),
        ({}, {"strategy": "single"}, "one model was asked for"),
        ({"tools": TOOLS}, {"strategy": "synthesize", "quorum": 3, "tools": "passthrough"}, "the caller's tools"),
    ],
)
def test_what_one_model_must_do_is_the_strongest_models(planned, fields, options, reason):
    plan = planned(panel=PANEL, fields=fields, **options)

    assert (plan.strategy, plan.quorum, plan.seats[0].seat) == ("single", 1, 0)
    assert seats(plan) == ["strong", "middling", "weak"]
    assert any(reason in each for each in plan.reasons)


@pytest.mark.parametrize("fields", [{"tools": []}, {"n": 1}, {"logprobs": False}])
def test_what_only_looks_like_it_is_for_the_panel(planned, fields):
    assert planned(panel=PANEL, fields=fields, strategy="synthesize").strategy == "synthesize"


@pytest.mark.parametrize(
    ("options", "strategy", "reason"),
    [
        ({"strategy": "vote"}, "vote", "vote was asked for"),
        ({"strategy": "consensus"}, "consensus", "consensus was asked for"),
        ({"strategy": "synthesize"}, "synthesize", "synthesis was asked for"),
        ({}, "synthesize", "an open answer is judged and written anew"),
    ],
)
def test_the_strategy_is_what_was_asked_for_else_what_the_question_needs(planned, options, strategy, reason):
    plan = planned(panel=PANEL, **options)

    assert plan.strategy == strategy
    assert reason in plan.reasons
    assert seats(plan) == PANEL


@pytest.mark.parametrize("options", [{"strategy": "synthesize"}, {}])
def test_where_nobody_is_fit_to_judge_the_most_central_answer_is_taken(planned, options):
    plan = planned(panel=["tiny-1", "tiny-2"], **options)

    assert (plan.strategy, plan.judges, plan.synthesizer) == ("consensus", [], None)
    assert any("fit to judge" in reason for reason in plan.reasons)


def test_weak_models_with_a_judge_of_their_own_are_synthesized(planned):
    plan = planned(panel=["tiny-1", "tiny-2"], judge="other")

    assert plan.strategy == "synthesize"
    assert ([judge.id for judge in plan.judges], plan.synthesizer.id) == (["other"], "other")


@pytest.mark.parametrize(
    ("options", "judges", "synthesizer"),
    [
        ({}, ["strong", "middling"], "strong"),
        ({"judge": "other"}, ["other", "strong"], "strong"),
        ({"judge": "strong"}, ["strong", "middling"], "strong"),
        ({"synthesizer": "other"}, ["strong", "middling"], "other"),
        ({"judge": "weak", "synthesizer": "weak"}, ["weak", "strong"], "weak"),
    ],
)
def test_the_bench_is_whom_was_named_then_the_strongest_of_the_panel(planned, options, judges, synthesizer):
    plan = planned(panel=PANEL, strategy="synthesize", **options)

    assert [judge.id for judge in plan.judges] == judges
    assert plan.synthesizer.id == synthesizer


def test_a_weak_model_is_never_asked_to_judge(planned):
    plan = planned(panel=["tiny-1", "weak", "tiny-2"])

    assert [judge.id for judge in plan.judges] == ["weak"]


def test_a_judge_on_its_own_panel_is_warned_of(planned):
    assert "kinship: the judge strong also sits on the panel" in planned(panel=PANEL).warnings[0]
    assert planned(panel=PANEL, judge="other").warnings == []
    assert planned(panel=PANEL, strategy="consensus").warnings == []


def test_a_self_fusion_is_samples_of_the_strongest_apart_in_seed_and_warm(planned):
    plan = planned(panel=PANEL, strategy="self", samples=4, seed=10)

    assert [seat.settings for seat in plan.seats] == [Seat("strong", 1, 0.7, seed) for seed in (10, 11, 12, 13)]
    assert "self-fusion: 4 samples of strong" in plan.reasons


def test_the_samples_keep_what_their_seat_says(planned):
    plan = planned(panel=[Seat("strong", temperature=0.2, seed=5, max_tokens=7)], strategy="self", samples=2, seed=10)

    assert [seat.settings for seat in plan.seats] == [Seat("strong", 1, 0.2, seed, 7) for seed in (5, 6)]


def test_an_automatic_panel_of_one_is_a_self_fusion_and_a_given_one_is_not(planned):
    assert seats(planned(automatic=["strong"])) == ["strong"] * 3
    assert seats(planned(panel=["strong"])) == ["strong"]


def test_an_automatic_panel_says_who_it_is(planned):
    plan = planned(automatic=["middling", "other"])

    assert seats(plan) == ["middling", "other"]
    assert plan.reasons[0] == "automatic panel of what is reachable: middling, other"


def test_with_nobody_to_ask_it_says_how_to_get_somebody(planned):
    with pytest.raises(UnknownModel, match="tritium models install tiny"):
        planned()


@pytest.mark.parametrize(
    "options",
    [{"panel": ["nobody"]}, {"panel": ["weak"], "judge": "nobody"}, {"panel": ["weak"], "synthesizer": "nobody"}],
)
def test_an_unknown_model_is_refused_before_anyone_is_asked(planned, options):
    with pytest.raises(UnknownModel, match="nobody is not a valid model ID"):
        planned(**options)


@pytest.mark.parametrize(("seats_", "quorum"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 4), (6, 4), (7, 5), (8, 6)])
def test_a_quorum_is_two_of_three(seats_, quorum):
    assert default_quorum(seats_) == quorum


def test_a_quorum_that_cannot_be_met_is_refused(planned):
    with pytest.raises(InvalidRequest, match="A quorum of 4 can't be met by 3 seats"):
        planned(panel=PANEL, quorum=4)
    assert planned(panel=PANEL, quorum=3).quorum == 3


def test_the_order_of_the_candidates_is_the_seed_or_random(planned):
    assert planned(panel=PANEL, seed=7).order_seed == 7
    assert len({planned(panel=PANEL).order_seed for _ in range(20)}) == 20


def test_among_equally_strong_the_first_seat_is_the_strongest(planned):
    assert planned(panel=["weak", "other", "middling"]).strongest().model.id == "other"
