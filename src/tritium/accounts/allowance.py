"""This process's slice of a limit that several processes spend: drawn from in memory, renewed from the database.

Invariant: what all processes set aside never exceeds the limit together, since their slices don't. As for a limit that
one process has alone (`spending.py`), only a call that costs more than was set aside for it can exceed it, by that
difference; the others hear of it when the ledger is written, a tenth of a second later.

What is not drawn goes back: at once where little is left of the limit, else when nobody has drawn for a while. Money
on its way back, at most `IDLE_SECONDS`, may make another process refuse what there would be money for.
"""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Protocol

from tritium.accounts.key import LimitReset, window
from tritium.ledger.allowances import SHARE, Granted, Purse

IDLE_SECONDS = 5.0
_REFUSED_SECONDS = 0.1
"""So long a refusal holds for whoever asks for as much: a spent key must not keep the database busy."""


class Till(Protocol):
    """Where slices come from and go to."""

    async def renew(self, slice_: Slice, needed: int, limit: int) -> None:
        """Ask for so much more; the slice hears the answer.

        Raises:
            LimitsUnknown: nobody can say.
        """
        ...

    def give_back(self, purse: Purse, nanodollars: int) -> None:
        """Not needed."""
        ...


class Slice:
    """What is left to draw in one period. Safe to call from any thread."""

    __slots__ = (
        "_lock",
        "committed",
        "counted",
        "drawn_at",
        "ends",
        "left",
        "purse",
        "refused",
        "refused_until",
        "void",
    )

    def __init__(self, purse: Purse, ends: float) -> None:
        self.purse = purse
        self.ends = ends
        self.left = 0
        self.committed = 0
        """By all processes, as last heard: spent, set aside, or in their slices."""
        self.counted = False
        """What counts already was taken from the ledger since we know of this limit."""
        self.drawn_at = 0.0
        self.refused = 0
        self.refused_until = 0.0
        self.void = False
        """It has been given to others: what was drawn from it is settled in the ledger alone."""
        self._lock = threading.Lock()

    def draw(self, amount: int) -> bool:
        """Whether so much was there; of nothing, not even nothing."""
        with self._lock:
            if self.left < max(amount, 1):
                return False
            self.left -= amount
            self.drawn_at = time.monotonic()
            return True

    def put_back(self, amount: int) -> None:
        """What was drawn too much, or, negative, too little."""
        with self._lock:
            self.left += amount

    def take_out(self, keep: int) -> int:
        """What there is above that is no longer here; or, negative, what is owed, and no longer owed by us alone."""
        with self._lock:
            surplus = self.left - keep if self.left > keep else min(self.left, 0)
            self.left -= surplus
            self.committed -= surplus
            return surplus

    def heard(self, granted: Granted, needed: int) -> None:
        """The answer to having asked for so much."""
        with self._lock:
            if not self.void:
                self.left += granted.nanodollars
            self.committed = granted.committed
            if not granted.nanodollars:
                self.refused, self.refused_until = needed, time.monotonic() + _REFUSED_SECONDS


class Allowance:
    """One limit, as this process may use it."""

    def __init__(self, name: str, reset: LimitReset | None, till: Till) -> None:
        """`name` is its purse's; `till` is where slices come from."""
        self.name = name
        self.reset = reset
        self._till = till
        self._slice = self._begun(time.time())
        self._asking = asyncio.Lock()
        self._turning = threading.Lock()
        self._limit: int | None = None

    def left(self, limit: int, now: float) -> int:
        """What may still be set aside, as far as is known here."""
        current = self._cut(limit, now)
        return current.left + max(limit - current.committed, 0)

    async def draw(self, amount: int, limit: int) -> Slice | int:
        """Set so much aside: the slice that it was taken from, to be settled with; or what there is, if that is less.

        Raises:
            LimitsUnknown: the slice is used up, and the database can't say whether there is more.
        """
        current = self._cut(limit, time.time())
        if current.draw(amount):
            return current
        async with self._asking:  # the others wait, and find what the first has brought
            while True:
                current = self._current(time.time())
                if current.draw(amount):
                    return current
                needed = max(amount, 1) - current.left
                if needed >= current.refused and time.monotonic() < current.refused_until:
                    return self.left(limit, time.time())
                await self._till.renew(current, needed, limit)

    def settle(self, drawn: Slice, held: int, cost: int) -> None:
        """What was set aside has become a cost."""
        if drawn.void:
            return
        drawn.put_back(held - cost)
        share = max((self._limit or 0) - drawn.committed, 0) // SHARE
        if drawn.left < 0 or drawn.left > 2 * share:
            self._return(drawn, share)

    def rest(self) -> None:
        """Give back what nobody has drawn from for a while."""
        current = self._slice
        if current.left > 0 and time.monotonic() - current.drawn_at > IDLE_SECONDS:
            self._return(current, 0)

    def start_over(self) -> None:
        """There was no such limit for a while, or there is none any more: what is spent has to be counted first."""
        self._return(self._slice, 0)
        self._slice.counted = False

    def look(self, committed: int | None) -> None:
        """What all have committed of the current purse by now, if that is known."""
        if committed is not None:
            self._slice.committed = committed

    def void(self) -> None:
        """We were taken for dead, and the slice was taken from us."""
        self._slice.void = True
        self._slice = self._begun(time.time())

    @property
    def in_use(self) -> bool:
        """Whether anything was asked for in the present period."""
        return self._slice.counted

    @property
    def purse(self) -> Purse:
        return self._current(time.time()).purse

    def _cut(self, limit: int, now: float) -> Slice:
        """The present slice, if it was cut from this limit; else nothing of it."""
        current = self._current(now)
        if limit != self._limit:
            self._limit = limit
            self._return(current, 0)
        return current

    def _return(self, current: Slice, keep: int) -> None:
        surplus = current.take_out(keep)
        if surplus:
            self._till.give_back(current.purse, surplus)

    def _current(self, now: float) -> Slice:
        if now >= self._slice.ends:
            with self._turning:
                if now >= self._slice.ends:
                    self._slice = self._begun(now)  # what was left of the old one is nobody's
        return self._slice

    def _begun(self, now: float) -> Slice:
        begins, ends = window(self.reset, now)
        return Slice(Purse(self.name, int(begins)), ends)
