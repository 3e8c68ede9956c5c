"""The order in which a cascade asks: cheap members of different makers first, the strong model last.

Two cheap models of different makers who say the same are the cheapest reliable sign of a right answer (agreement gates;
literature on cascades): the price decides who begins, strength who has the last word.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from tritium.errors import InvalidRequest
from tritium.fusion.automatic_panel import expected_nanodollars
from tritium.fusion.options import FusionOptions, Seat
from tritium.fusion.roster import Roster
from tritium.fusion.seating import PlannedSeat

FEWEST = 2
"""Seats that must be left for a panel when its strongest is kept for last: one alone can't agree with anybody."""


class Ladder(Struct, frozen=True):
    """Seats numbered in the order in which they are asked; `last`, if there is one, has the last number."""

    seats: list[PlannedSeat]
    last: PlannedSeat | None


def cheapest_first(seats: Sequence[PlannedSeat], options: FusionOptions, roster: Roster, prompt_tokens: int) -> Ladder:
    """The panel of a cascade.

    Nobody is asked who was not named or chosen for the panel: what is strong and can be reached is no reason to send
    it somebody's question.

    Raises:
        UnknownModel: the model to escalate to goes by a name that nobody has.
        InvalidRequest: more must agree than sit on the panel.
    """
    last = _last(seats, options, roster)
    panel = [seat for seat in seats if last is None or (seat is not last and seat.model.id != last.model.id)]
    if options.agree > max(len(panel), FEWEST):
        raise InvalidRequest(
            f"A cascade in which {options.agree} must agree needs as many seats beside the one it escalates to; it has "
            f"{len(panel)}. Give it a larger 'panel', or lower 'agree'.",
            param="fusion",
        )
    return _numbered(_by_price(panel, options.start, roster, prompt_tokens), last)


def with_last(seats: Sequence[PlannedSeat], options: FusionOptions, roster: Roster) -> Ladder:
    """A panel as it is, with the model that was named to be asked when it is split; a seat of its own is taken for it.

    Raises:
        UnknownModel: nobody goes by that name.
    """
    last = _last(seats, options, roster) if options.escalate else None
    if last is None:
        return Ladder(list(seats), None)
    panel = [seat for seat in seats if seat.model.id != last.model.id]
    return _numbered(panel or seats, last if panel else None)


def _last(seats: Sequence[PlannedSeat], options: FusionOptions, roster: Roster) -> PlannedSeat | None:
    if options.escalate:
        model = roster.resolve(options.escalate)
        own = next((seat for seat in seats if seat.model.id == model.id), None)
        return own or PlannedSeat(-1, Seat(options.escalate), model, roster.profile(options.escalate))
    able = [seat for seat in seats if seat.unfit is None]
    if len(able) <= FEWEST or len({seat.model.id for seat in able}) == 1:
        return None
    strongest = max(able, key=lambda seat: (seat.profile.strength, -seat.seat))
    others = [seat for seat in able if seat.model.id != strongest.model.id]
    return strongest if len(others) >= FEWEST else None


def _by_price(seats: Sequence[PlannedSeat], start: int, roster: Roster, prompt_tokens: int) -> list[PlannedSeat]:
    """Cheapest first, of equals the strongest; those who begin are of as many makers as there are."""

    def place(seat: PlannedSeat) -> tuple[bool, bool, int, float, int]:
        cost = expected_nanodollars(roster, seat.model.id, prompt_tokens)
        return seat.unfit is not None, cost is None, cost or 0, -seat.profile.strength, seat.seat

    ranked = sorted(seats, key=place)
    of_maker: dict[str, PlannedSeat] = {}
    for seat in ranked:
        if seat.unfit is None:
            of_maker.setdefault(seat.profile.maker, seat)
    first = list(of_maker.values())[:start]
    return first + [seat for seat in ranked if seat not in first]


def _numbered(seats: Sequence[PlannedSeat], last: PlannedSeat | None) -> Ladder:
    numbered = [replace(seat, seat=at) for at, seat in enumerate([*seats, *([last] if last else [])])]
    return Ladder(numbered, numbered[-1] if last else None)
