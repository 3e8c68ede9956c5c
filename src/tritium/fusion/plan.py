"""The plan: who is asked, and how their answers will become one. One decision tree; each branch leaves its reason.

The order follows what the evidence says (literature on self-consistency, mixture-of-agents and agreement gates):
the output contract first, then closed answers by vote, then open ones by a judge and a writer.
"""

from __future__ import annotations

import random
from typing import Literal

from msgspec import Struct, field
from msgspec.structs import replace

from tritium.chat import ChatRequest
from tritium.errors import InvalidRequest
from tritium.fusion.actors import divide, with_named_first
from tritium.fusion.answers import AnswerKind, kind_of
from tritium.fusion.decision_tree import Question, decide
from tritium.fusion.escalation import Ladder, cheapest_first, with_last
from tritium.fusion.judges import Arbiters, choose_arbiters, kinship
from tritium.fusion.needs import Needs, cannot_do, needs_of
from tritium.fusion.options import FusionOptions, Seat
from tritium.fusion.roster import Roster
from tritium.fusion.seating import PlannedSeat, seat_panel
from tritium.fusion.tool_policy import ToolTurn, tool_turn
from tritium.fusion.weights import vote_weights
from tritium.model import Model


class Plan(Struct, frozen=True):
    kind: AnswerKind
    strategy: str
    """`single`, `cascade`, `vote`, `field_vote`, `rank`, `consensus` or `synthesize`; with the caller's tools also
    `advise` or `propose`."""
    seats: list[PlannedSeat]
    bench: list[PlannedSeat]
    """Who is asked instead of a seat that fails."""
    judges: list[Model]
    """Whom to ask for a verdict, in this order."""
    synthesizer: Model | None
    quorum: int
    order_seed: int
    reasons: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    escalation: PlannedSeat | None = None
    """The last of the seats, if it is only asked when the others don't agree."""
    arbiters: Arbiters = field(default_factory=Arbiters)
    """What is known of those who judge and write."""
    tools: Literal["advise", "vote", "passthrough"] | None = None
    """What becomes of the caller's tools; None where there are none to be called."""
    tools_reason: str = ""
    actors: list[PlannedSeat] = field(default_factory=list)
    """Who acts on the members' advice, with the caller's tools: the first of them that can be had."""
    weights: dict[int, float] | None = None
    """Of the votes, by seat; None where all weigh the same."""

    @property
    def panel(self) -> list[PlannedSeat]:
        """Who is asked before there is anything to agree on."""
        return [seat for seat in self.seats if seat is not self.escalation]

    @property
    def panel_weight(self) -> float:
        """Of all votes of the panel together."""
        return sum((self.weights or {}).get(seat.seat, 1.0) for seat in self.panel)

    @property
    def select_only(self) -> bool:
        """Two programs are never spliced into one."""
        return self.kind == "code"

    def strongest(self) -> PlannedSeat:
        able = [seat for seat in self.seats if seat.unfit is None]
        return max(able or self.seats, key=lambda seat: (seat.profile.strength, -seat.seat))


def make_plan(request: ChatRequest, options: FusionOptions, roster: Roster) -> Plan:
    """Decide everything that can be decided before anyone is asked.

    Raises:
        InvalidRequest: the options contradict each other.
        UnknownModel: a seat, the judge or the synthesizer goes by a name that nobody has, or there is no model at all.
    """
    reasons: list[str] = []
    needs = needs_of(request)
    seating = seat_panel(options, roster, needs, reasons)
    if options.quorum is not None and options.quorum > len(seating.seats):
        raise InvalidRequest(
            f"A quorum of {options.quorum} can't be met by {len(seating.seats)} seats.", param="fusion"
        )
    kind, why = kind_of(request.question(), request.system_text(), request.body.response_format)
    reasons.append(f"answer kind {kind}: {why}")
    ladder = _ladder(options, roster, seating.seats, needs)
    arbiters = choose_arbiters(options, roster, _able(ladder.seats), seating.bench, reasons)
    turn = tool_turn(request, options.tools, options.tools_cadence)
    members, judged = len(_able(seating.seats)), bool(arbiters.judges)
    question = Question(request, options, kind, turn, members, needs.prompt_tokens, judged=judged)
    strategy, why = decide(question)
    reasons += filter(None, (turn.reason, why))
    cast = _Casting(options, roster, needs, ladder, arbiters, turn, reasons).cast(strategy, seating.seats)
    able = [seat for seat in _able(cast.seats) if seat is not cast.escalation]
    voted = "open" if strategy == "propose" else kind
    weights, why = vote_weights(cast.seats, voted) if strategy in _VOTES else (None, "")
    reasons += [why] if why else []
    if options.layers > 1 and strategy != "synthesize":
        reasons.append("one layer: there are more only where one writes from them")
    return Plan(
        kind=kind,
        strategy=strategy,
        seats=cast.seats,
        bench=seating.bench,
        judges=cast.judges,
        synthesizer=cast.synthesizer,
        arbiters=arbiters,
        tools="passthrough" if turn.policy is not None and strategy == "single" else turn.policy,
        tools_reason=turn.reason,
        actors=cast.actors,
        quorum=1 if strategy == "single" else min(options.quorum or _quorum(able), len(able)) or 1,
        escalation=cast.escalation,
        weights=weights,
        order_seed=random.getrandbits(32) if options.seed is None else options.seed,
        reasons=reasons,
        warnings=_warnings(strategy, cast, arbiters),
    )


