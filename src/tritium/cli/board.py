"""What is known of a panel while it works, read from a fusion's events; no terminal in here.

Invariant: `take` never fails on an event it doesn't know; the fusion may say more tomorrow.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Literal

from tritium.cli.terminal import one_line

State = Literal["waiting", "working", "answered", "failed", "late"]

_LONG_NAME = 40
_STATES: dict[str | None, State] = {"ok": "answered", "failed": "failed", "timeout": "failed", "cancelled": "late"}


def brief_name(model: str) -> str:
    """A model without its provider, and not endlessly."""
    name = one_line(model.partition("/")[2] or model)
    return name if len(name) <= _LONG_NAME else f"{name[: _LONG_NAME - 3]}..."


@dataclass
class SeatState:
    """One seat, as far as it got. Times in milliseconds since the run began."""

    model: str
    state: State = "waiting"
    text: str = ""
    pieces: int = 0
    """Chunks of text: about a token each, until the true count comes."""
    output_tokens: int | None = None
    cost_usd: float | None = None
    priced: bool = False
    """Whether `cost_usd` has been told; None is then an unknown price."""
    started_ms: float | None = None
    latency_ms: float | None = None
    reason: str | None = None
    """Why it has no answer."""

    def elapsed_ms(self, now_ms: float) -> float | None:
        if self.latency_ms is not None:
            return self.latency_ms
        return None if self.started_ms is None else now_ms - self.started_ms


@dataclass
class Board:
    """All seats, and what is done with their answers."""

    seats: list[SeatState] = field(default_factory=list)
    stage: str = ""
    """What is happening, in a few words."""
    chosen: int | None = None
    """Whose answer it became, word for word."""
    _began: float = field(default_factory=time.monotonic)

    def now_ms(self) -> float:
        return (time.monotonic() - self._began) * 1e3

    def take(self, event: dict[str, Any]) -> None:
        """Note what happened."""
        kind = event["type"]
        if kind == "plan":
            self.seats = [SeatState(seat["model"]) for seat in event["seats"]]
            self._count()
        elif kind.startswith("seat."):
            self._take_seat(kind, event)
        elif kind == "panel.ended":
            for report in event.get("seats", ()):
                self._close(report)
        elif kind == "judge.started":
            self.stage = f"{brief_name(event['model'])} compares the answers"
        elif kind == "synthesizer.started":
            self.stage = f"{brief_name(event['model'])} writes the answer"
        elif kind == "decision":
            self.stage = ""
            self.chosen = event["decision"].seat

    def _take_seat(self, kind: str, event: dict[str, Any]) -> None:
        seat = self._seat(event)
        if kind == "seat.started":
            seat.state, seat.started_ms = "working", self.now_ms()
        elif kind == "seat.delta":
            seat.text += event["text"]
            seat.pieces += 1
        elif kind == "seat.ended":
            self._close(event)
            seat.text = event["text"]
            if seat.state == "late":
                seat.reason = None  # the panel says it when it ends
            self._count()

    def stop(self) -> None:
        """Nothing moves any more: whoever was still at work was interrupted."""
        self.stage = ""
        for seat in self.seats:
            if seat.state in ("waiting", "working"):
                seat.latency_ms = seat.elapsed_ms(self.now_ms())
                seat.state, seat.reason = "late", "interrupted"

    def _count(self) -> None:
        answered = sum(seat.state == "answered" for seat in self.seats)
        self.stage = f"{answered} of {len(self.seats)} have answered"

    def _seat(self, report: dict[str, Any]) -> SeatState:
        """Who stands in for another wasn't in the plan."""
        number: int = report["seat"]
        while number >= len(self.seats):
            self.seats.append(SeatState(report["model"]))
        return self.seats[number]

    def _close(self, report: dict[str, Any]) -> None:
        seat = self._seat(report)
        seat.state = _STATES.get(report["outcome"], "failed")
        seat.reason = report["error"]
        if seat.started_ms is not None:
            seat.output_tokens = report["tokens"].output
            seat.cost_usd, seat.priced = report["cost_usd"], True
            seat.latency_ms = report["latency_ms"]
