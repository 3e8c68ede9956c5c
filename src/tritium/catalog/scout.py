"""What a fusion wants to know of a model before asking it, gathered from those who serve it; remembered for a while."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence

from tritium.catalog.shelf import Shelf
from tritium.fusion.roster import Facts, Pace
from tritium.routing.endpoint import Endpoint

ENOUGH = 20
"""Answers before "nineteen of twenty" means something."""
PACE_SECONDS = 1.0
"""How long a pace is good for: reckoning it anew for every request would cost more than it tells."""
REMEMBERED = 10_000
"""Names; callers may invent them."""


class Scout:
    """Asks the endpoints' shelves for abilities, and their health for how they have been doing."""

    def __init__(
        self,
        shelves: Mapping[str, Shelf],
        endpoints: Callable[[str], Sequence[Endpoint]],
        told_as: Callable[[Endpoint], str],
    ) -> None:
        """`told_as` says what a provider calls the endpoint's model."""
        self._shelves = shelves
        self._endpoints = endpoints
        self._told_as = told_as
        self._facts: dict[str, Facts] = {}
        self._paces: dict[str, tuple[float, Pace]] = {}

    def facts(self, name: str) -> Facts:
        """What any of them can do; unknown as soon as one's abilities are."""
        found = self._facts.get(name)
        if found is None:
            found = self._reckoned(self._endpoints(name))
            if len(self._facts) < REMEMBERED:
                self._facts[name] = found
        return found

    def _reckoned(self, endpoints: Sequence[Endpoint]) -> Facts:
        able = [self._shelves[each.provider].capabilities(self._told_as(each)) for each in endpoints]
        contexts = [each.context_tokens for each in endpoints]
        known = [each for each in contexts if each is not None]
        context = max(known) if known and len(known) == len(contexts) else None
        if not able or not all(each.known for each in able):
            return Facts(context_tokens=context)
        return Facts(
            inputs=frozenset(kind for each in able for kind in each.inputs),
            tools=any("tools" in each.abilities for each in able),
            structured=any("structured" in each.abilities for each in able),
            context_tokens=context,
        )

    def ready(self, name: str) -> bool:
        endpoints = self._endpoints(name)
        return not endpoints or any(endpoint.health.ready for endpoint in endpoints)

    def pace(self, name: str) -> Pace:
        now = time.monotonic()
        until, pace = self._paces.get(name, (0.0, Pace()))
        if now >= until:
            pace = _pace(self._endpoints(name))
            if len(self._paces) < REMEMBERED or name in self._paces:
                self._paces[name] = (now + PACE_SECONDS, pace)
        return pace


def _pace(endpoints: Sequence[Endpoint]) -> Pace:
    """The busiest endpoint's: that is the one most likely to be asked."""
    samples = max((endpoint.health.recent() for endpoint in endpoints), key=len, default=[])
    if len(samples) < ENOUGH:
        return Pace()
    begun = sorted(row.latency_ms if row.first_token_ms is None else row.first_token_ms for row in samples)
    tokens = statistics.median(row.usage.output for row in samples)
    return Pace(begun[len(begun) * 95 // 100] / 1e3, round(tokens))
