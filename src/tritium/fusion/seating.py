"""Who sits on the panel, and who waits on the bench: as given, several times one model, or chosen automatically."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from tritium.errors import UnknownModel
from tritium.fusion.automatic_panel import PriceCap, choose_panel
from tritium.fusion.needs import Needs, cannot_read
from tritium.fusion.options import FusionOptions, Seat
from tritium.fusion.roster import Profile, Roster
from tritium.model import Model


class PlannedSeat(Struct, frozen=True):
    seat: int
    settings: Seat
    model: Model
    profile: Profile
    unfit: str | None = None
    """Why it is not asked, though it is on the panel that was given."""
    text_only: bool = False
    """It can't take what was sent along, and is asked without."""
    slow_seconds: float | None = None
    """Nearly always it has begun to answer by then."""


class Seating(Struct, frozen=True):
    seats: list[PlannedSeat]
    bench: list[PlannedSeat]
    """Who is asked instead of a seat that fails, in this order; they have no number yet."""


def seat_panel(options: FusionOptions, roster: Roster, needs: Needs, reasons: list[str]) -> Seating:
    """Seat the panel; `reasons` get a sentence for whatever was decided.

    Raises:
        UnknownModel: a seat goes by a name that nobody has, or there is no model at all.
        InvalidRequest: of the models there are, none can do what the request needs.
    """
    settings, bench = options.seats(), [each if isinstance(each, Seat) else Seat(each) for each in options.bench or ()]
    given = bool(settings)
    if not given:
        cap = PriceCap(options.max_seat_cost_usd, options.max_seat_cost_ratio)
        choice = choose_panel(roster, needs, cap, cheap=options.strategy == "cascade")
        if not choice.names:
            raise UnknownModel(
                "There is no model to ask: no provider key is set, no local server answers, no embedded model is "
                "installed. Set a key such as OPENAI_API_KEY, or run `tritium models install tiny`.",
                param="model",
            )
        reasons += choice.reasons
        settings = [Seat(name) for name in choice.names]
        if options.bench is None:
            bench = [Seat(name) for name in choice.bench]
    if options.strategy == "self" or (options.panel is None and len(settings) == 1):
        best = max(settings, key=lambda seat: roster.profile(seat.model).strength)
        reasons.append(f"self-fusion: {options.samples} samples of {best.model}")
        settings = _samples(best, options)
    seats = [_planned(index, seat, roster) for index, seat in enumerate(settings)]
    if given:
        seats = _checked(seats, options, roster, needs, reasons)
    return Seating(seats, [_planned(-1, seat, roster) for seat in bench])


def _planned(index: int, seat: Seat, roster: Roster) -> PlannedSeat:
    model, profile = roster.resolve(seat.model), roster.profile(seat.model)
    return PlannedSeat(index, seat, model, profile, slow_seconds=roster.pace(seat.model).slow_seconds)


def _samples(best: Seat, options: FusionOptions) -> list[Seat]:
    """The same model several times: apart in seed, and warm enough to differ (0.7, as in self-consistency)."""
    temperature = 0.7 if best.temperature is None else best.temperature
    seed = best.seed if best.seed is not None else options.seed
    return [
        replace(best, count=1, temperature=temperature, seed=None if seed is None else seed + index)
        for index in range(options.samples)
    ]


def _checked(
    seats: Sequence[PlannedSeat], options: FusionOptions, roster: Roster, needs: Needs, reasons: list[str]
) -> list[PlannedSeat]:
    """The seats, those marked that can't read the request; nobody is marked if all would be: we may know too little."""
    if not needs.inputs and needs.prompt_tokens < SHORT_TOKENS:
        return list(seats)
    checked = [_fitted(seat, options, roster, needs) for seat in seats]
    if all(seat.unfit for seat in checked):
        reasons.append(f"no seat is known to be able ({checked[0].unfit}): all are asked as they are")
        return list(seats)
    reasons += [f"seat {seat.seat} is left out, {seat.model.id}: {seat.unfit}" for seat in checked if seat.unfit]
    reasons += [f"seat {seat.seat}, {seat.model.id}, gets the text only" for seat in checked if seat.text_only]
    return checked


SHORT_TOKENS = 1000
"""Of a prompt that every model has room for."""


def _fitted(seat: PlannedSeat, options: FusionOptions, roster: Roster, needs: Needs) -> PlannedSeat:
    facts = roster.facts(seat.model.id)
    why = cannot_read(facts, needs)
    if why is None:
        return seat
    if options.blind_seats == "text" and cannot_read(facts, replace(needs, inputs=frozenset())) is None:
        return replace(seat, text_only=True)
    return replace(seat, unfit=why)
