"""A panel mends itself: who fails is replaced, who is slow tried again, who can't see left out; all is counted."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from tritium.chat import ChatRequest
from tritium.errors import InvalidRequest, TritiumError
from tritium.fusion.fusion import Fusion
from tritium.fusion.options import FusionOptions, Seat
from tritium.fusion.roster import Facts, Pace
from tritium.ledger.prices import Prices
from tritium.model import new_call
from tritium.providers.scripted import ScriptedSource

PRICED = Prices(Decimal(1), Decimal(2))
IMAGE = [
    {"type": "text", "text": "What is it?"},
    {"type": "image_url", "image_url": {"url": "data:image/png;base64,A"}},
]
BLIND, SEES = Facts(frozenset(("text",))), Facts(frozenset(("text", "image")))


class Hears:
    """Plays a script, another one each time, and keeps what it was asked."""

    def __init__(self, *scripts: str) -> None:
        self.scripts = list(scripts)
        self.asked: list[dict[str, Any]] = []

    def open(self, request: ChatRequest, model: str, call: Any) -> Any:
        self.asked.append(json.loads(request.encode()))
        script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
        return ScriptedSource().open(request, script, call)


@pytest.fixture
def fused(names, kept):
    """Asks a fusion of these models with these options; gives the run's document."""

    async def ask(
        models: dict[str, Any], content: Any = "Tell me.", automatic: Any = (), fields: Any = None, **options: Any
    ) -> dict[str, Any]:
        request = ChatRequest.build("f", [{"role": "user", "content": content}], **(fields or {}))
        fusion = Fusion("f", FusionOptions(**{"strategy": "consensus", **options}), names(models, automatic))
        before = asyncio.all_tasks()
        async with asyncio.timeout(10), fusion.answer(request, new_call(kept)) as chunks:
            async for _ in chunks:
                pass
        assert asyncio.all_tasks() == before
        return kept.document

    return ask


def outcomes(run: dict[str, Any]) -> list[tuple[str, str]]:
    return [(seat["model"], seat["outcome"]) for seat in run["seats"]]


# ---------------------------------------------------------------- who stands in


async def test_one_model_alone_is_asked_in_the_settings_of_its_seat(fused):
    heard = Hears("ok")

    await fused({"a": {"source": heard}}, panel=[Seat("a", temperature=0.3, seed=7)], strategy="single")

    assert (heard.asked[0]["temperature"], heard.asked[0]["seed"]) == (0.3, 7)


async def test_one_model_of_a_self_fusion_is_asked_as_the_caller_asked(fused):
    heard = Hears("ok")

    await fused({"a": {"source": heard}}, panel=["a"], strategy="self", fields={"n": 2, "temperature": 0.2})

    assert heard.asked[0]["temperature"] == 0.2


async def test_one_model_alone_that_can_not_see_gets_the_text(fused):
    heard = Hears("ok")
    models = {"a": {"source": heard, "facts": BLIND, "strength": 0.9}, "b": {"script": "ok", "facts": BLIND}}
    models["c"] = {"script": "ok", "facts": SEES, "strength": 0.1}

    await fused(models, content=IMAGE, panel=["a", "b", "c"], strategy="single", blind_seats="text")

    assert all(part["type"] == "text" for part in heard.asked[0]["messages"][0]["content"])


async def test_a_seat_that_fails_is_replaced_by_the_next_of_the_bench(fused):
    run = await fused(
        {"a": "ok", "b": "error=500", "c": "error=429", "d": "ok"}, panel=["a", "b"], bench=["c", "d"], quorum=2
    )

    assert outcomes(run) == [("a", "ok"), ("b", "failed"), ("c", "failed"), ("d", "ok")]
    assert [(seat["replaced_by"], seat["stands_in_for"]) for seat in run["seats"]] == [
        (None, None),
        (2, None),
        (3, 1),
        (None, 2),
    ]
    assert run["seats"][3]["reason"].startswith("stands in for seat 2, which failed: ")


async def test_a_named_panel_has_no_bench_unless_one_is_named(fused):
    models = {"a": "ok", "b": "error=500", "c": "ok"}

    assert outcomes(await fused(models, panel=["a", "b"], automatic=["c"], quorum=2)) == [("a", "ok"), ("b", "failed")]


