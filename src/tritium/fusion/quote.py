"""A quote: the plan of a request and what it would cost, usually and at worst, reckoned without asking anybody.

Usually: the prompt at four bytes a token, each answer as long as the median of what the model has said so far (from
the ledger, else `USUAL_OUTPUT_TOKENS`), nobody fails. At worst: the prompt at three bytes a token, each answer as long
as it may be, every judge asked twice, every seat tried twice that may be, everybody of the bench asked as well. A price
that is unknown makes a sum unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Literal

from msgspec import Struct, field
from msgspec.structs import replace

from tritium.chat import ChatRequest, Usage
from tritium.fusion.automatic_panel import USUAL_OUTPUT_TOKENS
from tritium.fusion.budget import OUTPUT_TOKENS, prompt_tokens
from tritium.fusion.contract import contract_of
from tritium.fusion.judge import JUDGE_MAX_TOKENS
from tritium.fusion.needs import expected_prompt_tokens
from tritium.fusion.options import FusionOptions
from tritium.fusion.plan import Plan
from tritium.fusion.roster import Roster
from tritium.fusion.seating import PlannedSeat
from tritium.model import Model

When = Literal["always", "if needed", "if another fails", "never"]

_OUR_WORDS_TOKENS = 1400
"""Instructions and fences around what a judge or a writer reads."""
_USUAL_VERDICT_TOKENS = 400
_JUDGED = frozenset(("synthesize", "rank", "analysis"))
"""Strategies that always ask a judge; of the others only `single` and `consensus` never do."""
_WRITTEN = frozenset(("synthesize", "advise"))


class Tokens(Struct, frozen=True):
    input: int
    output: int


class QuotedCall(Struct, frozen=True):
    """One call that may be made. Costs are None where the price is unknown."""

    role: Literal["seat", "judge", "synthesizer", "bench", "repair"]
    model: str
    maker: str | None
    when: When
    expected: Tokens
    worst: Tokens
    expected_cost_usd: float | None
    worst_cost_usd: float | None
    seat: int | None = None
    strength: float | None = None
    output_from: Literal["ledger", "prior", "limit"] = "prior"
    """Where the usual length of its answers comes from: what it has said so far, a prior, or the limit it is given."""
    reason: str | None = None
    """Why it is left out, or asked once more."""


class Quote(Struct, frozen=True):
    """What a fusion would do with a request."""

    model: str
    kind: str
    strategy: str
    quorum: int
    judge: str | None
    synthesizer: str | None
    calls: list[QuotedCall]
    expected_cost_usd: float | None
    worst_cost_usd: float | None
    """No more than `max_cost_usd`: what doesn't fit under it is left out."""
    max_cost_usd: float | None
    best_single_model: str
    best_single_cost_usd: float | None
    """What the strongest member alone would usually cost."""
    reasons: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    object: Literal["fusion.quote"] = "fusion.quote"


def models_of(plan: Plan) -> set[str]:
    """Whose usual length matters."""
    models = {seat.model.id for seat in (*plan.seats, *plan.bench)} | {judge.id for judge in plan.judges}
    return models | ({plan.synthesizer.id} if plan.synthesizer else set())


def make_quote(
    name: str,
    request: ChatRequest,
    options: FusionOptions,
    plan: Plan,
    roster: Roster,
    usual: Mapping[str, int],
) -> Quote:
    """`usual` has the median output tokens of the models that have answered before."""
    reckoner = _Reckoner(request, options, plan, roster, usual)
    calls = reckoner.calls()
    asked = [call for call in calls if call.when == "always"]
    possible = [call for call in calls if call.when != "never"]
    worst = _sum(call.worst_cost_usd for call in possible)
    cap = options.max_cost_usd
    strongest = plan.strongest()
    alone = next((call for call in calls if call.role == "seat" and call.seat == strongest.seat), None)
    return Quote(
        model=name,
        kind=plan.kind,
        strategy=plan.strategy,
        quorum=plan.quorum,
        judge=plan.judges[0].id if plan.judges else None,
        synthesizer=plan.synthesizer.id if plan.synthesizer else None,
        calls=calls,
        expected_cost_usd=_sum(call.expected_cost_usd for call in asked),
        worst_cost_usd=worst if cap is None else min(worst, cap) if worst is not None else cap,
        max_cost_usd=cap,
        best_single_model=strongest.model.id,
        best_single_cost_usd=None if alone is None else alone.expected_cost_usd,
        reasons=list(plan.reasons),
        warnings=list(plan.warnings),
    )


