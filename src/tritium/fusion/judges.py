"""Who judges and who writes: whoever was named; else a judge that is no weaker than the members and none of their kin.

Judges prefer what they have written themselves or could have (Panickssery et al. 2024, "LLM Evaluators Recognize and
Favor Their Own Generations"), so one of another maker is taken where there is one. Nobody is asked that the caller or
the automatic panel didn't bring up: what a judge reads is everything that was said.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct, field

from tritium.fusion.options import FusionOptions
from tritium.fusion.roster import Facts, Roster
from tritium.fusion.seating import PlannedSeat
from tritium.model import Model

JUDGES = 2
"""Who is asked for a verdict, one after the other failing."""


class Arbiters(Struct, frozen=True):
    judges: list[Model] = field(default_factory=list)
    """In the order in which they are asked."""
    synthesizer: Model | None = None
    facts: dict[str, Facts] = field(default_factory=dict)
    """What is known of each of them, by name."""
    makers: dict[str, str] = field(default_factory=dict)


def choose_arbiters(
    options: FusionOptions,
    roster: Roster,
    seats: Sequence[PlannedSeat],
    bench: Sequence[PlannedSeat],
    reasons: list[str],
) -> Arbiters:
    """Choose among the members and the bench, each fit for it; strongest first.

    Raises:
        UnknownModel: the judge or the synthesizer goes by a name that nobody has.
    """
    fit: dict[str, Model] = {seat.model.id: seat.model for seat in _ranked(seats) if not seat.profile.weak}
    judges = [roster.resolve(options.judge)] if options.judge else _outsider(seats, bench, reasons)
    taken = {judge.id for judge in judges}
    judges += [model for name, model in fit.items() if name not in taken][: JUDGES - len(judges)]
    if options.synthesizer:
        writer: Model | None = roster.resolve(options.synthesizer)
    else:
        writer = next(iter(fit.values()), judges[0] if judges else None)
    everybody = [*judges, writer] if writer else judges
    return Arbiters(
        judges,
        writer,
        {model.id: roster.facts(model.id) for model in everybody},
        {model.id: roster.profile(model.id).maker for model in everybody},
    )


def _outsider(seats: Sequence[PlannedSeat], bench: Sequence[PlannedSeat], reasons: list[str]) -> list[Model]:
    strongest = max((seat.profile.strength for seat in seats), default=0.0)
    makers = {seat.profile.maker for seat in seats}
    for each in _ranked(bench):
        if not each.profile.weak and each.profile.strength >= strongest and each.profile.maker not in makers:
            reasons.append(f"{each.model.id} judges: it is of another maker than the members and no weaker")
            return [each.model]
    return []


def _ranked(seats: Sequence[PlannedSeat]) -> list[PlannedSeat]:
    return sorted(seats, key=lambda seat: (-seat.profile.strength, seat.seat))


def kinship(judge: str, maker: str | None, members: Iterable[tuple[str, str]]) -> str | None:
    """Why a judge may be partial to one of the members (model and maker), or None."""
    members = list(members)
    if judge in {model for model, _ in members}:
        return f"kinship: the judge {judge} also sits on the panel and may prefer its own answer"
    kin = dict.fromkeys(model for model, made_by in members if made_by == maker)
    if kin:
        return f"kinship: the judge {judge} is {maker}'s as {' and '.join(kin)} and may prefer what is like its own"
    return None
