"""The order in which endpoints are asked, by wish and without one."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from tritium.errors import UpstreamUnavailable
from tritium.routing.limit import Gate
from tritium.routing.order import ordered
from tritium.routing.preferences import parse_preferences


def order_of(endpoints, asking, preferences=None, **fields):
    found = ordered(endpoints, parse_preferences(preferences), asking(**fields), random.Random(1).random)
    return [each.provider for each in found]


def test_without_a_wish_a_third_of_the_price_is_nine_times_the_chance(endpoint, asking):
    endpoints = [endpoint("cheap", price=1), endpoint("dear", price=3)]
    draw = random.Random(7).random
    first = Counter(ordered(endpoints, parse_preferences(None), asking(), draw)[0].provider for _ in range(20_000))

    assert 0.88 < first["cheap"] / 20_000 < 0.92


def test_an_unknown_price_weighs_as_the_dearest_known_one(endpoint, asking):
    endpoints = [endpoint("cheap", price=1), endpoint("dear", price=3), endpoint("unknown", price=None)]
    draw = random.Random(7).random
    first = Counter(ordered(endpoints, parse_preferences(None), asking(), draw)[0].provider for _ in range(20_000))

    assert 0.8 < first["cheap"] / 20_000 < 0.84
    assert 0.8 < first["dear"] / first["unknown"] < 1.25


def test_free_ones_come_first(endpoint, asking):
    assert order_of([endpoint("paid", price=0.01), endpoint("free", price=0)], asking)[0] == "free"


def test_a_lower_rank_comes_first_whatever_the_price(endpoint, asking):
    assert order_of([endpoint("resold", price=0, rank=1), endpoint("own", price=9)], asking) == ["own", "resold"]


def test_who_failed_lately_comes_last_also_where_it_was_named_first(endpoint, asking, row):
    down = endpoint("down", price=0)
    for _ in range(2):
        down.health.settled(row("failed"), UpstreamUnavailable("no", provider="down"))

    assert order_of([down, endpoint("up")], asking) == ["up", "down"]
    assert order_of([down, endpoint("up")], asking, {"order": ["down"]}) == ["up", "down"]


async def test_who_has_a_free_place_comes_before_who_has_none(endpoint, asking):
    gate = Gate("busy", 1, 1)
    await gate.enter()

    assert order_of([endpoint("busy", price=0, gates=(gate,)), endpoint("idle")], asking) == ["idle", "busy"]


def test_those_named_come_first_in_that_order(endpoint, asking):
    endpoints = [endpoint(name) for name in ("a", "b", "c")]

    assert order_of(endpoints, asking, {"order": ["C", "nobody", "b"]}) == ["c", "b", "a"]


def test_a_router_behind_us_stands_where_the_name_stands_that_only_it_may_know(endpoint, asking):
    endpoints = [endpoint("a"), endpoint("b"), endpoint("openrouter", passes_preferences=True, rank=1)]

    assert order_of(endpoints, asking, {"order": ["b", "azure", "a"]}) == ["b", "openrouter", "a"]


@pytest.mark.parametrize("sort", ["price", {"by": "price"}])
def test_by_price_the_cheapest_first_and_the_unknown_last(endpoint, asking, sort):
    endpoints = [endpoint("unknown", price=None), endpoint("dear", price=3), endpoint("cheap", price=1)]

    assert order_of(endpoints, asking, {"sort": sort}) == ["cheap", "dear", "unknown"]


def test_by_speed_the_measured_first(endpoint, asking, row):
    slow, quick, new = endpoint("slow"), endpoint("quick"), endpoint("new")
    slow.health.settled(row(latency_ms=5000), None)
    quick.health.settled(row(latency_ms=100), None)

    assert order_of([new, slow, quick], asking, {"sort": "latency"}) == ["quick", "slow", "new"]
    assert order_of([new, slow, quick], asking, {"sort": "throughput"}) == ["quick", "slow", "new"]


@pytest.mark.parametrize("preference", [{"preferred_max_latency": 1}, {"preferred_min_throughput": {"p90": 50}}])
def test_who_was_slower_than_preferred_is_still_there_at_the_end(endpoint, asking, row, preference):
    slow, quick = endpoint("slow", price=0), endpoint("quick")
    slow.health.settled(row(latency_ms=5000), None)
    quick.health.settled(row(latency_ms=100), None)

    assert order_of([slow, quick], asking, preference) == ["quick", "slow"]


def test_who_does_without_tools_comes_later_when_there_are_any(endpoint, asking):
    endpoints = [endpoint("plain", price=0, ignored=frozenset({"tools"})), endpoint("able")]
    tools = [{"type": "function", "function": {"name": "f"}}]

    assert order_of(endpoints, asking) == ["plain", "able"]
    assert order_of(endpoints, asking, tools=tools) == ["able", "plain"]
