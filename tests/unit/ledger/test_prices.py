"""Tokens to money: exact to the nano-dollar, the provider's word first, and unknown never 0."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tritium.chat import Usage
from tritium.ledger.prices import FREE, Prices, cost_nanodollars, total, usd

PRICES = Prices(Decimal(3), Decimal(15), Decimal("0.3"), Decimal("3.75"))
MICRO = 1000
"""Nano-dollars that a token costs at a dollar per million."""


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        (Usage(1000, 100), (1000 * 3 + 100 * 15) * MICRO),
        (Usage(1000, 0, cache_read=600), 400 * 3 * MICRO + 600 * 300),
        (Usage(1000, 0, cache_write=200), 800 * 3 * MICRO + 200 * 3750),
        (Usage(1000, 0, cache_read=600, cache_write=400), 600 * 300 + 400 * 3750),
        (Usage(10, 0, cache_read=600), 600 * 300),  # a vendor that counts cache reads apart: never below zero
        (Usage(0, 100, reasoning=90), 100 * 15 * MICRO),  # reasoning is part of the output
        (Usage(), 0),
        (Usage(1, 0, cost_usd=Decimal("0.5E-9")), 0),  # a half goes to the even neighbour
        (Usage(1, 0, cost_usd=Decimal("1.5E-9")), 2),
        (Usage(1, 0, cost_usd=Decimal("2.5E-9")), 2),
    ],
)
def test_each_kind_of_token_has_its_price(usage, cost):
    assert cost_nanodollars(usage, PRICES) == cost


def test_cached_tokens_without_a_price_of_their_own_cost_as_others():
    assert cost_nanodollars(Usage(1000, 0, 600, 400), Prices(Decimal(3), Decimal(15))) == 3000 * MICRO


def test_a_cache_price_of_zero_is_a_price():
    assert cost_nanodollars(Usage(1000, 0, 1000), Prices(Decimal(3), Decimal(15), Decimal(0))) == 0


@pytest.mark.parametrize(("tokens", "price"), [(200_000, 1), (200_001, 2), (500_000, 2), (500_001, 4)])
def test_a_long_prompt_has_the_prices_of_its_tier_as_a_whole(tokens, price):
    above = tuple((start, Prices(Decimal(each), Decimal(0))) for start, each in ((200_000, 2), (500_000, 4)))
    prices = Prices(Decimal(1), Decimal(0), above=above)

    assert cost_nanodollars(Usage(tokens, 0), prices) == tokens * price * MICRO


def test_a_price_per_call_is_added():
    assert cost_nanodollars(Usage(10, 0), Prices(Decimal(1), Decimal(1), request=Decimal("0.005"))) == 5_010_000


def test_what_the_provider_charged_wins_over_the_list():
    assert cost_nanodollars(Usage(1000, 100, cost_usd=Decimal("0.00012345")), PRICES) == 123_450
    assert cost_nanodollars(Usage(1000, 100, cost_usd=Decimal(0)), PRICES) == 0
    assert cost_nanodollars(Usage(1000, 100, cost_usd=Decimal("0.1")), None) == 100_000_000


def test_without_a_price_the_cost_is_unknown_even_for_nothing():
    assert cost_nanodollars(Usage(), None) is None


def test_what_is_free_costs_nothing():
    assert cost_nanodollars(Usage(10**6, 10**6), FREE) == 0


counts = st.integers(0, 2**40)
money = st.decimals(0, 10_000, places=6, allow_nan=False)


@given(counts, counts, counts, counts, st.tuples(money, money, money, money, money))
def test_a_cost_is_exact_and_rounded_once(fresh, output, read, write, prices):
    usage = Usage(fresh + read + write, output, read, write)
    per_input, per_output, per_read, per_write, request = map(Fraction, prices)
    exact = (fresh * per_input + output * per_output + read * per_read + write * per_write) * 1000 + request * 10**9

    cost = cost_nanodollars(usage, Prices(*prices[:4], request=prices[4]))

    assert cost == round(exact)  # Fraction rounds half to even, as we do


@pytest.mark.parametrize(("costs", "sum_"), [([1, 2], 3), ([], 0), ([1, None], None), ([None], None), ([0, 0], 0)])
def test_a_sum_is_unknown_as_soon_as_one_part_is(costs, sum_):
    assert total(costs) == sum_


def test_dollars_are_for_showing():
    assert usd(123) == 1.23e-7
    assert usd(0) == 0
    assert usd(None) is None
