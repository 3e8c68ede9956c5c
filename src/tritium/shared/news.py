"""A replica's view of cooldowns and counters: what the server said last, and what it has not been told yet.

Invariant: what was begun, ended or added here is seen here at once, and told until an exchange has succeeded.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

from tritium.shared.local import Clock

WATCHED_SECONDS = 60.0


class CooldownNews:
    """`Cooldowns` of all replicas."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._until: dict[str, float] = {}
        self._untold: dict[str, float] = {}
        """When each ends; 0 for one that was ended."""
        self._lock = threading.Lock()

    def begin(self, name: str, seconds: float) -> None:
        with self._lock:
            until = max(self._until.get(name, 0.0), self._clock() + seconds)
            self._until[name] = self._untold[name] = until

    def end(self, name: str) -> None:
        with self._lock:
            self._until.pop(name, None)
            self._untold[name] = 0.0

    def seconds_left(self, name: str) -> float:
        until = self._until.get(name)
        return 0.0 if until is None else max(0.0, until - self._clock())

    def take(self) -> dict[str, float]:
        """What to tell: how many seconds each has left, 0 for one that was ended."""
        with self._lock:
            now, untold = self._clock(), self._untold
            self._untold = {}
            return {name: max(0.0, until - now) for name, until in untold.items()}

    def keep(self, taken: Mapping[str, float]) -> None:
        """It could not be told: it is still to be."""
        with self._lock:
            now = self._clock()
            ends = {name: now + seconds if seconds else 0.0 for name, seconds in taken.items()}
            self._untold = {**ends, **self._untold}

    def heard(self, seconds_left: Mapping[str, float]) -> None:
        """The server's whole list; what happened here meanwhile goes before it."""
        with self._lock:
            now = self._clock()
            until = {name: now + seconds for name, seconds in seconds_left.items()}
            until.update(self._untold)
            self._until = {name: end for name, end in until.items() if end > now}


class CounterNews:
    """`Counters` of all replicas."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[str, int] = {}
        self._untold: dict[str, tuple[int, float]] = {}
        self._on_the_way: dict[str, tuple[int, float]] = {}
        self._asked_at: dict[str, float] = {}
        self._lock = threading.Lock()

    def add(self, name: str, amount: int, keep_seconds: float) -> None:
        with self._lock:
            before, _ = self._untold.get(name, (0, 0.0))
            self._untold[name] = (before + amount, keep_seconds)

    def total(self, name: str) -> int:
        with self._lock:
            self._asked_at[name] = self._clock()
            untold = self._untold.get(name, (0, 0.0))[0] + self._on_the_way.get(name, (0, 0.0))[0]
            return self._known.get(name, 0) + untold

    def take(self) -> tuple[dict[str, tuple[int, float]], list[str]]:
        """What to add, with how long to keep it, and which others to look up."""
        with self._lock:
            since = self._clock() - WATCHED_SECONDS
            self._asked_at = {name: at for name, at in self._asked_at.items() if at >= since}
            self._known = {name: total for name, total in self._known.items() if name in self._asked_at}
            self._on_the_way, self._untold = self._untold, {}
            return self._on_the_way, [name for name in self._asked_at if name not in self._on_the_way]

    def keep(self, taken: Mapping[str, tuple[int, float]]) -> None:
        """It could not be told: it is still to be."""
        with self._lock:
            self._on_the_way = {}
            for name, (amount, keep_seconds) in taken.items():
                since, longer = self._untold.get(name, (0, keep_seconds))
                self._untold[name] = (amount + since, longer)

    def heard(self, totals: Mapping[str, int]) -> None:
        """The server's sums, with everything that was on its way."""
        with self._lock:
            self._on_the_way = {}
            self._known.update(totals)
