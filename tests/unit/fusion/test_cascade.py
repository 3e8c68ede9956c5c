"""A cascade, a split vote and weighted votes: who is asked, who isn't, and whose word it is in the end."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tritium.chat import ChatRequest, Completion
from tritium.errors import AllSeatsFailed, InvalidRequest, TritiumError, UnknownModel
from tritium.fusion.fusion import Fusion
from tritium.fusion.options import FusionOptions, Seat
from tritium.fusion.plan import make_plan
from tritium.ledger.prices import Prices
from tritium.model import new_call
from tritium.providers.scripted import ScriptedSource

CLOSED = "What is 17 times 3? Answer with a number."
PRICES = {"cheap": "0.1", "cheaper": "0.05", "third": "0.2", "strong": "10"}


def model(says: str, price: str = "1", **more: Any) -> dict[str, Any]:
    script = says if "=" in says or says == "empty" else f"say={says}"
    return {"script": script, "prices": Prices(Decimal(price), Decimal(price)), **more}


def four(**says: str) -> dict[str, Any]:
    """Three cheap models and a strong one, that say what is given, else 51."""
    strength = {"strong": 0.9, "third": 0.5, "cheap": 0.4, "cheaper": 0.3}
    return {name: model(says.get(name, "51"), price, strength=strength[name]) for name, price in PRICES.items()}


@pytest.fixture
def fuse(names, kept):
    """Asks; returns the run's document, after a look at whether the caller got its answer."""

    async def ask(models: dict[str, Any], question: str = CLOSED, **options: Any) -> dict[str, Any]:
        recorder = type(kept)()
        request = ChatRequest.build("f", [{"role": "user", "content": question}])
        fusion = Fusion("f", FusionOptions(**{"panel": list(models), **options}), names(models))
        said = Completion()
        async with asyncio.timeout(10), fusion.answer(request, new_call(recorder, caller="tests")) as chunks:
            async for chunk in chunks:
                said.add(chunk)
        assert said.text == recorder.document["answer"]
        return recorder.document

    return ask


def asked(run: dict[str, Any]) -> list[str]:
    return [seat["model"] for seat in run["seats"] if seat["outcome"] != "cancelled"]


# ---------------------------------------------------------------- the gate


async def test_two_cheap_makers_who_agree_are_all_that_is_asked(fuse):
    run = await fuse(four(), strategy="cascade", seed=1)

    assert asked(run) == ["cheaper", "cheap"]
    assert run["decision"]["how"] == "unanimous"
    assert run["decision"]["reason"] == "2 of 2 say '51'"
    assert run["seats"][run["decision"]["seat"]]["model"] == "cheap"
    assert [seat["error"] for seat in run["seats"][2:]] == ["not asked: enough of the others agreed"] * 2
    assert run["plan"]["escalate"] == "strong"
    assert run["plan"]["reasons"][-1] == "at once cheaper, cheap; then in turn third; strong if 2 do not agree"


async def test_where_the_first_two_differ_the_next_is_asked_before_the_strong_one(fuse):
    run = await fuse(four(cheaper="52"), strategy="cascade")

    assert asked(run) == ["cheaper", "cheap", "third"]
    assert (run["decision"]["how"], run["answer"]) == ("majority", "51")


async def test_where_nobody_agrees_the_strong_models_voice_joins_the_vote(fuse):
    run = await fuse(four(cheaper="52", third="53"), strategy="cascade")

    assert asked(run) == ["cheaper", "cheap", "third", "strong"]
    assert run["decision"]["votes"][0] == {"says": "51", "seats": [1, 3]}


async def test_a_vote_split_even_with_the_strong_model_is_a_judges_who_sees_the_votes(fuse):
    seen = []

    class Judge:
        def open(self, request: ChatRequest, model: str, call: Any) -> Any:
            seen.append(request.body.messages[-1].text())
            return ScriptedSource().open(request, "judge=1", call)

    models = {**four(cheaper="52", cheap="51", strong="53"), "judge": {"source": Judge()}}
    panel = ["cheap", "cheaper", "strong"]
    run = await fuse(models, panel=panel, strategy="cascade", judge="judge", seed=3)

    assert run["decision"]["how"] == "judge_select"
    assert "votes, counted by what the candidates answer" in seen[0]
    assert ": 52\n" in seen[0]


async def test_without_a_fit_judge_the_strong_models_answer_stands(fuse):
    models = four(cheaper="52", third="54", strong="53")
    for each in models.values():
        each["weak"] = True
    run = await fuse(models, strategy="cascade")

    assert (run["decision"]["how"], run["answer"]) == ("strongest", "53")
    assert run["decision"]["reason"].startswith("the vote was split, and is split with the strong model")


