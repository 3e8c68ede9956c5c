"""A virtual key: what it may do, without the secret that proves it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from fnmatch import translate
from functools import lru_cache
from typing import Annotated, Literal

from msgspec import Meta, Struct

LimitReset = Literal["daily", "weekly", "monthly"]
Rate = Annotated[int, Meta(ge=1)]
Globs = tuple[str, ...]


class Key(Struct, frozen=True):
    """A key. Moments are Unix seconds, the limit is in nano-dollars; None is no limit, no end, any model."""

    hash: str
    """HMAC-SHA-256 of the secret, in hex; the key's name everywhere else, as the caller of a generation too."""
    name: str
    label: str
    """The secret's first and last characters, for people to tell keys apart."""
    created_at: float
    disabled: bool = False
    limit_nanodollars: int | None = None
    limit_reset: LimitReset | None = None
    allowed_models: Globs | None = None
    """Patterns (`openai/*`) of the names that may be asked for."""
    allowed_providers: Globs | None = None
    """Patterns of the providers that calls may go to, in a fusion too."""
    requests_per_minute: Rate | None = None
    tokens_per_minute: Rate | None = None
    updated_at: float | None = None
    expires_at: float | None = None

    def expired(self, now: float) -> bool:
        return self.expires_at is not None and now >= self.expires_at


def window(reset: LimitReset | None, now: float) -> tuple[float, float]:
    """When the limit's period began and when it ends, in UTC: midnight, Monday or the first of the month.

    Without a reset it is all time.
    """
    if reset is None:
        return 0.0, float("inf")
    begins = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if reset == "daily":
        ends = begins + timedelta(days=1)
    elif reset == "weekly":
        begins -= timedelta(days=begins.weekday())
        ends = begins + timedelta(days=7)
    else:
        begins = begins.replace(day=1)
        ends = (begins + timedelta(days=32)).replace(day=1)
    return begins.timestamp(), ends.timestamp()


def matches(name: str, globs: Sequence[str]) -> bool:
    """Whether one of the patterns fits: `*` any characters, `?` one, `[ab]` either."""
    return any(_compiled(glob).match(name) for glob in globs)


def first_forbidden(names: Sequence[str], model_id: str, globs: Sequence[str] | None) -> str | None:
    """The first of a request's models that the patterns don't fit; the first name may go by its own id, too."""
    if globs is None:
        return None
    for place, name in enumerate(names):
        if not matches(name, globs) and not (place == 0 and matches(model_id, globs)):
            return name
    return None


@lru_cache(maxsize=1024)
def _compiled(glob: str) -> re.Pattern[str]:
    return re.compile(translate(glob))