class _Reckoner:
    def __init__(
        self, request: ChatRequest, options: FusionOptions, plan: Plan, roster: Roster, usual: Mapping[str, int]
    ) -> None:
        self._request = request
        self._options = options
        self._plan = plan
        self._roster = roster
        self._usual = usual
        self._prompt = expected_prompt_tokens(request)
        self._worst_prompt = prompt_tokens(request)
        self._choices = request.body.n or 1

    def calls(self) -> list[QuotedCall]:
        seats = [self._seat(seat, self._when(at, seat), "seat") for at, seat in enumerate(self._plan.seats)]
        bench = [self._seat(seat, "if another fails", "bench") for seat in self._plan.bench]
        panel = [call for call in seats if call.when != "never"]
        read = sum(call.expected.output for call in panel if call.when == "always")
        worst = sum(call.worst.output for call in panel)
        judges = [*self._layers(seats, read, worst), *self._judges(read, worst), *self._repair(panel)]
        return [*seats, *bench, *judges, *self._writer(read, worst, max((c.expected.output for c in panel), default=0))]

    def _when(self, at: int, seat: PlannedSeat) -> When:
        plan = self._plan
        if seat.unfit is not None:
            return "never"
        if plan.strategy == "single":
            return "always" if at == 0 else "if another fails"
        if seat is plan.escalation or (plan.strategy == "cascade" and at >= self._options.start):
            return "if needed"
        return "always"

    # ------------------------------------------------------------ who answers

    def _seat(self, seat: PlannedSeat, when: When, role: Literal["seat", "bench"]) -> QuotedCall:
        limit = seat.settings.max_tokens or self._request.output_limit or self._options.max_tokens
        most = limit or OUTPUT_TOKENS
        usual = self._usual.get(seat.model.id)
        output = min(usual or USUAL_OUTPUT_TOKENS, most)
        expected = Tokens(self._prompt, output * self._choices)
        tries = 2 if self._hedged(seat) else 1
        worst = Tokens(tries * self._worst_prompt, tries * most * self._choices)
        return QuotedCall(
            role=role,
            model=seat.model.id,
            maker=seat.profile.maker,
            when=when,
            expected=expected,
            worst=worst,
            expected_cost_usd=self._cost(seat.model.id, expected),
            worst_cost_usd=self._cost(seat.model.id, worst),
            seat=seat.seat if role == "seat" else None,
            strength=seat.profile.strength,
            output_from="limit" if output == limit else "ledger" if usual else "prior",
            reason=seat.unfit,
        )

    def _layers(self, seats: list[QuotedCall], read: int, most_read: int) -> list[QuotedCall]:
        """The members once more, with what all have said before them."""
        if self._plan.strategy != "synthesize":
            return []
        again: list[QuotedCall] = []
        for layer in range(2, self._options.layers + 1):
            for call in seats:
                expected = Tokens(call.expected.input + read + _OUR_WORDS_TOKENS, call.expected.output)
                worst = Tokens(call.worst.input + most_read + _OUR_WORDS_TOKENS, call.worst.output)
                costs = (self._cost(call.model, expected), self._cost(call.model, worst))
                again.append(
                    replace(
                        call,
                        expected=expected,
                        worst=worst,
                        expected_cost_usd=costs[0],
                        worst_cost_usd=costs[1],
                        seat=None,
                        reason=call.reason or f"layer {layer}",
                    )
                )
        return again

    def _repair(self, panel: list[QuotedCall]) -> list[QuotedCall]:
        """The one turn that mends what is not as the caller's schema demands."""
        if self._plan.tools is not None or contract_of(self._request.body.response_format) is None or not panel:
            return []
        model = self._plan.strongest().model
        most = max(call.worst.output for call in panel)
        usual = max(call.expected.output for call in panel)
        expected = Tokens(self._prompt + usual + _OUR_WORDS_TOKENS, usual)
        worst = Tokens(self._worst_prompt + most + _OUR_WORDS_TOKENS, most)
        return [self._call("repair", model, "if needed", expected, worst)]

    def _hedged(self, seat: PlannedSeat) -> bool:
        options = self._options
        may = options.hedge == "same" and options.max_concurrency is None and self._plan.strategy != "single"
        return may and seat.slow_seconds is not None

    # ------------------------------------------------------------ who judges, and who writes

    def _judges(self, read: int, most_read: int) -> list[QuotedCall]:
        strategy = self._plan.strategy
        if strategy in ("single", "consensus", "advise", "field_vote") or len(self._plan.seats) == 1:
            return []
        turns = 2 if strategy == "rank" else 1
        expected = Tokens((self._prompt + read + _OUR_WORDS_TOKENS) * turns, _USUAL_VERDICT_TOKENS * turns)
        # Both orders, and a second turn in each, which reads the first reply as well.
        material = 2 * self._worst_prompt + most_read + _OUR_WORDS_TOKENS
        worst = Tokens(2 * (2 * material + JUDGE_MAX_TOKENS), 4 * JUDGE_MAX_TOKENS)
        first: When = "always" if strategy in _JUDGED else "if needed"
        return [
            self._call("judge", model, first if at == 0 else "if another fails", expected, worst)
            for at, model in enumerate(self._plan.judges)
        ]

    def _writer(self, read: int, most_read: int, longest: int) -> list[QuotedCall]:
        writer = self._plan.synthesizer
        if writer is None or self._plan.strategy not in _WRITTEN or self._plan.select_only:
            return []
        limit = self._request.output_limit or OUTPUT_TOKENS
        expected = Tokens(self._prompt + read + _USUAL_VERDICT_TOKENS + _OUR_WORDS_TOKENS, min(longest, limit))
        material = self._worst_prompt + most_read + JUDGE_MAX_TOKENS + _OUR_WORDS_TOKENS
        worst = Tokens(2 * material + limit, 2 * limit)  # once more where the first text doesn't do
        return [self._call("synthesizer", writer, "always", expected, worst)]

    def _call(
        self, role: Literal["judge", "synthesizer", "repair"], model: Model, when: When, expected: Tokens, worst: Tokens
    ) -> QuotedCall:
        return QuotedCall(
            role=role,
            model=model.id,
            maker=self._roster.profile(model.id).maker,
            when=when,
            expected=expected,
            worst=worst,
            expected_cost_usd=self._cost(model.id, expected),
            worst_cost_usd=self._cost(model.id, worst),
        )

    def _cost(self, model: str, tokens: Tokens) -> float | None:
        cost = self._roster.cost_nanodollars(model, Usage(input=tokens.input, output=tokens.output))
        return None if cost is None else cost / 1e9