async def test_an_automatic_panel_has_the_next_best_on_its_bench(fused):
    models = {name: {"script": "ok", "strength": 1 - place / 100} for place, name in enumerate("abcd")}
    models["b"]["script"] = "error=503"

    run = await fused(models, automatic=list("abcd"), quorum=3)

    assert outcomes(run) == [("a", "ok"), ("b", "failed"), ("c", "ok"), ("d", "ok")]


async def test_nobody_stands_in_once_the_quorum_is_met(fused):
    models = {"a": "ok", "b": "delay=60;error=500", "c": "ok"}

    run = await fused(models, panel=["a", "b"], bench=["c"], quorum=1, grace_seconds=5)

    assert outcomes(run) == [("a", "ok"), ("b", "failed")]


async def test_who_stands_in_is_cut_short_by_the_panels_deadline(fused):
    models = {"a": "ok", "b": "error=500", "c": "stall"}

    run = await fused(models, panel=["a", "b"], bench=["c"], quorum=2, deadline_seconds=0.1)

    assert outcomes(run)[2] == ("c", "cancelled")
    assert run["seats"][2]["error"] == "late: the deadline of the panel is over"


async def test_who_does_not_fit_under_the_cap_does_not_stand_in(fused):
    models = {name: {"script": script, "prices": PRICED} for name, script in (("a", "words=2"), ("b", "error=500"))}
    models["dear"] = {"script": "ok", "prices": Prices(Decimal(1), Decimal(9999))}

    run = await fused(models, panel=["a", "b"], bench=["dear"], quorum=2, max_cost_usd=0.1)

    assert outcomes(run)[2] == ("dear", "failed")
    assert run["seats"][2]["error"].startswith("left out: it may cost ")


async def test_one_model_alone_has_a_bench_too(fused):
    run = await fused({"a": "error=500", "b": "words=3"}, panel=["a"], bench=["b"], strategy="single")

    assert (run["outcome"], run["answer"]) == ("ok", "the panel compares")
    assert outcomes(run) == [("a", "failed"), ("b", "ok")]


# ---------------------------------------------------------------- second tries


SLOW = Pace(slow_seconds=0.05)


async def test_a_slow_seat_is_tried_again_and_the_loser_is_cancelled_and_billed(fused, kept):
    source = Hears("stall", "words=2")
    models = {"a": {"source": source, "pace": SLOW, "prices": PRICED}}

    run = await fused(models, panel=["a"])

    assert outcomes(run) == [("a", "cancelled"), ("a", "ok")]
    assert run["seats"][0]["error"] == "not needed: seat 1 answered first"
    assert run["seats"][1]["reason"].startswith("second try for seat 0: nothing within 0.05 s")
    assert [row.outcome for row in kept.rows] == ["ok", "cancelled"]
    assert kept.rows[1].cost_nanodollars == run["seats"][0]["cost_usd"] * 1e9 > 0


async def test_a_second_try_may_be_the_benchs(fused):
    models = {"a": {"script": "stall", "pace": SLOW}, "b": "words=2"}

    run = await fused(models, panel=["a"], bench=["b"], hedge="bench")

    assert outcomes(run) == [("a", "cancelled"), ("b", "ok")]


async def test_a_second_try_does_not_wait_for_the_first_behind_the_cache(fused):
    source = Hears("stall", "words=2")

    run = await fused({"a": {"source": source, "pace": SLOW}}, panel=["a"], seat_cache="on")

    assert outcomes(run) == [("a", "cancelled"), ("a", "ok")]


async def test_the_first_try_wins_if_it_answers_first(fused):
    source = Hears("delay=120;words=2", "stall")

    run = await fused({"a": {"source": source, "pace": SLOW}}, panel=["a"])

    assert outcomes(run) == [("a", "ok"), ("a", "cancelled")]
    assert run["seats"][1]["error"] == "not needed: seat 0 answered first"


@pytest.mark.parametrize(
    ("script", "pace", "options"),
    [
        ("delay=100", SLOW, {"hedge": "off"}),
        ("delay=100", SLOW, {"max_concurrency": 1}),
        ("delay=100", Pace(), {}),
        ("words=3;rate=30", SLOW, {}),
    ],
)
async def test_there_is_no_second_try_where_it_would_not_help(fused, script, pace, options):
    run = await fused({"a": {"script": script, "pace": pace}}, panel=["a"], **options)

    assert outcomes(run) == [("a", "ok")]


# ---------------------------------------------------------------- what can't be read


