"""A run: everything one fused request did, as a document that can be shown, stored and fetched."""

from __future__ import annotations

import time
from typing import Any, Literal

import msgspec
from msgspec import Struct, field

from tritium.chat import ToolCall, Usage
from tritium.fusion.kept_seat import KEPT
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
    "field_vote",
    "plurality",
    "advised",
    "analysis",
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
    stands_in_for: int | None = None
    """The seat that failed, or is slow, in whose place this one was asked."""
    replaced_by: int | None = None
    """The seat that was asked in its place."""
    reason: str | None = None
    """Why it was asked, where that goes without saying no longer."""
    error: str | None = None
    status_code: int | None = None
    finish_reason: str | None = None
    tokens: Tokens = Tokens()
    cost_usd: float | None = None
    first_token_ms: float | None = None
    latency_ms: float | None = None
    text: str = ""
    layer: int = 1
    """Of a panel that answers several times, each time with the answers of the layer before."""
    invalid: bool = False
    """It answered, and not in the form that was asked for; `error` says why."""
    cached: bool = False
    """Its answer was there already, from the cache or from the run that is replayed: nobody was asked."""
    tool_calls: list[ToolCall] = field(default_factory=list)
    """What it proposes to call, where members have the caller's tools."""
    reasoning_details: list[dict[str, Any]] = field(default_factory=list)
    """What its vendor wants back together with its calls."""


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
    judge_consistent: bool | None = None
    """Whether the judge selected the same answer in both orders; None where it was asked in one."""
    votes: list[dict[str, Any]] = field(default_factory=list)
    tools: str | None = None
    """What became of the caller's tools: `advise`, `vote` or `passthrough`; None where there were none to call."""
    confidence: Literal["uncalibrated", "calibrated"] = "uncalibrated"
    """Whether there is a probability: only where one has been fitted on labelled data."""
    calibrated_p: float | None = None
    """That the answer is right."""


class PlanReport(Struct):
    kind: str
    strategy: str
    quorum: int
    judge: str | None
    synthesizer: str | None
    order_seed: int
    escalate: str | None = None
    """The strong model that is asked when the others do not agree."""
    reasons: list[str] = field(default_factory=list)


class CallReport(Struct, frozen=True):
    """One provider call. A cancelled one cost what it used; where its provider never said, the tokens are estimated."""

    role: str
    model: str
    outcome: str
    tokens: Tokens
    cost_usd: float | None
    latency_ms: float
    provider: str | None = None
    first_token_ms: float | None = None


class Evidence(Struct, frozen=True):
    """A seat's own words; they stand in its answer."""

    seat: int
    model: str
    quote: str


class Claim(Struct, frozen=True):
    """Something the answer says. With neither support nor opposition it is unverified: no seat's words bear it out."""

    claim: str
    quote: str
    """The words of the answer that make it."""
    support: list[Evidence] = field(default_factory=list)
    oppose: list[Evidence] = field(default_factory=list)
    unverified: int = 0
    """Quotes that the judge gave and that stand in no seat's answer; they were dropped."""


class Dissent(Struct, frozen=True):
    says: str
    seats: list[Evidence]


class BestSingle(Struct, frozen=True):
    """What the strongest member alone would have cost, reckoned from what the others read and said."""

    model: str
    cost_usd: float | None
    """None if its price is unknown."""


class Receipt(Struct):
    """The cost, tokens and time of a run. `cost_usd` is None when the price of any call is unknown."""

    cost_usd: float | None = None
    best_single_model: str | None = None
    best_single_cost_usd: float | None = None
    """What the strongest seat alone cost for its own answer to the same question, or would have."""
    tokens: Tokens = Tokens()
    latency_ms: float = 0.0
    calls: list[CallReport] = field(default_factory=list)
    best_single_estimated: bool = False
    """It did not answer itself."""
    over_best_single_usd: float | None = None
    """What the run cost beyond `best_single_cost_usd`; less than 0 is what it saved."""


class Solo(Struct, frozen=True):
    """One model's answer to the same question, for comparison. None is unknown."""

    model: str
    text: str
    finish_reason: str | None
    cost_usd: float | None
    latency_ms: float


class Run(Struct):
    id: str
    created: float
    model: str
    plan: PlanReport
    seats: list[SeatReport]
    decision: Decision
    request: msgspec.Raw
    """The messages that were asked."""
    outcome: Literal["running", "ok", "failed", "cancelled", "lost"] = "running"
    """`lost`: the gateway ended before the run did."""
    caller: str = "local"
    options: dict[str, Any] = field(default_factory=dict)
    """Those that differ from the defaults."""
    parameters: dict[str, msgspec.Raw] = field(default_factory=dict)
    """The request's other fields that have to do with what is answered."""
    replay_of: str | None = None
    """The run whose seats' answers are used again."""
    shadow_of: str | None = None
    """The request that one model answered, and whose client never heard of this run."""
    solo: Solo | None = None
    """What that model answered."""
    error: str | None = None
    analysis: dict[str, Any] | None = None
    provenance: list[Claim] | None = None
    """Of the answer, claim by claim; None unless asked for and found."""
    dissent: list[Dissent] | None = None
    """What a minority said that contradicts the answer; None where nobody looked."""
    answer: str = ""
    tool_calls: list[ToolCall] = field(default_factory=list)
    """What the answer calls."""
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


def close_receipt(run: Run, tally: Tally, strongest: SeatReport | BestSingle | None) -> None:
    """Fill in the receipt from the rows; None where nobody answered, so that there is nothing to compare with."""
    rows = list(tally.rows.values())
    cost, alone = _usd(_total(rows)), strongest.cost_usd if strongest else None
    run.receipt = Receipt(
        cost_usd=cost,
        best_single_model=strongest.model if strongest else None,
        best_single_cost_usd=alone,
        best_single_estimated=isinstance(strongest, BestSingle),
        over_best_single_usd=None if cost is None or alone is None else round(cost - alone, 9),
        tokens=_tokens(tally.usage()),
        latency_ms=(time.perf_counter() - tally.started) * 1e3,
        calls=[
            CallReport(
                role=row.role,
                model=row.model,
                outcome=row.outcome,
                tokens=_tokens(row.usage),
                cost_usd=_usd(row.cost_nanodollars),
                latency_ms=row.latency_ms,
                provider=row.provider,
                first_token_ms=row.first_token_ms,
            )
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
    report.cached = row.provider == KEPT
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
