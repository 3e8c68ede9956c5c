"""What a fusion would do and cost is told without asking anybody, and is never too low at worst."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tritium.chat import ChatRequest, Completion
from tritium.fusion.commons import Commons
from tritium.fusion.fusion import Fusion
from tritium.fusion.options import FusionOptions, Seat
from tritium.fusion.quote import Quote
from tritium.ledger.prices import Prices
from tritium.model import new_call

PRICED = Prices(Decimal(1), Decimal(10))


@pytest.fixture
def quoted(names):
    async def make(models: dict[str, Any], fields: Any = None, usual: Any = None, **options: Any) -> Quote:
        async def lengths(_: Any) -> dict[str, int]:
            return usual or {}

        request = ChatRequest.build("f", [{"role": "user", "content": "Write of the sea, please."}], **(fields or {}))
        return await Fusion("f", FusionOptions(**options), names(models), Commons(lengths=lengths)).quote(request)

    return make


def roles(quote: Quote) -> list[tuple[str, str, str]]:
    return [(call.role, call.model, call.when) for call in quote.calls]


MODELS = {name: {"prices": PRICED} for name in ("a", "b", "judge", "spare")}


async def test_a_synthesis_is_seats_bench_judges_and_a_writer(quoted):
    quote = await quoted(MODELS, panel=["a", "b"], judge="judge", bench=["spare"], strategy="synthesize")

    assert [call for call in roles(quote) if call[0] != "judge"] == [
        ("seat", "a", "always"),
        ("seat", "b", "always"),
        ("bench", "spare", "if another fails"),
        ("synthesizer", quote.synthesizer, "always"),
    ]
    assert ("judge", "judge", "always") in roles(quote)


async def test_the_usual_cost_is_of_what_is_always_done_and_the_worst_of_all_that_may_be(quoted):
    quote = await quoted(MODELS, panel=["a", "b"], judge="judge", bench=["spare"], strategy="synthesize")

    assert quote.expected_cost_usd == pytest.approx(
        sum(call.expected_cost_usd for call in quote.calls if call.when == "always")
    )
    assert quote.worst_cost_usd == pytest.approx(sum(call.worst_cost_usd for call in quote.calls))
    assert quote.worst_cost_usd > quote.expected_cost_usd


async def test_an_answers_usual_length_is_the_ledgers_and_else_a_prior(quoted):
    panel = ["a", "b", Seat("judge", max_tokens=50)]

    quote = await quoted(MODELS, usual={"a": 120}, panel=panel, strategy="consensus")

    lengths = [(call.expected.output, call.output_from, call.worst.output) for call in quote.calls]
    assert lengths == [(120, "ledger", 4096), (500, "prior", 4096), (50, "limit", 50)]


async def test_an_unknown_price_is_null_and_makes_the_sums_null(quoted):
    quote = await quoted({"a": {"prices": None}, "b": {"prices": PRICED}}, panel=["a", "b"], strategy="consensus")

    assert (quote.calls[0].expected_cost_usd, quote.expected_cost_usd, quote.worst_cost_usd) == (None, None, None)
    assert b'"expected_cost_usd":null' in msgspec.json.encode(quote)


async def test_under_a_cap_the_worst_is_the_cap(quoted):
    assert (await quoted(MODELS, panel=["a", "b"], strategy="consensus", max_cost_usd=0.001)).worst_cost_usd == 0.001


async def test_of_one_model_alone_the_others_are_asked_only_if_it_fails(quoted):
    quote = await quoted(MODELS, panel=["a", "b"], strategy="single")

    assert roles(quote) == [("seat", "a", "always"), ("seat", "b", "if another fails")]


async def test_a_dry_run_answers_in_words_and_costs_nothing(names, kept):
    fusion = Fusion("f", FusionOptions(panel=["a", "b"], strategy="consensus"), names(MODELS))
    request = ChatRequest.build("f", [{"role": "user", "content": "Hi"}], fusion={"dry_run": True})
    said, events = Completion(), []

    async with fusion.answer(request, new_call(kept)) as chunks:
        async for chunk in chunks:
            said.add(chunk)
            events += [chunk.event] if chunk.event else []

    assert said.text.startswith("A dry run: nobody was asked. f would answer by consensus")
    assert said.finish_reason == "stop"
    assert [event["type"] for event in events] == ["quote"]
    assert (kept.rows, kept.runs) == ([], [])


@pytest.mark.parametrize("strategy", ["consensus", "synthesize", "single", "vote"])
async def test_what_a_run_costs_is_no_more_than_its_worst(names, kept, strategy):
    models = {name: {"script": "words=30", "prices": PRICED} for name in "abc"}
    models["judge"] = {"script": "judge=0", "prices": PRICED}
    options = FusionOptions(panel=list("abc"), judge="judge", strategy=strategy)
    fusion = Fusion("f", options, names(models))
    request = ChatRequest.build("f", [{"role": "user", "content": "Write of the sea, please."}], max_tokens=100)

    async with fusion.answer(request, new_call(kept)) as chunks:
        async for _ in chunks:
            pass

    assert kept.document["receipt"]["cost_usd"] <= (await fusion.quote(request)).worst_cost_usd
