"""Shared state of one process: everything in memory, exact at once. Safe to call from any thread."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from tritium.shared import SharedHealth

CACHE_BYTES = 64 * 1024 * 1024

Clock = Callable[[], float]
"""Seconds that only go forward."""


class LocalShared:
    """A `Shared` that nobody else hears of."""

    def __init__(self, clock: Clock = time.monotonic, cache_bytes: int = CACHE_BYTES) -> None:
        self._clock = clock
        self._quotas: dict[str, LocalQuota] = {}
        self.cooldowns = LocalCooldowns(clock)
        self.cache = LocalCache(clock, cache_bytes)

    def quota(self, name: str, per_minute: int) -> LocalQuota:
        quota = self._quotas.setdefault(name, LocalQuota(per_minute, self._clock))
        quota.change(per_minute)
        return quota

    def health(self) -> SharedHealth:
        return SharedHealth(replicated=False)


class LocalQuota:
    """A `Quota` of one process."""

    __slots__ = ("_clock", "_filled_at", "_level", "_lock", "per_minute")

    def __init__(self, per_minute: int, clock: Clock = time.monotonic) -> None:
        self.per_minute = per_minute
        self._clock = clock
        self._level = float(per_minute)
        self._filled_at = clock()
        self._lock = threading.Lock()

    def take_or_wait(self, amount: float = 1) -> float:
        with self._lock:
            wait = self._wait_seconds(amount)
            if not wait:
                self._level -= amount
            return wait

    def wait_seconds(self, amount: float = 1) -> float:
        with self._lock:
            return self._wait_seconds(amount)

    def take(self, amount: float) -> None:
        with self._lock:
            self._fill()
            self._level = min(self.per_minute, self._level - amount)

    def change(self, per_minute: int) -> None:
        """Another limit from now on; what was drawn stays drawn."""
        if per_minute == self.per_minute:
            return
        with self._lock:
            self._fill()
            self._level += per_minute - self.per_minute
            self.per_minute = per_minute

    def _wait_seconds(self, amount: float) -> float:
        self._fill()
        # More than a minute's worth at once has to do with a full bucket, or it would wait for ever.
        missing = min(amount, self.per_minute) - self._level
        return max(missing * 60 / self.per_minute, math.ulp(0)) if missing > 0 else 0.0

    def _fill(self) -> None:
        now = self._clock()
        self._level = min(self.per_minute, self._level + (now - self._filled_at) * self.per_minute / 60)
        self._filled_at = now


class LocalCooldowns:
    """The `Cooldowns` of one process."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._until: dict[str, float] = {}
        self._lock = threading.Lock()

    def begin(self, name: str, seconds: float) -> None:
        now = self._clock()
        with self._lock:
            self._until = {each: until for each, until in self._until.items() if until > now}
            self._until[name] = max(self._until.get(name, 0.0), now + seconds)

    def end(self, name: str) -> None:
        with self._lock:
            self._until.pop(name, None)

    def seconds_left(self, name: str) -> float:
        until = self._until.get(name)
        return 0.0 if until is None else max(0.0, until - self._clock())


class LocalCache:
    """A `Cache` of so many bytes; what was asked for longest ago goes first."""

    def __init__(self, clock: Clock = time.monotonic, capacity_bytes: int = CACHE_BYTES) -> None:
        self._clock = clock
        self._capacity_bytes = capacity_bytes
        self._bytes = 0
        self._kept: OrderedDict[str, tuple[bytes, float]] = OrderedDict()
        self._lock = threading.Lock()

    async def get(self, name: str) -> bytes | None:
        with self._lock:
            found = self._kept.get(name)
            if found is None:
                return None
            value, until = found
            if self._clock() >= until:
                self._drop(name)
                return None
            self._kept.move_to_end(name)
            return value

    async def put(self, name: str, value: bytes, seconds: float) -> None:
        with self._lock:
            self._drop(name)
            if len(value) > self._capacity_bytes or seconds <= 0:
                return
            self._kept[name] = (value, self._clock() + seconds)
            self._bytes += len(value)
            while self._bytes > self._capacity_bytes:
                self._drop(next(iter(self._kept)))

    async def remove(self, name: str) -> None:
        with self._lock:
            self._drop(name)

    def _drop(self, name: str) -> None:
        gone = self._kept.pop(name, None)
        if gone is not None:
            self._bytes -= len(gone[0])
