"""What was spent in a limit's period, and what is set aside for calls under way; all in memory, checked in one step.

Invariant: spent + held never exceeds the limit by setting aside; only a call that costs more than was set aside for it
can exceed it, by that difference.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection

from tritium.accounts.key import LimitReset, window


class Spending:
    """Amounts in nano-dollars, moments in Unix seconds. Safe to call from any thread."""

    __slots__ = ("_begins", "_ends", "_held", "_lock", "_open", "_settled", "_spent", "reset")

    def __init__(self, reset: LimitReset | None, now: float, spent: int = 0) -> None:
        self.reset = reset
        self._begins, self._ends = window(reset, now)
        self._spent = spent
        self._held = 0
        self._open: set[str] = set()
        self._settled = 0
        self._lock = threading.Lock()

    @property
    def begins(self) -> float:
        """The start of the period."""
        return self._begins

    def recount(self, counted: Callable[[float, Collection[str]], int]) -> None:
        """Take what was spent from the ledger, other processes' part with it.

        `counted` sums it since a moment, but for the reservations of the calls that are open here: they are held.
        What is settled while it sums is added; if it was in the sum as well, the next recount puts that right.
        """
        with self._lock:
            begins, calls, settled = self._begins, set(self._open), self._settled
        spent = counted(begins, calls)
        with self._lock:
            if begins == self._begins:
                self._spent = spent + self._settled - settled

    def left(self, limit: int, now: float) -> int:
        """What may still be set aside; negative when more was spent than the limit."""
        with self._lock:
            self._roll(now)
            return limit - self._spent - self._held

    def hold(self, call_id: str, amount: int, limit: int, now: float) -> int | None:
        """Set the amount aside for a call if it fits; else what there is left."""
        with self._lock:
            self._roll(now)
            left = limit - self._spent - self._held
            if amount > left or left <= 0:
                return left
            self._held += amount
            self._open.add(call_id)
            return None

    def settle(self, call_id: str, held: int, cost: int, now: float) -> None:
        """What was set aside for a call has become a cost."""
        with self._lock:
            self._roll(now)
            self._open.discard(call_id)
            self._held -= held
            self._settled += cost
            self._spent += cost

    def _roll(self, now: float) -> None:
        if now >= self._ends:
            self._begins, self._ends = window(self.reset, now)
            self._spent = 0
