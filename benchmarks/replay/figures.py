"""Figures of an arm beside others on the same items: shares, costs, paired bootstrap intervals, a random router."""

from __future__ import annotations

import random
from collections.abc import Sequence

from msgspec import Struct

RESAMPLES = 2_000
LEVEL = 0.95


class Interval(Struct, frozen=True):
    low: float
    high: float


class Bootstrap:
    """The same resamples of a set's items for every comparison (Efron's percentile interval)."""

    def __init__(self, items: int, seed: int = 20_241_201) -> None:
        draw = random.Random(seed)
        self._samples = [draw.choices(range(items), k=items) for _ in range(RESAMPLES)]

    def mean(self, values: Sequence[float]) -> Interval:
        """Of a mean, as of paired differences."""
        size = len(values)
        return _percentiles([sum(map(values.__getitem__, sample)) / size for sample in self._samples])

    def ratio(self, values: Sequence[float], others: Sequence[float]) -> Interval:
        """Of one mean by another's, over the same items."""
        return _percentiles(
            [
                sum(map(values.__getitem__, sample)) / (sum(map(others.__getitem__, sample)) or 1)
                for sample in self._samples
            ]
        )


def _percentiles(found: list[float]) -> Interval:
    found.sort()
    tail = int(len(found) * (1 - LEVEL) / 2)
    return Interval(found[tail], found[-tail - 1])


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


class Single(Struct, frozen=True):
    """A single model on the development items (`chosen`) and on the others."""

    model: str
    chosen: float
    accuracy: float
    cost: float | None
    """Mean nano-dollars an item, on the others; None if its price is unknown."""


def random_router(cost: float, weak: Single, strong: Single) -> float | None:
    """What asking one of two, by lot, is right in, at that cost an item; None if nobody knows what they cost."""
    if weak.cost is None or strong.cost is None:
        return None
    share = (cost - weak.cost) / (strong.cost - weak.cost) if strong.cost > weak.cost else 1.0
    share = min(max(share, 0.0), 1.0)
    return weak.accuracy + share * (strong.accuracy - weak.accuracy)


def best_single(cost: float, singles: Sequence[Single]) -> Single | None:
    """The one that did best on the development items among those that cost no more."""
    affordable = [(each.chosen, -each.cost, each) for each in singles if each.cost is not None and each.cost <= cost]
    return max(affordable, key=lambda each: each[:2])[2] if affordable else None
