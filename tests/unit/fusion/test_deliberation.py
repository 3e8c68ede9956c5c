"""A fusion at work, part by part: what each is asked, what reaches the caller, and what a cap leaves out."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import Any

import pytest

from tritium.chat import ChatRequest, Chunk, Completion
from tritium.errors import TritiumError, UpstreamUnavailable
from tritium.fusion.budget import OUTPUT_TOKENS
from tritium.fusion.fusion import Fusion
from tritium.fusion.options import FusionOptions, Seat
from tritium.fusion.synthesis import OPENING_CHARACTERS
from tritium.ledger.prices import Prices
from tritium.providers.scripted import ScriptedSource

MERGE = "judge=0"
LONG = "say=" + "%20".join(f"word{number}" for number in range(40))


class Hears:
    """Plays a script and keeps what it was asked."""

    def __init__(self, script: str) -> None:
        self.script = script
        self.asked: list[dict[str, Any]] = []

    def open(self, request: ChatRequest, model: str, call: Any) -> Any:
        self.asked.append(json.loads(request.encode()))
        return ScriptedSource().open(request, self.script, call)


class Bench:
    """The models of a test by name, each a script or a table with one; then `await bench.run(...)`."""

    def __init__(self, roster: Any, call: Any, kept: Any) -> None:
        self.roster = roster
        self.call = call
        self.kept = kept
        self.chunks: list[Chunk] = []

    @property
    def text(self) -> str:
        return self.completion.text

    @property
    def completion(self) -> Completion:
        completion = Completion()
        for chunk in self.chunks:
            completion.add(chunk)
        return completion

    @property
    def events(self) -> list[dict[str, Any]]:
        return [chunk.event for chunk in self.chunks if chunk.event is not None]

    async def run(self, fields: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
        """Ask; returns the run's document."""
        request = ChatRequest.build("f", **{"messages": [{"role": "user", "content": "Tell me."}], **(fields or {})})
        fusion = Fusion("f", FusionOptions(**options), self.roster)
        async with asyncio.timeout(10), fusion.answer(request, self.call) as chunks:
            async for chunk in chunks:
                self.chunks.append(chunk)
        return self.kept.document


@pytest.fixture
def bench(names, call, kept):
    def make(**models: Any) -> Bench:
        return Bench(names(models), call, kept)

    return make


# ---------------------------------------------------------------- seats


async def test_a_seat_is_asked_with_its_own_settings_and_without_the_fusions(bench):
    one, two = Hears("words=5"), Hears("words=6")
    panel = [Seat("one", temperature=0.1, seed=4, max_tokens=9), "two"]
    fields = {
        "temperature": 1,
        "seed": 1,
        "max_completion_tokens": 50,
        "plugins": [],
        "fusion": {"quorum": 2},
        "odd": [1],
    }

    await bench(one={"source": one}, two={"source": two}).run(fields, panel=panel, strategy="consensus")

    message = {"messages": [{"role": "user", "content": "Tell me."}], "odd": [1], "stream": True}
    assert one.asked == [{**message, "model": "one", "temperature": 0.1, "seed": 4, "max_tokens": 9}]
    assert two.asked == [{**message, "model": "two", "temperature": 1, "seed": 1, "max_completion_tokens": 50}]


@pytest.mark.parametrize(
    ("fields", "options", "limit"),
    [
        ({}, {}, None),
        ({}, {"max_tokens": 70}, 70),
        ({"max_tokens": 50}, {"max_tokens": 70}, 50),
        ({}, {"max_cost_usd": 1}, OUTPUT_TOKENS),
        ({"max_tokens": 50}, {"max_cost_usd": 1}, 50),
        ({}, {"max_tokens": 70, "max_cost_usd": 1}, 70),
    ],
)
@pytest.mark.parametrize("strategy", ["consensus", "single"])
async def test_a_seats_cap_is_its_callers_else_the_fusions_else_the_budgets(bench, strategy, fields, options, limit):
    one = Hears("words=5")

    await bench(one={"source": one}).run(fields, panel=["one"], strategy=strategy, **options)

    assert one.asked[0].get("max_tokens") == limit


async def test_a_seat_that_was_late_and_one_that_was_never_asked_are_told_apart(bench):
    run = await bench(one="words=5", late="stall=1", never="words=5").run(
        panel=["one", "late", "never"], strategy="consensus", max_concurrency=1, quorum=1, grace_seconds=0.05
    )

    assert run["gathering"] == "grace"
    assert [(seat["outcome"], seat["error"]) for seat in run["seats"]] == [
        ("ok", None),
        ("cancelled", "late: the quorum was met, and the time of grace is over"),
        ("cancelled", "never asked"),
    ]
    assert run["seats"][1]["text"] == "the"


async def test_a_seat_that_breaks_off_is_no_answer_though_it_said_something(bench):
    run = await bench(one="words=5", two="words=9;die=3").run(panel=["one", "two"], strategy="consensus")

    assert run["seats"][1]["text"] == "the panel compares"
    assert run["seats"][1]["outcome"] == "failed"
    assert run["decision"]["how"] == "lone_survivor"


