"""List prices from the catalogue package (genai-prices) or a newer copy of its data; nothing is fetched here.

Order of truth: what the provider reports, the user's configuration, this book, unknown.
"""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from tritium.catalog.price_update import kept_providers
from tritium.ledger.prices import Prices


class Listing(Struct, frozen=True):
    """What the book says of one model."""

    prices: Prices | None
    context_tokens: int | None
    name: str | None
    embedding: Prices | None = None
    """For a model that gives no text: what it reads is all that is paid for."""


UNLISTED = Listing(None, None, None)


@lru_cache(4096)  # bounded, as callers may invent names
def look_up(vendor: str, model: str, kept: Path | None = None) -> Listing:
    """The listing of a vendor's model, by the vendor's id in the book; unknown is a value.

    `kept` is where newer prices are, if the user fetched any.
    """
    snapshot = _snapshot(kept)
    provider = next((each for each in snapshot.providers if each.id == vendor), None)
    found = provider.find_model(model) if provider is not None else None
    if found is None:
        return UNLISTED
    prices = _prices(found)
    return Listing(prices, found.context_window, found.name, prices or _prices(found, writes=False))


@lru_cache(8)
def _snapshot(kept: Path | None) -> Any:
    from genai_prices import data_snapshot  # noqa: PLC0415 - half a second that only users of paid providers pay

    newer = kept_providers(kept) if kept is not None else None
    return data_snapshot.get_snapshot() if newer is None else data_snapshot.DataSnapshot(newer, from_auto_update=True)


def _prices(model: Any, *, writes: bool = True) -> Prices | None:
    from datetime import UTC, datetime  # noqa: PLC0415

    try:
        listed = model.get_prices(datetime.now(UTC))
    except (AttributeError, ValueError, TypeError):
        return None
    base = {name: _split(getattr(listed, f"{name}_mtok", None)) for name in _NAMES}
    if not writes and base["output"] is None:
        base["output"] = (Decimal(0), [])
    if base["input"] is None or base["output"] is None:
        return None
    starts = sorted({start for price in base.values() if price for start, _ in price[1]})
    request = _per_request(listed)
    above = tuple((start, replace(_at(base, start), request=request)) for start in starts)
    return replace(_at(base, 0), request=request, above=above)


_NAMES = ("input", "output", "cache_read", "cache_write")


def _split(price: Any) -> tuple[Decimal, list[tuple[int, Decimal]]] | None:
    """A flat price, or a base with tiers that begin above so many prompt tokens."""
    if price is None:
        return None
    if isinstance(price, Decimal):
        return price, []
    return price.base, [(tier.start, tier.price) for tier in price.tiers]


def _at(base: dict[str, tuple[Decimal, list[tuple[int, Decimal]]] | None], tokens: int) -> Prices:
    """The flat prices in force for a prompt that long."""
    flat = {
        name: next((price for start, price in reversed(found[1]) if start <= tokens), found[0])
        for name, found in base.items()
        if found
    }
    return Prices(flat["input"], flat["output"], flat.get("cache_read"), flat.get("cache_write"))


def _per_request(listed: Any) -> Decimal:
    per_thousand = getattr(listed, "requests_kcount", None)
    return per_thousand / 1000 if isinstance(per_thousand, Decimal) else Decimal(0)
