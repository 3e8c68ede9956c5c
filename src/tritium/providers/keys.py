"""Several keys for one provider: taken in turn, and left alone for a while when the provider refuses one."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

REFUSED_SECONDS = 300.0
"""For a key that is wrong or out of credit."""

LIMITED_SECONDS = 30.0
"""For one over its rate, where the provider doesn't say until when."""

LONGEST_SECONDS = 600.0

COOLING_STATUSES = frozenset((401, 402, 403, 429))
"""They speak of the key rather than of the request. (403 also of content; then another key changes nothing.)"""


def read_keys(names: Sequence[str], environment: Mapping[str, str]) -> tuple[str, ...]:
    """The keys in the first of these variables that has one, each once.

    A variable holds one key, or several between commas; more stand in the variables `NAME_1` to `NAME_99`, which need
    not begin at 1 and may stand alone. A line break after a key is not part of it.
    """
    for name in names:
        values = [environment.get(name, ""), *(environment.get(f"{name}_{number}", "") for number in range(1, 100))]
        keys = [key.strip() for value in values for key in value.split(",")]
        if any(keys):
            return tuple(dict.fromkeys(filter(None, keys)))
    return ()


class KeyRing:
    """A provider's keys, one at least."""

    def __init__(self, keys: Sequence[str], clock: Callable[[], float] = time.monotonic) -> None:
        self.keys = tuple(keys)
        self._clock = clock
        self._rested_at = dict.fromkeys(self.keys, 0.0)
        self._turn = 0

    def take(self) -> str:
        """The next that is not resting; when all are, the one that will have rested first."""
        now = self._clock()
        for _ in self.keys:
            key = self.keys[self._turn % len(self.keys)]
            self._turn += 1
            if self._rested_at[key] <= now:
                return key
        return min(self.keys, key=self._rested_at.__getitem__)

    def refused(self, key: str, status: int, retry_after_seconds: float | None) -> bool:
        """Let a key rest that was answered with this status; True if another one is ready."""
        if status not in COOLING_STATUSES:
            return False
        usual = LIMITED_SECONDS if status == 429 else REFUSED_SECONDS
        seconds = usual if retry_after_seconds is None else min(retry_after_seconds, LONGEST_SECONDS)
        now = self._clock()
        self._rested_at[key] = now + seconds
        return any(rested <= now for other, rested in self._rested_at.items() if other != key)
