"""In which order endpoints are asked: as the request wishes, else the stable and cheap ones first.

Format and rule: OpenRouter's provider routing. Without a wish, endpoints are drawn with a weight of one over the square
of the price, so that one at a third of another's price is nine times likelier to come first; those that failed lately
go to the end.
Drawing a whole order by weight: Efraimidis and Spirakis 2006, exponential keys.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from typing import Any

from tritium.chat import ChatRequest
from tritium.routing.eligible import foreign, named
from tritium.routing.endpoint import Endpoint
from tritium.routing.preferences import By, Preferences

SOFT_PARAMETERS = frozenset({"tools", "response_format", "verbosity"})
"""Endpoints that do without these come later, also when nobody insists."""

Key = Callable[[Endpoint], Any]


def ordered(
    endpoints: Sequence[Endpoint],
    preferences: Preferences,
    request: ChatRequest,
    draw: Callable[[], float] = random.random,
) -> list[Endpoint]:
    """All of them, the first to be asked first. `draw` gives numbers in [0, 1)."""
    if len(endpoints) < 2:
        return list(endpoints)
    wanted = SOFT_PARAMETERS & request.fields.keys()
    asked = [_place(preferences.order, endpoints)] if preferences.order else []
    soft: list[Key] = [
        lambda endpoint: len(wanted & endpoint.ignored),
        lambda endpoint: _misses(endpoint, preferences),
    ]
    if preferences.by is not None and not asked:
        last: list[Key] = [_sort(preferences.by), _rank]
    else:
        last = [_rank, _drawn(endpoints, draw)]
    return sorted(endpoints, key=_all([_down, *asked, _busy, *soft, *last]))


def _down(endpoint: Endpoint) -> bool:
    return not endpoint.health.ready


def _busy(endpoint: Endpoint) -> bool:
    return any(gate.busy for gate in endpoint.gates)


def _all(keys: Sequence[Key]) -> Key:
    return lambda endpoint: tuple(key(endpoint) for key in keys)


def _rank(endpoint: Endpoint) -> int:
    return endpoint.rank


def _place(order: Sequence[str], endpoints: Sequence[Endpoint]) -> Key:
    """The place in the list; a router behind us stands where the first name stands that only it may know."""
    strangers = foreign(order, endpoints)

    def place(endpoint: Endpoint) -> int:
        for index, name in enumerate(order):
            if named(endpoint, [name]) or (endpoint.passes_preferences and name in strangers):
                return index
        return len(order)

    return place


def _sort(by: By) -> Key:
    if by == "price":
        return lambda endpoint: endpoint.price
    if by == "latency":
        return lambda endpoint: _or_last(endpoint.health.latency_seconds(50))
    if by == "throughput":
        return lambda endpoint: _or_last(endpoint.health.tokens_per_second(50), sign=-1)
    # exacto: how well each calls tools is measured by OpenRouter; nothing is known of the others.
    return lambda endpoint: not endpoint.passes_preferences


def _or_last(figure: float | None, sign: int = 1) -> float:
    return math.inf if figure is None else sign * figure


def _misses(endpoint: Endpoint, preferences: Preferences) -> bool:
    """It has been slower lately than is preferred; of one that nobody asked lately nothing is held against it."""
    health = endpoint.health
    for percentile, cutoff in preferences.most_latency_seconds:
        latency = health.latency_seconds(percentile)
        if latency is not None and latency > cutoff:
            return True
    for percentile, cutoff in preferences.least_tokens_per_second:
        speed = health.tokens_per_second(percentile)
        if speed is not None and speed < cutoff:
            return True
    return False


def _drawn(endpoints: Sequence[Endpoint], draw: Callable[[], float]) -> Key:
    """A random key for each, by the weight of its price. An unknown price weighs as the dearest known one does."""
    known = [endpoint.price for endpoint in endpoints if endpoint.priced]
    dearest = max(known, default=1.0)

    def price(endpoint: Endpoint) -> float:
        return endpoint.price if endpoint.priced else dearest

    keys = {id(endpoint): -math.log(1.0 - draw()) * price(endpoint) ** 2 for endpoint in endpoints}
    return lambda endpoint: keys[id(endpoint)]
