"""The plan: who is asked, and how their answers will become one. One decision tree; each branch leaves its reason.

The order follows what the evidence says (literature on self-consistency, mixture-of-agents and agreement gates):
the output contract first, then closed answers by vote, then open ones by a judge and a writer.
"""

from __future__ import annotations

import random

from msgspec import Struct, field

from tritium.chat import ChatRequest
from tritium.errors import InvalidRequest, UnknownModel
from tritium.fusion.answers import AnswerKind, kind_of
from tritium.fusion.options import FusionOptions, Seat
from tritium.fusion.roster import Profile, Roster
from tritium.model import Model

CLOSED: frozenset[AnswerKind] = frozenset(("number", "option", "yes_no", "date", "short", "json"))


class PlannedSeat(Struct, frozen=True):
    seat: int
    settings: Seat
    model: Model
    profile: Profile


class Plan(Struct, frozen=True):
    kind: AnswerKind
    strategy: str
    """`single`, `vote`, `consensus` or `synthesize`."""
    seats: list[PlannedSeat]
    judges: list[Model]
    """Whom to ask for a verdict, in this order."""
    synthesizer: Model | None
    quorum: int
    order_seed: int
    reasons: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def select_only(self) -> bool:
        """Two programs are never spliced into one."""
        return self.kind == "code"

    def strongest(self) -> PlannedSeat:
        return max(self.seats, key=lambda seat: (seat.profile.strength, -seat.seat))


def make_plan(request: ChatRequest, options: FusionOptions, roster: Roster) -> Plan:
    """Decide everything that can be decided before anyone is asked.

    Raises:
        InvalidRequest: the options contradict each other.
        UnknownModel: a seat, the judge or the synthesizer goes by a name that nobody has, or there is no model at all.
    """
    reasons: list[str] = []
    seats = _seats(options, roster, reasons)
    if options.quorum is not None and options.quorum > len(seats):
        raise InvalidRequest(f"A quorum of {options.quorum} can't be met by {len(seats)} seats.", param="fusion")
    kind, why = kind_of(request.question(), request.system_text(), request.body.response_format)
    reasons.append(f"answer kind {kind}: {why}")
    judges, synthesizer = _bench(options, roster, seats)
    strategy = _strategy(request, options, kind, judges, reasons)
    if strategy == "single":
        # Strongest first: the next one is asked only if the one before it fails to answer at all.
        ranked = sorted(seats, key=lambda seat: (-seat.profile.strength, seat.seat))
        seats = [PlannedSeat(at, seat.settings, seat.model, seat.profile) for at, seat in enumerate(ranked)]
    warnings = []
    if strategy == "synthesize" and judges and judges[0].id in {seat.model.id for seat in seats}:
        warnings.append(f"kinship: the judge {judges[0].id} also sits on the panel and may prefer its own answer")
    return Plan(
        kind=kind,
        strategy=strategy,
        seats=seats,
        judges=judges,
        synthesizer=synthesizer,
        quorum=1 if strategy == "single" else min(options.quorum or _quorum(seats), len(seats)),
        order_seed=random.getrandbits(32) if options.seed is None else options.seed,
        reasons=reasons,
        warnings=warnings,
    )


def _quorum(seats: list[PlannedSeat]) -> int:
    """Of a panel of weak members everyone is waited for: the best of them is the slowest, and the rest are no match."""
    return len(seats) if all(seat.profile.weak for seat in seats) else default_quorum(len(seats))


def default_quorum(seats: int) -> int:
    """Two of three: 1, 2, 2, 3, 4, 4, 5, 6 of 1 to 8."""
    return seats - seats // 3


def _seats(options: FusionOptions, roster: Roster, reasons: list[str]) -> list[PlannedSeat]:
    settings = options.seats()
    if not settings:
        names = roster.automatic_panel()
        if not names:
            raise UnknownModel(
                "There is no model to ask: no provider key is set, no local server answers, no embedded model is "
                "installed. Set a key such as OPENAI_API_KEY, or run `tritium models install tiny`.",
                param="model",
            )
        reasons.append(f"automatic panel of what is reachable: {', '.join(names)}")
        settings = [Seat(name) for name in names]
    if options.strategy == "self" or (options.panel is None and len(settings) == 1):
        best = max(settings, key=lambda seat: roster.profile(seat.model).strength)
        reasons.append(f"self-fusion: {options.samples} samples of {best.model}")
        settings = _samples(best, options)
    return [
        PlannedSeat(index, seat, roster.resolve(seat.model), roster.profile(seat.model))
        for index, seat in enumerate(settings)
    ]


def _samples(best: Seat, options: FusionOptions) -> list[Seat]:
    """The same model several times: apart in seed, and warm enough to differ (0.7, as in self-consistency)."""
    temperature = 0.7 if best.temperature is None else best.temperature
    seed = best.seed if best.seed is not None else options.seed
    return [
        Seat(best.model, 1, temperature, None if seed is None else seed + index, best.max_tokens)
        for index in range(options.samples)
    ]


def _bench(options: FusionOptions, roster: Roster, seats: list[PlannedSeat]) -> tuple[list[Model], Model | None]:
    """The judges in order, and the writer: whoever was named, else the strongest of the panel that is fit for it."""
    ranked = sorted(seats, key=lambda seat: (-seat.profile.strength, seat.seat))
    fit: dict[str, Model] = {seat.model.id: seat.model for seat in ranked if not seat.profile.weak}
    judges = [roster.resolve(options.judge)] if options.judge else []
    judges += [model for model in fit.values() if model.id not in {judge.id for judge in judges}][: 2 - len(judges)]
    if options.synthesizer:
        return judges, roster.resolve(options.synthesizer)
    return judges, next(iter(fit.values()), judges[0] if judges else None)


def _strategy(
    request: ChatRequest,
    options: FusionOptions,
    kind: AnswerKind,
    judges: list[Model],
    reasons: list[str],
) -> str:
    body = request.body
    if body.tools:
        reasons.append("the caller's tools go to one model: the strongest")
        return "single"
    if (body.n or 1) > 1 or body.logprobs:
        reasons.append("several choices or log probabilities are one model's to give")
        return "single"
    if not options.enabled or options.strategy == "single":
        reasons.append("one model was asked for")
        return "single"
    if options.strategy in ("vote", "consensus"):
        reasons.append(f"{options.strategy} was asked for")
        return options.strategy
    if options.strategy == "synthesize":
        if not judges:
            reasons.append("no model here is fit to judge: the most central answer is taken instead of a synthesis")
            return "consensus"
        reasons.append("synthesis was asked for")
        return "synthesize"
    if kind in CLOSED:
        reasons.append("a closed answer is voted on")
        return "vote"
    if not judges:
        reasons.append("an open answer, and no model here is fit to judge: the most central answer is taken")
        return "consensus"
    reasons.append("an open answer is judged and written anew")
    return "synthesize"
