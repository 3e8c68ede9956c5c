"""A request's own cap on dollars: each stage is checked at its worst case and left out when it doesn't fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from tritium.chat import ChatRequest, Usage
from tritium.errors import BudgetExceeded
from tritium.fusion.plan import PlannedSeat
from tritium.fusion.run import Run
from tritium.model import Generation

NANODOLLARS = 1_000_000_000
BYTES_PER_TOKEN = 3
"""Deliberately few: a worst case must not be too low. English has about four; one Chinese character has three."""
OUTPUT_TOKENS = 4096
"""The worst case of an answer that nobody capped; under a cap, seats are told so."""


class Budget:
    """What may still be spent. Without a cap everything is allowed."""

    def __init__(self, cap_usd: float | None, price: Callable[[str, Usage], int | None]) -> None:
        self.cap = None if cap_usd is None else round(cap_usd * NANODOLLARS)
        self.spent = 0
        self._price = price

    @property
    def capped(self) -> bool:
        return self.cap is not None

    def settle(self, rows: Iterable[Generation]) -> None:
        """What has been spent so far, from the ledger's own rows."""
        self.spent = sum(row.cost_nanodollars or 0 for row in rows)

    def affordable(
        self, seats: Sequence[PlannedSeat], run: Run, request: ChatRequest, limit: Callable[[PlannedSeat], int | None]
    ) -> list[PlannedSeat]:
        """The seats that fit under the cap together, strongest first; the others learn why not.

        `limit` says how many tokens a seat may answer with.

        Raises:
            BudgetExceeded: not even one fits.
        """
        if self.cap is None:
            return list(seats)
        left = self.cap - self.spent
        kept: list[PlannedSeat] = []
        for seat in sorted(seats, key=lambda each: (-each.profile.strength, each.seat)):
            output = (limit(seat) or OUTPUT_TOKENS) * (request.body.n or 1)
            worst = self._price(seat.model.id, Usage(input=prompt_tokens(request), output=output))
            report = run.seats[seat.seat]
            if worst is None:
                report.outcome, report.error = "failed", "left out: its price is unknown and the request has a cost cap"
            elif worst > left:
                report.outcome = "failed"
                report.error = f"left out: it may cost {_dollars(worst)}, and {_dollars(left)} of the cap is left"
            else:
                left -= worst
                kept.append(seat)
        if not kept:
            reasons = "; ".join(f"{seat.model}: {seat.error}" for seat in run.seats)
            raise BudgetExceeded(
                f"No seat fits under max_cost_usd={self.cap / NANODOLLARS:g} ({reasons}). Raise the cap, or lower "
                "max_tokens.",
                param="max_cost_usd",
            )
        return sorted(kept, key=lambda each: each.seat)

    def allows(self, run: Run, stage: str, model: str, prompt_bytes: int, output_tokens: int) -> bool:
        """Whether one more call fits; if not, the run says so."""
        if self.cap is None:
            return True
        prompt = prompt_bytes // BYTES_PER_TOKEN
        worst = self._price(model, Usage(input=prompt, output=output_tokens))
        left = self.cap - self.spent
        if worst is not None and worst <= left:
            return True
        cost = "an unknown amount" if worst is None else _dollars(worst)
        run.warnings.append(f"{stage} was left out: it may cost {cost}, and {_dollars(left)} of the cap is left")
        return False


def prompt_tokens(request: ChatRequest) -> int:
    return request.prompt_bytes // BYTES_PER_TOKEN + 8


def _dollars(nanodollars: int) -> str:
    return f"${max(nanodollars, 0) / NANODOLLARS:.6f}"
