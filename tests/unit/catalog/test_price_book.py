"""The price book: what it says of a model, tiers and all; what it doesn't know is a value."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tritium.catalog.price_book import UNLISTED, _prices, look_up
from tritium.chat import Usage
from tritium.ledger.prices import Prices, cost_nanodollars


def tiered(base: str, *tiers: tuple[int, str]) -> Any:
    """The book's own shape of a price in steps."""
    return SimpleNamespace(
        base=Decimal(base), tiers=[SimpleNamespace(start=start, price=Decimal(price)) for start, price in tiers]
    )


def listed(**prices: Any) -> Any:
    return SimpleNamespace(get_prices=lambda _: SimpleNamespace(**prices))


def test_a_flat_price_is_taken_as_it_is():
    found = _prices(listed(input_mtok=Decimal("2.5"), output_mtok=Decimal(10), cache_read_mtok=Decimal("1.25")))

    assert found == Prices(Decimal("2.5"), Decimal(10), Decimal("1.25"))


def test_steps_of_several_prices_become_whole_tiers():
    found = _prices(
        listed(
            input_mtok=tiered("1.25", (200_000, "2.5")),
            output_mtok=tiered("10", (200_000, "15"), (500_000, "20")),
            cache_write_mtok=Decimal(3),
            requests_kcount=Decimal(12),
        )
    )

    request = Decimal("0.012")
    assert found == Prices(
        Decimal("1.25"),
        Decimal(10),
        None,
        Decimal(3),
        request,
        above=(
            (200_000, Prices(Decimal("2.5"), Decimal(15), None, Decimal(3), request)),
            (500_000, Prices(Decimal("2.5"), Decimal(20), None, Decimal(3), request)),
        ),
    )


@pytest.mark.parametrize(
    "prices", [{}, {"input_mtok": Decimal(1)}, {"output_mtok": Decimal(1)}, {"requests_kcount": Decimal(1)}]
)
def test_a_model_that_is_not_priced_by_tokens_has_no_price(prices):
    assert _prices(listed(**prices)) is None


def test_a_model_whose_prices_cannot_be_told_has_none():
    def fails(_: Any) -> Any:
        raise ValueError

    assert _prices(SimpleNamespace(get_prices=fails)) is None


@pytest.mark.parametrize(
    ("vendor", "model"), [("openai", "unheard-of"), ("nobody", "gpt-4o"), ("", ""), ("openai", "")]
)
def test_what_the_book_does_not_know_is_a_value(vendor, model):
    assert look_up(vendor, model) is UNLISTED


@given(st.text())
def test_no_name_that_a_caller_invents_breaks_the_book(model):
    look_up("openai", model)


def test_the_book_agrees_with_the_package_it_is_read_from():
    from genai_prices import Usage as BookUsage  # noqa: PLC0415 - as slow to import as in the book
    from genai_prices import calc_price  # noqa: PLC0415

    for tokens in (1_000, 200_000, 200_001, 1_000_000):
        theirs = calc_price(BookUsage(input_tokens=tokens, output_tokens=100), "gemini-2.5-pro", provider_id="google")
        ours = cost_nanodollars(Usage(tokens, 100), look_up("google", "gemini-2.5-pro").prices)

        assert ours == theirs.total_price * 10**9