async def test_progress_tells_the_run_in_order(bench):
    models = bench(one="words=2", two="words=2", judge=MERGE, writer="words=3")

    await models.run(panel=["one", "two"], judge="judge", synthesizer="writer", strategy="synthesize", quorum=2)

    kinds = [event["type"] for event in models.events]
    order = ["plan", "seat.started", "seat.delta", "seat.ended", "panel.ended", "judge.started", "analysis"]
    order += ["synthesizer.started", "decision", "run"]
    assert [kinds.index(kind) for kind in order] == sorted(kinds.index(kind) for kind in order)
    assert (kinds.count("seat.started"), kinds.count("seat.ended"), kinds.count("seat.delta")) == (2, 2, 4)
    assert {event["run"] for event in models.events} == {models.call.id}
    times = [event["at_ms"] for event in models.events]
    assert times == sorted(times)


# ---------------------------------------------------------------- judge and writer


async def test_the_next_judge_is_asked_when_the_first_is_down(bench, kept):
    models = bench(
        strong={"script": "judge=1;price=1", "strength": 0.9},
        weak={"script": "words=5", "strength": 0.1},
        judge="error=500",
    )

    run = await models.run(panel=["weak", "strong"], judge="judge", strategy="synthesize", quorum=2, seed=1)

    judges = [(row.model, row.outcome) for row in kept.rows if row.role == "judge"]
    assert judges == [("judge", "failed"), ("strong", "ok")]
    assert run["decision"]["how"] == "judge_select"
    assert any(warning.startswith("judge judge: scripted answered 500") for warning in run["warnings"])


async def test_a_judge_that_takes_too_long_yields_to_the_next(bench, kept):
    models = bench(one={"script": "judge=1", "strength": 0.9}, two="words=5", judge="stall=2")

    run = await models.run(
        panel=["one", "two"], judge="judge", strategy="synthesize", quorum=2, judge_timeout_seconds=0.05
    )

    assert [(row.model, row.outcome) for row in kept.rows if row.role == "judge"] == [
        ("judge", "timeout"),
        ("one", "ok"),
    ]
    assert "judge judge: no verdict within 0.05 s" in run["warnings"]


async def test_a_writer_keeps_the_callers_conversation_and_parameters(bench):
    writer = Hears("words=5")
    models = bench(one="words=5", two="words=6", judge=MERGE, writer={"source": writer})
    messages = [{"role": "system", "content": "Rhyme."}, {"role": "user", "content": "Why?", "name": "Ann"}]
    fields = {"messages": messages, "temperature": 0.3, "stop": ["END"], "max_tokens": 99}

    await models.run(fields, panel=["one", "two"], judge="judge", synthesizer="writer", strategy="synthesize")

    (asked,) = writer.asked
    assert asked["messages"][1:3] == messages
    assert (asked["model"], asked["temperature"], asked["stop"], asked["max_tokens"]) == ("writer", 0.3, ["END"], 99)
    assert len(asked["messages"]) == 4


async def test_a_streamed_synthesis_is_held_back_for_as_long_as_a_refusal_takes_to_show(bench):
    models = bench(one="words=20", two="words=21", judge=MERGE, writer=LONG)

    await models.run({"stream": True}, panel=["one", "two"], judge="judge", synthesizer="writer", strategy="synthesize")

    said = [chunk.text for chunk in models.chunks if chunk.text]
    assert OPENING_CHARACTERS <= len(said[0]) < OPENING_CHARACTERS + 10
    assert len(said) > 10
    assert models.text == " ".join(f"word{number}" for number in range(40))


async def test_a_streamed_synthesis_shorter_than_that_comes_whole(bench):
    models = bench(one="words=5", two="words=6", judge=MERGE, writer="say=Short%20and%20good.")

    await models.run({"stream": True}, panel=["one", "two"], judge="judge", synthesizer="writer", strategy="synthesize")

    assert [chunk.text for chunk in models.chunks if chunk.text] == ["Short and good."]
    assert models.completion.finish_reason == "stop"


async def test_not_a_word_of_a_streamed_refusal_is_seen(bench):
    refusal = "say=I'm%20sorry,%20but%20" + "%20".join(["really"] * 30)
    models = bench(one="words=5", two="words=6", judge=MERGE, writer=refusal)

    run = await models.run(
        {"stream": True}, panel=["one", "two"], judge="judge", synthesizer="writer", strategy="synthesize", quorum=2
    )

    assert "sorry" not in models.text
    assert run["decision"]["how"] == "central"
    assert models.text in {seat["text"] for seat in run["seats"]}


async def test_a_streamed_synthesis_that_runs_on_is_kept_and_warned_of(bench):
    models = bench(one="words=5", two="words=6", judge=MERGE, writer="words=200")

    run = await models.run(
        {"stream": True}, panel=["one", "two"], judge="judge", synthesizer="writer", strategy="synthesize"
    )

    assert run["decision"]["how"] == "synthesis"
    assert run["answer"] == models.text
    assert "synthesis: it is over twice as long as the median answer" in run["warnings"]