def _sum(costs: Iterable[float | None]) -> float | None:
    known = list(costs)
    return None if None in known else round(sum(cost or 0.0 for cost in known), 9)


def quote_text(quote: Quote, dollars: Callable[[float | None], str] | None = None) -> str:
    """For people, a line for each call."""
    tell = dollars or _dollars
    lines = [
        f"A dry run: nobody was asked. {quote.model} would answer by {quote.strategy} (answer kind: {quote.kind}).",
        "",
    ]
    lines += [_line(call, tell) for call in quote.calls]
    lines += [
        "",
        f"Usually {tell(quote.expected_cost_usd)}, at worst {tell(quote.worst_cost_usd)}.",
        f"{quote.best_single_model} alone: usually {tell(quote.best_single_cost_usd)}.",
        "",
        *(f"- {reason}" for reason in quote.reasons),
        *(f"- Warning: {warning}" for warning in quote.warnings),
    ]
    return "\n".join(lines)


def _line(call: QuotedCall, tell: Callable[[float | None], str]) -> str:
    who = f"{call.role} {call.seat}" if call.seat is not None else call.role
    if call.when == "never":
        return f"{who}: {call.model}: left out, {call.reason}"
    when = "" if call.when == "always" else f", {call.when}"
    return f"{who}: {call.model}{when}: usually {tell(call.expected_cost_usd)}, at worst {tell(call.worst_cost_usd)}"


def _dollars(usd: float | None) -> str:
    return "an unknown amount" if usd is None else f"${usd:.6f}"
