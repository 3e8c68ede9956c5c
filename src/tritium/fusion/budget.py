"""A request's own caps on dollars, tokens and seconds: a stage that at its worst won't fit is left out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from tritium.chat import ChatRequest, Usage
from tritium.errors import BudgetExceeded
from tritium.fusion.kept_seat import KeptSeat
from tritium.fusion.run import Run
from tritium.fusion.seating import PlannedSeat
from tritium.model import Generation

NANODOLLARS = 1_000_000_000
BYTES_PER_TOKEN = 3
"""Deliberately few: a worst case must not be too low. English has about four; one Chinese character has three."""
OUTPUT_TOKENS = 4096
"""The worst case of an answer that nobody capped; under a cap, seats are told so."""

LEAST_TOKENS = 32
"""An answer that has no room for so many is not asked for."""


class Held(Struct, frozen=True):
    """What a call that is under way may come to at worst."""

    nanodollars: int
    output_tokens: int


class Budget:
    """What may still be spent: dollars, output tokens, seconds. Without a cap everything is allowed.

    Invariant: what is held is given back when its call is over, and what that has cost is in `spent` by then.
    """

    def __init__(
        self,
        cap_usd: float | None,
        price: Callable[[str, Usage], int | None],
        output_tokens: int | None = None,
        seconds: float | None = None,
    ) -> None:
        self.cap = None if cap_usd is None else round(cap_usd * NANODOLLARS)
        self.output_cap = output_tokens
        self.spent = 0
        self.output_tokens = 0
        self.held: dict[int, Held] = {}
        """By seat."""
        self.price = price
        self._until = None if seconds is None else time.monotonic() + seconds

    @property
    def capped(self) -> bool:
        """Whether an answer may not be as long as it likes."""
        return self.cap is not None or self.output_cap is not None

    def settle(self, rows: Iterable[Generation]) -> None:
        """What has been spent so far, from the ledger's own rows."""
        self.spent = self.output_tokens = 0
        for row in rows:
            self.spent += row.cost_nanodollars or 0
            self.output_tokens += row.usage.output

    # ------------------------------------------------------------ time

    def seconds(self, limit: float, share: float = 1.0) -> float:
        """How long a stage may take: its own limit, and no more than that share of what is left for the run."""
        return limit if self._until is None else max(0.0, min(limit, share * (self._until - time.monotonic())))

    @property
    def out_of_time(self) -> bool:
        return self._until is not None and time.monotonic() >= self._until

    # ------------------------------------------------------------ seats

    def affordable(
        self, seats: Sequence[PlannedSeat], run: Run, request: ChatRequest, limit: Callable[[PlannedSeat], int | None]
    ) -> list[PlannedSeat]:
        """The seats that fit under the caps together, strongest first, and are held for; the others learn why not.

        `limit` says how many tokens a seat may answer with.

        Raises:
            BudgetExceeded: not even one fits.
        """
        if not self.capped:
            return list(seats)
        kept: list[PlannedSeat] = []
        for seat in sorted(seats, key=lambda each: (-each.profile.strength, each.seat)):
            report = run.seats[seat.seat]
            report.error = self.hold(seat, request, limit(seat))
            if report.error is None:
                kept.append(seat)
            else:
                report.outcome = "failed"
        if not kept:
            reasons = "; ".join(f"{seat.model.id}: {run.seats[seat.seat].error}" for seat in seats)
            raise BudgetExceeded(
                f"No seat fits under {self._caps()} ({reasons}). Raise the cap, or lower max_tokens.", param=self._param
            )
        return sorted(kept, key=lambda each: each.seat)

    def hold(self, seat: PlannedSeat, request: ChatRequest, limit: int | None) -> str | None:
        """Set aside what a seat may come to; if it doesn't fit, why not."""
        if not self.capped or isinstance(seat.model, KeptSeat):  # the one that nobody asks costs nothing
            return None
        output = (limit or OUTPUT_TOKENS) * (request.body.n or 1)
        worst = self.price(seat.model.id, Usage(input=prompt_tokens(request), output=output))
        if self.cap is not None and worst is None:
            return "left out: its price is unknown and the request has a cost cap"
        if self.cap is not None and worst is not None and worst > self.left:
            return f"left out: it may cost {_dollars(worst)}, and {_dollars(self.left)} of the cap is left"
        if self.output_cap is not None and output > self.tokens_left:
            return f"left out: it may say {output} tokens, and {self.tokens_left} of max_output_tokens are left"
        self.held[seat.seat] = Held(worst or 0, output)
        return None

    def release(self, seat: int) -> None:
        """Its call is over, or was never made."""
        self.held.pop(seat, None)

    @property
    def left(self) -> int:
        """Nano-dollars; only under a cap."""
        return (self.cap or 0) - self.spent - sum(each.nanodollars for each in self.held.values())

    @property
    def tokens_left(self) -> int:
        """Only under a cap."""
        return (self.output_cap or 0) - self.output_tokens - sum(each.output_tokens for each in self.held.values())

    # ------------------------------------------------------------ other stages

    def answer_tokens(self) -> int:
        """What an answer that nobody capped is told to keep to."""
        return OUTPUT_TOKENS if self.output_cap is None else max(LEAST_TOKENS, min(OUTPUT_TOKENS, self.tokens_left))

    def allows(self, run: Run, stage: str, model: str, prompt_bytes: int, output_tokens: int) -> bool:
        """Whether one more call fits; if not, the run says so."""
        if self.out_of_time:
            run.warnings.append(f"{stage} was left out: the run's max_seconds are over")
            return False
        if self.output_cap is not None and output_tokens > self.tokens_left:
            run.warnings.append(
                f"{stage} was left out: it may say {output_tokens} tokens, and {max(self.tokens_left, 0)} of "
                "max_output_tokens are left"
            )
            return False
        if self.cap is None:
            return True
        prompt = prompt_bytes // BYTES_PER_TOKEN
        worst = self.price(model, Usage(input=prompt, output=output_tokens))
        if worst is not None and worst <= self.left:
            return True
        cost = "an unknown amount" if worst is None else _dollars(worst)
        run.warnings.append(f"{stage} was left out: it may cost {cost}, and {_dollars(self.left)} of the cap is left")
        return False

    # ------------------------------------------------------------ words

    @property
    def _param(self) -> str:
        return "max_cost_usd" if self.cap is not None else "max_output_tokens"

    def _caps(self) -> str:
        usd = [] if self.cap is None else [f"max_cost_usd={self.cap / NANODOLLARS:g}"]
        tokens = [] if self.output_cap is None else [f"max_output_tokens={self.output_cap}"]
        return " and ".join(usd + tokens)


def prompt_tokens(request: ChatRequest) -> int:
    return request.prompt_bytes // BYTES_PER_TOKEN + 8


def _dollars(nanodollars: int) -> str:
    return f"${max(nanodollars, 0) / NANODOLLARS:.6f}"
