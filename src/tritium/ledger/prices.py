"""Tokens to money, in one place: integer nano-dollars, or None where a price is unknown. Never 0 for unknown."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

from msgspec import Struct

from tritium.chat import Usage

NANODOLLARS = 1_000_000_000


class Prices(Struct, frozen=True, forbid_unknown_fields=True):
    """US dollars per million tokens. Cache prices default to the input price; `request` is dollars per call."""

    input: Decimal
    output: Decimal
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None
    request: Decimal = Decimal(0)
    above: tuple[tuple[int, Prices], ...] = ()
    """Prices that replace these, whole, for a prompt of more than so many tokens; ascending."""

    def for_prompt(self, tokens: int) -> Prices:
        return next((prices for least, prices in reversed(self.above) if tokens > least), self)


FREE = Prices(Decimal(0), Decimal(0))
"""For models that run on this machine: known to cost nothing per token."""


def cost_nanodollars(usage: Usage, prices: Prices | None) -> int | None:
    """What a call costs: the provider's own figure if it gave one, else its tokens at these prices."""
    if usage.cost_usd is not None:
        return _nano(usage.cost_usd)
    if prices is None:
        return None
    if prices.above:
        prices = prices.for_prompt(usage.input)
    if not (usage.cache_read or usage.cache_write or prices.request):  # the common case, without a dozen Decimals
        return round((usage.input * prices.input + usage.output * prices.output) * 1000)
    fresh = usage.input - usage.cache_read - usage.cache_write
    micro = (
        max(fresh, 0) * prices.input
        + usage.output * prices.output
        + usage.cache_read * (prices.input if prices.cache_read is None else prices.cache_read)
        + usage.cache_write * (prices.input if prices.cache_write is None else prices.cache_write)
    )
    return _nano(micro / 1_000_000 + prices.request)


def output_nanodollars(usage: Usage, prices: Prices | None) -> int | None:
    """What of that is for its output; None where that can't be told, as of a provider's own figure."""
    if prices is None or usage.cost_usd is not None:
        return None
    if prices.above:
        prices = prices.for_prompt(usage.input)
    return round(usage.output * prices.output * 1000)


def total(costs: list[int | None]) -> int | None:
    """The sum, unknown as soon as one part is."""
    return None if None in costs else sum(cost for cost in costs if cost is not None)


def usd(nanodollars: int | None) -> float | None:
    """For JSON only: dollars as a number."""
    return None if nanodollars is None else nanodollars / NANODOLLARS


def _nano(dollars: Decimal) -> int:
    return int((dollars * NANODOLLARS).to_integral_value(ROUND_HALF_EVEN))