async def test_a_seat_that_cannot_see_is_left_out_with_a_reason(fused):
    models = {"a": {"facts": SEES}, "b": {"facts": BLIND}, "c": {}}

    run = await fused(models, IMAGE, panel=["a", "b", "c"])

    assert outcomes(run) == [("a", "ok"), ("b", "failed"), ("c", "ok")]
    assert run["seats"][1]["error"] == "left out: it takes no images"
    assert "seat 1 is left out, b: it takes no images" in run["plan"]["reasons"]


async def test_a_seat_that_cannot_see_may_get_the_text_alone(fused):
    blind = Hears("ok")

    run = await fused(
        {"a": {"facts": SEES}, "b": {"facts": BLIND, "source": blind}}, IMAGE, panel=["a", "b"], blind_seats="text"
    )

    assert outcomes(run) == [("a", "ok"), ("b", "ok")]
    assert blind.asked[0]["messages"][0]["content"] == [
        {"type": "text", "text": "What is it?"},
        {"type": "text", "text": "[image: sent along, but you can't see it]"},
    ]
    assert "seat 1, b, gets the text only" in run["plan"]["reasons"]


async def test_where_nobody_is_known_to_see_all_are_asked_as_they_are(fused):
    run = await fused({"a": {"facts": BLIND}, "b": {"facts": BLIND}}, IMAGE, panel=["a", "b"])

    assert outcomes(run) == [("a", "ok"), ("b", "ok")]
    assert "no seat is known to be able (it takes no images): all are asked as they are" in run["plan"]["reasons"]


async def test_one_model_alone_is_one_that_sees(fused):
    models = {"strong": {"facts": BLIND, "strength": 0.9}, "weak": {"facts": SEES, "strength": 0.1}}

    run = await fused(models, IMAGE, panel=["strong", "weak"], strategy="single")

    assert outcomes(run) == [("weak", "ok")]


# ---------------------------------------------------------------- seconds and tokens


async def test_a_run_that_is_out_of_time_gives_what_it_has(fused):
    models = {"a": "words=2", "b": "stall", "judge": "stall"}

    run = await fused(models, panel=["a", "b"], strategy="synthesize", judge="judge", quorum=2, max_seconds=0.2)

    assert (run["outcome"], run["answer"]) == ("ok", "the panel")


async def test_one_models_answer_under_way_ends_when_the_time_is_over(fused):
    run = await fused({"a": "words=100;rate=20"}, panel=["a"], strategy="single", max_seconds=0.3)

    assert (run["outcome"], run["finish_reason"]) == ("ok", "length")
    assert run["answer"].startswith("the")
    assert "the answer was cut short: the run's max_seconds are over" in run["warnings"]


async def test_one_who_acts_on_advice_ends_when_the_time_of_the_run_is_over(fused):
    models = {"a": {"script": "words=100;rate=20", "strength": 0.9}, "b": "say=Call%20nothing."}
    tools = [{"type": "function", "function": {"name": "f"}}]

    run = await fused(models, panel=["a", "b"], fields={"tools": tools}, max_seconds=0.4)

    assert (run["outcome"], run["finish_reason"]) == ("ok", "length")
    assert run["answer"].startswith("the")
    assert "the answer was cut short: the run's max_seconds are over" in run["warnings"]


async def test_a_repair_takes_no_longer_than_is_left_of_the_runs_time(fused):
    fields = {"response_format": {"type": "json_object"}}
    models = {"a": {"source": Hears("say=x", "stall")}}

    async with asyncio.timeout(5):
        with pytest.raises(TritiumError, match="No answer satisfies"):
            await fused(models, panel=["a"], strategy="single", fields=fields, max_seconds=0.3)


async def test_all_answers_together_keep_to_the_cap_on_tokens(fused):
    models = {name: {"script": "words=5000"} for name in "abc"} | {"judge": "judge=0"}

    run = await fused(models, panel=list("abc"), strategy="synthesize", judge="judge", max_output_tokens=500)

    assert [seat["tokens"]["output"] for seat in run["seats"]] == [100, 100, 100]
    assert run["receipt"]["tokens"]["output"] <= 500
    assert any("of max_output_tokens are left" in warning for warning in run["warnings"])


async def test_a_single_model_in_a_form_is_the_strongest_that_fits_under_the_cap(fused):
    dear = {"script": "say={}", "strength": 0.9, "prices": Prices(Decimal(0), Decimal(1000))}
    fields = {"response_format": {"type": "json_object"}}

    run = await fused(
        {"dear": dear, "b": "say={}"}, panel=["dear", "b"], strategy="single", fields=fields, max_cost_usd=0.01
    )

    assert (run["answer"], run["decision"]["seat"]) == ("{}", 1)
    assert "of the cap is left" in run["seats"][0]["error"]


