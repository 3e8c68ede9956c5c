"""A replica's part of a quota: a slice that it has leased, and what it has drawn in advance of the next one.

Drawing and asking never wait. `demand` says what to tell the server, `grant` what it answered; in between drawing goes
on. The bucket on the server is charged for every unit once: when it is leased, or as debt.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

from msgspec import Struct

from tritium.shared import EXCHANGE_SECONDS
from tritium.shared.local import Clock, LocalQuota

SLICES = 20
"""A slice is this part of a minute's worth."""

IDLE_SECONDS = 5.0
"""A slice that nobody drew from for so long is given back."""


class Demand(Struct, frozen=True):
    """`debt` was drawn in advance (or, negative, is given back); up to `wanted` units more shall be leased."""

    debt: float
    wanted: float


class LeasedQuota:
    """A `Quota` whose bucket is elsewhere; `hurry` is called, from any thread, when it wants to be heard soon."""

    __slots__ = ("_alone", "_clock", "_drawn_at", "_hurry", "_left", "_lock", "_refused_until", "per_minute")

    def __init__(self, per_minute: int, hurry: Callable[[], None], clock: Clock = time.monotonic) -> None:
        self.per_minute = per_minute
        self._hurry = hurry
        self._clock = clock
        self._left = 0.0
        self._refused_until = 0.0
        """The server had nothing to lease, and said until when."""
        self._drawn_at: float | None = None
        self._alone: LocalQuota | None = None
        """In the server's place while it is away."""
        self._lock = threading.Lock()

    def take_or_wait(self, amount: float = 1) -> float:
        alone = self._alone
        if alone is not None:
            return alone.take_or_wait(amount)
        with self._lock:
            wait = self._wait_seconds(amount)
            if not wait:
                self._draw(amount)
            return wait

    def wait_seconds(self, amount: float = 1) -> float:
        alone = self._alone
        if alone is not None:
            return alone.wait_seconds(amount)
        with self._lock:
            return self._wait_seconds(amount)

    def take(self, amount: float) -> None:
        alone = self._alone
        if alone is not None:
            alone.take(amount)
            return
        with self._lock:
            self._draw(amount)

    # ------------------------------------------------------------ the exchange

    @property
    def slice(self) -> float:
        return max(1.0, self.per_minute / SLICES)

    def demand(self) -> Demand | None:
        """What to tell the server now; None if there is nothing to say."""
        with self._lock:
            now = self._clock()
            if self._drawn_at is None:
                return None
            if now - self._drawn_at > IDLE_SECONDS and self._left > 0:
                self._drawn_at = None
                return Demand(-self._left, 0.0)
            debt = max(0.0, -self._left)
            # Refused: others have asked for what comes in, too. What is owed is charged all the same.
            wanted = 0.0 if now < self._refused_until else self._wanted()
            return Demand(debt, wanted) if debt or wanted else None

    def grant(self, demand: Demand, units: float, wait_seconds: float) -> None:
        """The server has charged the debt and leased so many units; with none, it has some in `wait_seconds`."""
        with self._lock:
            self._left += demand.debt + units
            if demand.wanted and units <= 0:
                self._refused_until = self._clock() + max(wait_seconds, EXCHANGE_SECONDS / 10)
            elif units > 0:
                self._refused_until = 0.0

    def remainder(self) -> Demand | None:
        """What to give back, or to pay, at the end."""
        with self._lock:
            left, self._left = self._left, 0.0
            return Demand(-left, 0.0) if left else None

    def go_alone(self) -> None:
        """The server is away: the whole limit is ours until `rejoin`."""
        if self._alone is None:
            self._alone = LocalQuota(self.per_minute, self._clock)

    def rejoin(self) -> None:
        self._alone = None

    def change(self, per_minute: int) -> None:
        self.per_minute = per_minute

    def _draw(self, amount: float) -> None:
        self._left -= amount
        self._drawn_at = now = self._clock()
        if self._left < self.slice / 2 and now >= self._refused_until:
            self._hurry()

    def _wait_seconds(self, amount: float) -> float:
        # More than a slice is drawn into debt: nobody could ever have leased so much.
        missing = min(amount, self.slice) - self._left
        if missing <= 0:
            return 0.0
        now = self._clock()
        if now < self._refused_until:
            return self._refused_until - now
        if missing <= self.slice:
            return 0.0
        self._hurry()
        return max(EXCHANGE_SECONDS / 10, math.ulp(0))

    def _wanted(self) -> float:
        held = max(0.0, self._left)
        return max(1.0, self.slice - held) if held < self.slice / 2 else 0.0