async def test_a_streaming_writer_that_takes_too_long_breaks_off_with_a_reason(bench, kept):
    models = bench(one="words=20", two="words=21", judge=MERGE, writer=f"{LONG};stall=30")

    with pytest.raises(UpstreamUnavailable, match="The synthesizer writer broke off: it took too long"):
        await models.run(
            {"stream": True},
            panel=["one", "two"],
            judge="judge",
            synthesizer="writer",
            strategy="synthesize",
            seat_timeout_seconds=0.2,
        )

    assert models.text
    assert kept.document["outcome"] == "failed"
    assert kept.document["answer"] == models.text


async def test_a_writer_that_takes_too_long_yields_to_an_answer_where_nothing_was_sent(bench):
    models = bench(one="words=20", two="words=21", judge=MERGE, writer=f"{LONG};stall=30")

    run = await models.run(
        panel=["one", "two"], judge="judge", synthesizer="writer", strategy="synthesize", seat_timeout_seconds=0.2
    )

    assert run["decision"]["how"] == "central"
    assert "synthesizer writer: it took too long" in run["warnings"]


async def test_the_answers_limit_shows_in_its_finish_reason(bench):
    models = bench(one="words=5", two="words=6")

    run = await models.run({"max_tokens": 2}, panel=["one", "two"], strategy="consensus")

    assert (models.completion.finish_reason, run["finish_reason"], models.text) == ("length", "length", "the panel")


# ---------------------------------------------------------------- one model


async def test_a_single_models_answer_is_passed_on_as_it_comes(bench):
    models = bench(one="tool=look_up", two="words=3")
    fields = {"tools": [{"type": "function", "function": {"name": "look_up"}}], "temperature": 0.3}

    run = await models.run(fields, panel=["one", "two"], quorum=2, tools="passthrough")

    assert models.completion.tool_calls[0].function.name == "look_up"
    assert models.completion.finish_reason == run["finish_reason"] == "tool_calls"
    assert run["decision"]["how"] == "single"
    assert [seat["model"] for seat in run["seats"]] == ["one"]


async def test_a_single_model_that_fails_fails_as_itself(bench, kept):
    with pytest.raises(TritiumError) as caught:
        await bench(one="error=404").run(panel=["one"], strategy="single")

    assert caught.value.http_status == 404
    assert kept.document["seats"][0]["outcome"] == "failed"
    assert kept.document["seats"][0]["status_code"] == 404


# ---------------------------------------------------------------- the cap

DEAR = Prices(Decimal(1000), Decimal(1000))
MODEST = Prices(Decimal(1), Decimal(2))


@pytest.mark.parametrize("cap", [0.02, 0.05, 0.2, 0.5, 1, 5, 20, 50])
@pytest.mark.parametrize("dear", ["one", "judge", "writer", "panel"])
async def test_what_was_spent_never_exceeds_the_cap(bench, dear, cap):
    scripts = {"one": "words=40", "two": "say=" + "%E6%97%A5" * 300, "judge": MERGE, "writer": "words=60"}
    dear_ones = {"one", "two"} if dear == "panel" else {dear}
    models = bench(**{n: {"script": s, "prices": DEAR if n in dear_ones else MODEST} for n, s in scripts.items()})

    try:
        run = await models.run(
            panel=["one", "two"], judge="judge", synthesizer="writer", strategy="synthesize", quorum=2, max_cost_usd=cap
        )
    except TritiumError as error:
        assert error.http_status == 402  # noqa: PT017 - refused before anything was spent
        assert models.kept.rows == []
    else:
        assert run["receipt"]["cost_usd"] <= cap
        assert models.text


async def test_what_the_judge_cost_is_gone_when_the_writers_turn_comes(bench):
    judge = {"script": MERGE, "prices": Prices(Decimal(100), Decimal(0))}
    writer = {"script": "words=5", "prices": Prices(Decimal(0), Decimal(300))}
    models = bench(one="words=5", two="words=6", judge=judge, writer=writer)

    run = await models.run(
        {"max_tokens": 10_000 // 3},
        panel=["one", "two"],
        judge="judge",
        synthesizer="writer",
        strategy="synthesize",
        quorum=2,
        max_cost_usd=1,
    )

    assert run["analysis"] is not None
    assert run["decision"]["how"] == "central"
    assert run["warnings"][-1].startswith("the synthesis was left out: it may cost $0.999900, and $0.9")


async def test_a_writer_under_a_cap_is_told_how_much_it_may_say(bench):
    writer = Hears("words=5")
    models = bench(one="words=5", two="words=6", judge=MERGE, writer={"source": writer})

    await models.run(panel=["one", "two"], judge="judge", synthesizer="writer", strategy="synthesize", max_cost_usd=1)

    assert writer.asked[0]["max_tokens"] == OUTPUT_TOKENS


async def test_a_single_model_does_not_escape_the_cap(bench, kept):
    with pytest.raises(TritiumError, match=r"No seat fits under max_cost_usd=0\.001"):
        await bench(one={"script": "words=5", "prices": DEAR}).run(panel=["one"], strategy="single", max_cost_usd=0.001)

    assert kept.rows == []
    assert kept.document["outcome"] == "failed"
