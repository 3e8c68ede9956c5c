"""A run: everything one fused request did, as a document that can be shown, stored and fetched."""

from __future__ import annotations

import time
from typing import Any, Literal

import msgspec
from msgspec import Struct, field

from tritium.chat import Usage
from tritium.model import Call, Generation, Outcome, Recorder

How = Literal[
    "single",
    "lone_survivor",
    "unanimous",
    "majority",
    "only_countable",
    "strongest",
    "central",
    "judge_select",
    "synthesis",
]
"""How the answer was come by."""


class Tokens(Struct, frozen=True):
    input: int = 0
    output: int = 0
    estimated: bool = False


class SeatReport(Struct):
    """What one seat did. Latencies in milliseconds."""

    seat: int
    model: str
    maker: str
    provider: str | None = None
    outcome: Outcome | None = None
    """None while it is still at work."""
    error: str | None = None
    status_code: int | None = None
    finish_reason: str | None = None
    tokens: Tokens = Tokens()
    cost_usd: float | None = None
    first_token_ms: float | None = None
    latency_ms: float | None = None
    text: str = ""


class Decision(Struct):
    """Which way the answer was come by, and why."""

    strategy: str
    how: How | None = None
    reason: str = ""
    seat: int | None = None
    """Whose text it is, if it is one seat's, word for word."""
    agreement: float | None = None
    """Share of the seats that answered which say the same."""
    makers_agreeing: int | None = None
    votes: list[dict[str, Any]] = field(default_factory=list)
    confidence: Literal["uncalibrated"] = "uncalibrated"
    """No probability is given: none has been fitted on labelled data."""


class PlanReport(Struct):
    kind: str
    strategy: str
    quorum: int
    judge: str | None
    synthesizer: str | None
    order_seed: int
    reasons: list[str] = field(default_factory=list)


class CallReport(Struct, frozen=True):
    role: str
    model: str
    outcome: str
    tokens: Tokens
    cost_usd: float | None
    latency_ms: float


class Receipt(Struct):
    """The cost, tokens and time of a run. `cost_usd` is None when the price of any call is unknown."""

    cost_usd: float | None = None
    best_single_model: str | None = None
    best_single_cost_usd: float | None = None
    """What the strongest seat alone cost for its own answer to the same question."""
    tokens: Tokens = Tokens()
    latency_ms: float = 0.0
    calls: list[CallReport] = field(default_factory=list)


class Run(Struct):
    id: str
    created: float
    model: str
    plan: PlanReport
    seats: list[SeatReport]
    decision: Decision
    request: msgspec.Raw
    """The messages that were asked."""
    outcome: Literal["running", "ok", "failed", "cancelled"] = "running"
    error: str | None = None
    analysis: dict[str, Any] | None = None
    answer: str = ""
    finish_reason: str | None = None
    gathering: str | None = None
    """Why waiting for the panel ended: `all`, `settled`, `grace`, `deadline`."""
    warnings: list[str] = field(default_factory=list)
    receipt: Receipt = field(default_factory=Receipt)


class Tally:
    """A recorder that also keeps this run's own rows, so that the receipt is made of what was written down."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.rows: dict[str, Generation] = {}
        self.started = time.perf_counter()

    def generation(self, row: Generation) -> None:
        self.rows[row.id] = row
        self.recorder.generation(row)

    def run(self, run_id: str, created_at: float, model: str, document: bytes) -> None:
        self.recorder.run(run_id, created_at, model, document)

    def usage(self) -> Usage:
        return sum((row.usage for row in self.rows.values()), Usage())


def close_receipt(run: Run, tally: Tally, strongest: SeatReport | None) -> None:
    """Fill in the receipt from the rows."""
    rows = list(tally.rows.values())
    run.receipt = Receipt(
        cost_usd=_usd(_total(rows)),
        best_single_model=strongest.model if strongest else None,
        best_single_cost_usd=strongest.cost_usd if strongest else None,
        tokens=_tokens(tally.usage()),
        latency_ms=(time.perf_counter() - tally.started) * 1e3,
        calls=[
            CallReport(row.role, row.model, row.outcome, _tokens(row.usage), _usd(row.cost_nanodollars), row.latency_ms)
            for row in rows
        ],
    )


def settle_seat(report: SeatReport, tally: Tally) -> None:
    """What the ledger's rows say of a seat: a provider's model writes one, a fusion that sits there several."""
    rows = list(tally.rows.values())
    if len(rows) == 1:
        close_seat(report, rows[0])
    elif rows:
        report.tokens = _tokens(tally.usage())
        report.cost_usd = _usd(_total(rows))
        report.latency_ms = (time.perf_counter() - tally.started) * 1e3


def close_seat(report: SeatReport, row: Generation) -> None:
    """What the ledger's row says of a seat."""
    report.provider = row.provider
    report.outcome = report.outcome or row.outcome
    report.finish_reason = row.finish_reason
    report.tokens = _tokens(row.usage)
    report.cost_usd = _usd(row.cost_nanodollars)
    report.first_token_ms = row.first_token_ms
    report.latency_ms = row.latency_ms
    report.error = report.error or row.error


def save(run: Run, call: Call) -> None:
    call.recorder.run(run.id, run.created, run.model, msgspec.json.encode(run))


def _total(rows: list[Generation]) -> int | None:
    costs = [row.cost_nanodollars for row in rows]
    return None if None in costs else sum(cost or 0 for cost in costs)


def _usd(nanodollars: int | None) -> float | None:
    return None if nanodollars is None else nanodollars / 1_000_000_000


def _tokens(usage: Usage) -> Tokens:
    return Tokens(usage.input, usage.output, usage.estimated)