_VOTES = ("cascade", "vote", "field_vote", "propose")


class _Cast(Struct):
    """Who does what."""

    seats: list[PlannedSeat]
    judges: list[Model]
    synthesizer: Model | None
    escalation: PlannedSeat | None = None
    actors: list[PlannedSeat] = field(default_factory=list)


class _Casting(Struct, frozen=True):
    """Gives the parts of a strategy to the seats and the arbiters; `reasons` learn of it."""

    options: FusionOptions
    roster: Roster
    needs: Needs
    ladder: Ladder
    arbiters: Arbiters
    turn: ToolTurn
    reasons: list[str]

    def cast(self, strategy: str, seats: list[PlannedSeat]) -> _Cast:
        judges, synthesizer = self.arbiters.judges, self.arbiters.synthesizer
        match strategy:
            case "cascade" | "vote":
                if strategy == "cascade":
                    self.reasons.append(_told(self.ladder, self.options))
                return _Cast(self.ladder.seats, judges, synthesizer, self.ladder.last)
            case "synthesize" if self.options.strategy == "cascade":
                return self._one_strong_pen()
            case "single":
                return _Cast(self._strongest_first(seats), judges, synthesizer)
            case "advise":
                return self._advised(seats)
        return _Cast(seats, judges, synthesizer)

    def _one_strong_pen(self) -> _Cast:
        """Cheap drafts, one strong writer, no judge unless one was named: about what the strong model costs alone."""
        writer = self.arbiters.synthesizer
        seats = [seat for seat in self.ladder.seats if seat is not self.ladder.last]
        self.reasons.append(f"{writer.id if writer else 'nobody'} writes; nobody judges unless a judge is named")
        return _Cast(seats, self.arbiters.judges[:1] if self.options.judge else [], writer)

    def _strongest_first(self, seats: list[PlannedSeat]) -> list[PlannedSeat]:
        """The next one is asked only if the one before it fails to answer at all."""
        if self.options.strategy == "self" or self.options.panel is None:  # warm samples are for a panel
            seats = [replace(seat, settings=Seat(seat.settings.model)) for seat in seats]
        ranked = _strongest_first(seats, self.roster, self.needs)
        if self.turn.policy is not None or self.options.mode == "auto":
            return with_named_first(ranked, self.options.synthesizer, self.roster)
        return ranked

    def _advised(self, seats: list[PlannedSeat]) -> _Cast:
        ranked = _strongest_first(seats, self.roster, self.needs)
        advisers, actors = divide(with_named_first(ranked, self.options.synthesizer, self.roster), seats)
        self.reasons.append(f"{actors[0].model.id} acts")
        return _Cast(advisers, self.arbiters.judges, actors[0].model, actors=actors)


def _able(seats: list[PlannedSeat]) -> list[PlannedSeat]:
    return [seat for seat in seats if seat.unfit is None]


def _warnings(strategy: str, cast: _Cast, arbiters: Arbiters) -> list[str]:
    if strategy not in ("synthesize", "rank") or not cast.judges:
        return []
    first = cast.judges[0].id
    kin = kinship(first, arbiters.makers[first], ((each.model.id, each.profile.maker) for each in cast.seats))
    return [kin] if kin else []


def _ladder(options: FusionOptions, roster: Roster, seats: list[PlannedSeat], needs: Needs) -> Ladder:
    if options.strategy == "cascade":
        return cheapest_first(seats, options, roster, needs.prompt_tokens)
    return with_last(seats, options, roster)


def _told(ladder: Ladder, options: FusionOptions) -> str:
    names = [seat.model.id for seat in _able(ladder.seats) if seat is not ladder.last]
    parts = [f"at once {', '.join(names[: options.start])}"]
    if names[options.start :]:
        parts.append(f"then in turn {', '.join(names[options.start :])}")
    if ladder.last is not None:
        parts.append(f"{ladder.last.model.id} if {options.agree} do not agree")
    return "; ".join(parts)


def _quorum(seats: list[PlannedSeat]) -> int:
    """Of a panel of weak members everyone is waited for: the best of them is the slowest, and the rest are no match."""
    return len(seats) if all(seat.profile.weak for seat in seats) else default_quorum(len(seats))


def default_quorum(seats: int) -> int:
    """Two of three: 1, 2, 2, 3, 4, 4, 5, 6 of 1 to 8."""
    return seats - seats // 3


def _strongest_first(seats: list[PlannedSeat], roster: Roster, needs: Needs) -> list[PlannedSeat]:
    """Those that are known to lack something come last."""

    def place(seat: PlannedSeat) -> tuple[bool, bool, float, int]:
        lacks = (needs.tools or needs.structured) and cannot_do(roster.facts(seat.model.id), needs) is not None
        return seat.unfit is not None, lacks, -seat.profile.strength, seat.seat

    return [replace(seat, seat=at) for at, seat in enumerate(sorted(seats, key=place))]