async def test_no_seat_of_a_run_that_is_over_is_still_at_work(fused, kept):
    models = {name: {"script": "words=2", "prices": PRICED} for name in "ab"}
    fields = {"tools": [{"type": "function", "function": {"name": "f"}}]}

    with pytest.raises(TritiumError, match="No model to act fits"):
        await fused(models, panel=["a", "b"], fields=fields, max_cost_usd=0.000001)

    assert [(seat["outcome"], seat["error"]) for seat in kept.document["seats"]] == [
        ("cancelled", "not asked: the run ended before")
    ]


async def test_a_seat_that_may_say_more_than_is_left_is_left_out(fused):
    run = await fused(
        dict.fromkeys("ab", "words=2"), panel=["a", "b"], fields={"max_tokens": 60}, max_output_tokens=100
    )

    assert outcomes(run) == [("a", "ok"), ("b", "failed")]


# ---------------------------------------------------------------- what it cost


async def test_what_the_best_alone_would_have_cost_is_estimated_if_it_did_not_answer(fused):
    models = {
        "best": {"script": "error=500", "strength": 0.9, "prices": Prices(Decimal(0), Decimal(100))},
        "b": {"script": "words=5", "prices": PRICED},
    }

    receipt = (await fused(models, panel=["best", "b"]))["receipt"]

    assert (receipt["best_single_model"], receipt["best_single_estimated"]) == ("best", True)
    assert receipt["best_single_cost_usd"] == 5 * 100 / 1e6
    assert receipt["over_best_single_usd"] == round(receipt["cost_usd"] - 5 * 100 / 1e6, 9)


BEHAVIOURS = some.sampled_from(["words=3", "error=500", "words=9;die=2", "stall=1", "empty", "delay=5"])


@settings(max_examples=60)
@given(
    seats=some.lists(BEHAVIOURS, min_size=1, max_size=4),
    bench=some.lists(BEHAVIOURS, max_size=2),
    strategy=some.sampled_from(["consensus", "vote", "synthesize", "single"]),
    cap=some.sampled_from([None, 0.05, 1.0]),
    hedged=some.booleans(),
)
def test_cost_is_additive_and_nothing_stays_reserved(names, kept_of, seats, bench, strategy, cap, hedged):
    pace = Pace(slow_seconds=0.01) if hedged else Pace()
    models = {
        f"m{at}": {"script": script, "prices": PRICED, "pace": pace} for at, script in enumerate([*seats, *bench])
    }
    options = FusionOptions(
        panel=list(models)[: len(seats)],
        bench=list(models)[len(seats) :],
        strategy=strategy,
        max_cost_usd=cap,
        deadline_seconds=0.05,
        seat_timeout_seconds=0.04,
        max_seconds=0.2,  # one model alone that has begun is otherwise waited for
    )
    kept = kept_of()
    request = ChatRequest.build("f", [{"role": "user", "content": "Tell me."}])

    async def ask() -> Any:
        answer = Fusion("f", options, names(models)).answer(request, new_call(kept))
        try:
            async with asyncio.timeout(5), answer as chunks:
                async for _ in chunks:
                    pass
        except TritiumError:
            pass
        return answer

    answer = asyncio.run(ask())

    receipt, rows = kept.document["receipt"], sum(row.cost_nanodollars for row in kept.rows)
    assert receipt["cost_usd"] == rows / 1e9
    assert round(sum(call["cost_usd"] for call in receipt["calls"]), 9) == receipt["cost_usd"]
    seat_rows = sum(row.cost_nanodollars for row in kept.rows if row.role == "seat")
    assert round(sum(seat["cost_usd"] or 0 for seat in kept.document["seats"]), 9) == seat_rows / 1e9
    assert answer.budget.held == {}
    assert cap is None or rows <= cap * 1e9


def test_a_dry_run_with_a_wrong_option_is_refused_all_the_same(names):
    fusion = Fusion("f", FusionOptions(panel=["a"], dry_run=True), names({"a": "ok"}))
    request = ChatRequest.build("f", [{"role": "user", "content": "Hi"}], fusion={"quorum": 2})

    with pytest.raises(InvalidRequest):
        fusion.answer(request, None)
