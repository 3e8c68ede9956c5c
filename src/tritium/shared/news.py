"""A replica's view of cooldowns: what the server said last, and what it has not been told yet.

Invariant: what was begun or ended here is seen here at once, and told until an exchange has succeeded.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

from tritium.shared.local import Clock


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
