"""How an endpoint has been doing lately: a circuit that opens when it keeps failing, and how fast it answers.

States: closed; open (it is asked only when nobody else is left) for the cooldown, or as long as its `Retry-After` said;
half open: one request tries it, and what becomes of that one decides.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence

from msgspec import Struct

from tritium.errors import UpstreamError
from tritium.model import Generation
from tritium.shared import Cooldowns

STATISTICS_SECONDS = 300
"""OpenRouter's window for throughput and latency."""

LONGEST_COOLDOWN_SECONDS = 600.0
"""A provider that says to come back tomorrow is tried again after so long all the same."""

_SAMPLES = 100


class Breaker(Struct, frozen=True):
    """When a circuit opens: so many failures within a window, and no fewer than successes; and for how long."""

    failures: int = 5
    window_seconds: float = 60.0
    cooldown_seconds: float = 30.0


class Health:
    """One endpoint's. Fed by whoever settles its calls, asked by whoever chooses."""

    __slots__ = (
        "_breaker",
        "_clock",
        "_counted_since",
        "_elsewhere",
        "_failed",
        "_name",
        "_open_until",
        "_probed_until",
        "_samples",
        "_went",
    )

    def __init__(
        self,
        breaker: Breaker | None = None,
        clock: Callable[[], float] = time.monotonic,
        elsewhere: Cooldowns | None = None,
        name: str = "",
    ) -> None:
        """`elsewhere`: what other replicas found out, where there are any, by the endpoint's `name`."""
        self._elsewhere = elsewhere
        self._name = name
        self._breaker = breaker or Breaker()
        self._clock = clock
        self._samples: deque[tuple[float, Generation]] = deque(maxlen=_SAMPLES)
        """What went well, and when."""
        self._counted_since = clock()
        self._went = self._failed = 0
        self._open_until: float | None = None
        self._probed_until = 0.0

    # ------------------------------------------------------------ choosing

    @property
    def ready(self) -> bool:
        """Its circuit is closed, or it is time for somebody to try."""
        if self._elsewhere is not None and self._open_until is None and self._elsewhere.seconds_left(self._name):
            return False
        if self._open_until is None:
            return True
        now = self._clock()
        return now >= self._open_until and now >= self._probed_until

    @property
    def cooldown_seconds(self) -> float:
        """Until the next try; 0 when there is nothing to wait for."""
        here = 0.0 if self._open_until is None else max(0.0, self._open_until - self._clock())
        return here if self._elsewhere is None else max(here, self._elsewhere.seconds_left(self._name))

    def claim(self) -> None:
        """Somebody is about to ask it: while its circuit is open, that one is the probe and nobody else is."""
        if self._open_until is not None:
            self._probed_until = self._clock() + self._breaker.cooldown_seconds

    # ------------------------------------------------------------ learning

    def settled(self, row: Generation, error: BaseException | None) -> None:
        """One of its calls is over."""
        if row.outcome == "ok":
            self._succeeded(row)
        elif row.outcome == "timeout" or blames_endpoint(error):
            self._stumbled(getattr(error, "retry_after_seconds", None))
        else:
            self._probed_until = 0.0  # the caller left, or the request was at fault: nothing was learned

    def _succeeded(self, row: Generation) -> None:
        now = self._clock()
        self._open_until = None
        if now - self._counted_since > self._breaker.window_seconds:
            self._count_anew(now)
        self._went += 1
        self._samples.append((now, row))

    def _stumbled(self, retry_after_seconds: float | None) -> None:
        now = self._clock()
        if now - self._counted_since > self._breaker.window_seconds:
            self._count_anew(now)
        self._failed += 1
        self._probed_until = 0.0
        breaker = self._breaker
        if retry_after_seconds is not None:
            self._open(now + min(retry_after_seconds, LONGEST_COOLDOWN_SECONDS))
        elif self._open_until is not None or (self._failed >= breaker.failures and self._failed >= self._went):
            self._open(now + breaker.cooldown_seconds)

    def _open(self, until: float) -> None:
        self._open_until = max(until, self._open_until or 0.0)
        if self._elsewhere is not None:
            self._elsewhere.begin(self._name, self._open_until - self._clock())
        self._went = self._failed = 0

    def _count_anew(self, now: float) -> None:
        self._counted_since = now
        self._went = self._failed = 0

    # ------------------------------------------------------------ figures

    def latency_seconds(self, percentile: int) -> float | None:
        """That share of its answers began at least so soon; None if nobody has asked it lately."""
        return _at([_first_ms(row) / 1e3 for row in self.recent()], percentile)

    def tokens_per_second(self, percentile: int) -> float | None:
        """That share of its answers came at least so fast; None if nobody has asked it lately."""
        return _at([_speed(row) for row in self.recent()], 100 - percentile)

    def recent(self) -> list[Generation]:
        """What went well lately, the oldest first."""
        since = self._clock() - STATISTICS_SECONDS
        return [row for at, row in self._samples if at >= since]


def _first_ms(row: Generation) -> float:
    return row.latency_ms if row.first_token_ms is None else row.first_token_ms


def _speed(row: Generation) -> float:
    """Tokens per second of writing; an answer that came in one piece was written all the time."""
    writing_ms = row.latency_ms - _first_ms(row) if row.streamed else row.latency_ms
    return row.usage.output * 1e3 / writing_ms if writing_ms > 0 else 0.0


def blames_endpoint(error: BaseException | None) -> bool:
    """Another endpoint may well answer: it is this one that is down, busy, or doesn't take our key."""
    if not isinstance(error, UpstreamError) or error.another_key:
        return False
    return error.retryable or error.upstream_status in (401, 402, 403)


def _at(values: Sequence[float], percentile: int) -> float | None:
    """The nearest-rank percentile."""
    if not values:
        return None
    return sorted(values)[min(len(values) - 1, len(values) * percentile // 100)]
