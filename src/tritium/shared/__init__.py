"""What the replicas of one gateway tell each other: rates, cooldowns and cached values.

The rule for all of it: nobody on a request's way waits for another machine. Quotas and cooldowns are asked and told in
memory, in well under a microsecond, from any thread; what has changed is exchanged with the server in one
round trip every `EXCHANGE_SECONDS`, sooner where a quota runs dry. Only cached values are fetched when asked for.

Two implementations: `local.py`, for one process, and `valkey.py`, for several, over Valkey or Redis. What is promised
here holds for both, but for what a replica has not been told yet. When the server is away, each replica goes on by
itself: limits then hold per replica, cooldowns are its own, nothing is found in the cache; `health()` says so.

Money is not among it: what is spent is in the ledger, and nothing that may forget can say what is left of a limit. The
database divides limits among processes, whether there is shared state or not (`ledger/allowances.py`).
"""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

EXCHANGE_SECONDS = 0.2


class Quota(Protocol):
    """So many units a minute: a bucket that fills steadily, holds a minute's worth and may be overdrawn.

    Several replicas draw from one bucket, each from a slice that it has leased: a twentieth of a minute's worth. Where
    a slice is used up before the next arrives, so much again is drawn in advance and charged to the bucket; so a burst
    can exceed the limit by that much per replica, and what is exceeded is paid back before anybody gets more.
    """

    @property
    def per_minute(self) -> int: ...

    def take_or_wait(self, amount: float = 1) -> float:
        """Draw if so much is there, and return 0; else draw nothing and return in how many seconds to come again."""

    def wait_seconds(self, amount: float = 1) -> float:
        """The same without drawing."""

    def take(self, amount: float) -> None:
        """Draw, into debt if need be; a negative amount gives back."""


class Cooldowns(Protocol):
    """What had better be left alone for a while, by name."""

    def begin(self, name: str, seconds: float) -> None:
        """For so long from now; a longer one that is under way stays."""

    def end(self, name: str) -> None:
        """It is over, for everybody."""

    def seconds_left(self, name: str) -> float:
        """0 if there is nothing to wait for."""


class Cache(Protocol):
    """Bytes by name. A cache may forget anything at any time; it never raises."""

    async def get(self, name: str) -> bytes | None: ...

    async def put(self, name: str, value: bytes, seconds: float) -> None:
        """Keep it for so long, at most."""

    async def remove(self, name: str) -> None: ...


class SharedHealth(Struct, frozen=True):
    """`replicated`: whether other replicas are told; `fault`: why they can't be at present."""

    replicated: bool
    fault: str | None = None


class Shared(Protocol):
    """All of it together. Two calls of `quota` with one name give the same bucket; the last `per_minute` counts."""

    @property
    def cooldowns(self) -> Cooldowns: ...

    @property
    def cache(self) -> Cache: ...

    def quota(self, name: str, per_minute: int) -> Quota: ...

    def health(self) -> SharedHealth: ...