async def test_two_models_of_one_maker_are_no_agreement_where_there_are_others(fuse):
    models = four()
    models["cheap"]["maker"] = models["cheaper"]["maker"] = "one"
    run = await fuse(models, strategy="cascade")

    assert asked(run) == ["cheaper", "third"]

    models["third"]["script"] = "say=52"
    assert asked(await fuse(models, strategy="cascade")) == ["cheaper", "third", "cheap", "strong"]


async def test_samples_of_one_model_agree_as_samples(fuse):
    models = {"one": model("51")}
    run = await fuse(models, panel=[Seat("one", count=3)], strategy="cascade")

    assert len(asked(run)) == 2
    assert run["decision"]["how"] == "unanimous"


async def test_whoever_cannot_bring_agreement_any_more_is_not_asked(fuse):
    models = four(cheaper="52", cheap="53", third="54")
    run = await fuse(models, strategy="cascade", agree=3)

    assert asked(run) == ["cheaper", "cheap", "strong"]
    assert run["seats"][2]["error"] == "not asked: it could not have brought agreement any more"


@pytest.mark.parametrize("start", [1, 2, 3])
async def test_so_many_start_at_once_as_was_said(fuse, start):
    run = await fuse(four(cheaper="52", cheap="53", third="54"), strategy="cascade", start=start)

    assert run["plan"]["reasons"][-1].startswith("at once " + ", ".join(["cheaper", "cheap", "third"][:start]))
    assert asked(run)[-1] == "strong"


async def test_the_model_to_escalate_to_may_be_one_that_is_not_on_the_panel(fuse):
    run = await fuse(four(cheaper="52"), panel=["cheap", "cheaper"], escalate="strong", strategy="cascade")

    assert asked(run) == ["cheaper", "cheap", "strong"]
    assert run["answer"] == "51"


async def test_who_is_escalated_to_does_not_sit_on_the_panel_as_well(fuse):
    run = await fuse(four(cheaper="52"), panel=["cheap", "cheaper", "strong"], escalate="strong", strategy="cascade")

    assert [seat["model"] for seat in run["seats"]] == ["cheaper", "cheap", "strong"]


async def test_a_panel_that_was_named_is_all_that_is_asked(fuse):
    run = await fuse(four(cheaper="52"), panel=["cheap", "cheaper"], strategy="cascade")

    assert {call["model"] for call in run["receipt"]["calls"]} <= {"cheap", "cheaper"}


async def test_an_open_question_gets_cheap_drafts_and_one_strong_pen(fuse):
    models = four(cheaper="words=30", cheap="words=31", third="words=32", strong="say=Written%20well.")
    run = await fuse(models, "Write about the sea, please, and compare it with the desert.", strategy="cascade")

    assert (run["decision"]["how"], run["answer"]) == ("synthesis", "Written well.")
    assert {seat["model"] for seat in run["seats"]} == {"cheaper", "cheap", "third"}
    assert [call["role"] for call in run["receipt"]["calls"]].count("judge") == 0
    assert [call["model"] for call in run["receipt"]["calls"] if call["role"] == "synthesizer"] == ["strong"]


# ---------------------------------------------------------------- what fails


async def test_a_cheap_model_that_fails_is_replaced_by_the_next(fuse):
    run = await fuse(four(cheaper="error=500"), strategy="cascade")

    assert asked(run) == ["cheaper", "cheap", "third"]
    assert (run["decision"]["how"], run["answer"]) == ("unanimous", "51")


async def test_a_strong_model_that_fails_leaves_the_others_answers(fuse):
    run = await fuse(four(cheaper="52", third="error=500", strong="error=500"), strategy="cascade", judge=None)

    assert run["answer"] in ("51", "52")


async def test_one_answer_is_given_whoever_it_is_of(fuse):
    run = await fuse(four(cheaper="error=500", cheap="error=500", third="error=500"), strategy="cascade")

    assert (run["decision"]["how"], run["answer"]) == ("lone_survivor", "51")


async def test_a_cap_that_only_cheap_ones_fit_under_is_kept(fuse):
    run = await fuse(four(cheaper="52", third="53"), strategy="cascade", max_cost_usd=0.02, seed=1)

    assert run["receipt"]["cost_usd"] <= 0.02
    assert run["answer"] in ("51", "52", "53")


async def test_nobody_fitting_under_the_cap_is_said_so(fuse):
    with pytest.raises(TritiumError) as caught:
        await fuse(four(), strategy="cascade", max_cost_usd=0.0000001)

    assert caught.value.http_status == 402


LADDER = st.fixed_dictionaries(
    {name: st.sampled_from(["51", "52", "53", "error=500", "empty", "words=3"]) for name in PRICES}
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(says=LADDER, strategy=st.sampled_from(["cascade", "vote"]), order=st.permutations(list(PRICES)))
def test_any_order_of_seats_and_any_failures_give_the_same_decision(fuse, says, strategy, order):
    """An error only when nobody answered; else an answer that somebody gave, the same whoever sits where."""

    async def decided(panel: list[str]) -> tuple[str, str | None]:
        models = {name: each | {"weak": True} for name, each in four(**says).items()}
        try:
            run = await fuse(models, panel=panel, strategy=strategy, quorum=4 if strategy == "vote" else None)
        except AllSeatsFailed:
            return "nobody", None
        return run["decision"]["how"], run["answer"]

    async def both() -> tuple[Any, Any]:
        return await decided(list(PRICES)), await decided(list(order))

    first, second = asyncio.run(both())
    assert first == second
    assert (first[0] == "nobody") == all(each in ("error=500", "empty") for each in says.values())


# ---------------------------------------------------------------- votes that weigh


async def test_a_member_that_is_nearly_always_right_outvotes_two_that_are_not(fuse):
    models = {"good": model("51"), "bad": model("52"), "worse": model("52")}
    panel = [Seat("good", accuracy=0.96), Seat("bad", accuracy=0.55), Seat("worse", accuracy=0.5)]
    run = await fuse(models, panel=panel, strategy="vote", quorum=3)

    assert (run["answer"], run["decision"]["how"]) == ("51", "majority")
    assert run["decision"]["votes"][0]["weight"] > run["decision"]["votes"][1]["weight"]
    assert "votes weigh by accuracy (good 96%, bad 55%, worse 50%)" in run["plan"]["reasons"]


async def test_accuracies_of_some_seats_only_weigh_nothing(fuse):
    models = {"good": model("51"), "bad": model("52"), "worse": model("52")}
    run = await fuse(models, panel=[Seat("good", accuracy=0.96), "bad", "worse"], strategy="vote", quorum=3)

    assert run["answer"] == "52"


async def test_weights_count_as_they_are_given(fuse):
    models = {"good": model("51"), "bad": model("52"), "worse": model("52")}
    run = await fuse(models, panel=[Seat("good", weight=3), "bad", "worse"], strategy="vote", quorum=3)

    assert (run["answer"], run["decision"]["agreement"]) == ("51", 1 / 3)
    assert run["decision"]["reason"] == "1 of 3 say '51', with 60% of the weight"


async def test_a_heavy_vote_settles_it_before_the_light_ones_are_in(fuse):
    models = {"good": model("51"), "bad": model("stall=0"), "worse": model("stall=0")}
    panel = [Seat("good", weight=3), "bad", "worse"]
    run = await fuse(models, panel=panel, strategy="vote", quorum=3, deadline_seconds=5)

    assert run["gathering"] == "settled"


async def test_a_majority_short_of_the_threshold_is_a_split_vote(fuse):
    models = {"one": model("51"), "two": model("51"), "three": model("52"), "strong": model("52", strength=0.9)}
    options = {"panel": ["one", "two", "three"], "strategy": "vote", "quorum": 3, "escalate": "strong"}

    plain = await fuse(models, **options)
    strict = await fuse({name: each | {"weak": True} for name, each in models.items()}, **options, majority=0.7)

    assert (plain["answer"], plain["seats"][3]["error"]) == ("51", "not asked: the vote was not split")
    assert (strict["answer"], strict["decision"]["how"]) == ("52", "strongest")


async def test_a_split_vote_is_decided_by_the_strong_models_voice(fuse):
    models = {"one": model("51"), "two": model("52"), "strong": model("52", strength=0.9)}
    run = await fuse(models, panel=["one", "two"], strategy="vote", quorum=2, escalate="strong")

    assert (run["answer"], run["decision"]["how"]) == ("52", "majority")
    assert asked(run) == ["one", "two", "strong"]


# ---------------------------------------------------------------- what can't be


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"agree": 4}, InvalidRequest, "in which 4 must agree needs as many seats"),
        ({"escalate": "nobody"}, UnknownModel, "nobody is not a valid model"),
    ],
)
async def test_a_cascade_that_cannot_be_is_refused_before_anyone_is_asked(fuse, options, error, words):
    with pytest.raises(error, match=words):
        await fuse(four(), strategy="cascade", **options)


# ---------------------------------------------------------------- an automatic panel


async def test_an_automatic_panel_of_a_cascade_is_the_best_and_the_cheapest_near_it(names):
    def priced(price: str, strength: float, maker: str) -> dict[str, Any]:
        return model("51", price, strength=strength, maker=maker)

    models = {
        "best": priced("10", 0.95, "a"),
        "second": priced("9", 0.94, "b"),
        "small": priced("0.1", 0.88, "a"),
        "smaller": priced("0.2", 0.87, "c"),
        "mini": priced("0.3", 0.87, "d"),
        "poor": priced("0.01", 0.5, "e"),
    }
    roster = names(models, automatic=list(models))

    def seats(strategy: str) -> set[str]:
        request = ChatRequest.build("f", [{"role": "user", "content": CLOSED}])
        return {seat.model.id for seat in make_plan(request, FusionOptions(strategy=strategy), roster).seats}

    assert seats("cascade") == {"best", "smaller", "mini"}
    assert "second" in seats("vote")
