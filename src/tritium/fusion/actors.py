"""Who acts with the caller's tools, and who advises: the named synthesizer or the strongest acts, the others advise."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from tritium.fusion.options import Seat
from tritium.fusion.roster import Roster
from tritium.fusion.seating import PlannedSeat

ACTING = -2
"""The number of one who acts: it is on no seat."""


def with_named_first(ranked: Sequence[PlannedSeat], named: str | None, roster: Roster) -> list[PlannedSeat]:
    """The seats, strongest first, led by the model that was named to act."""
    if named is None:
        return list(ranked)
    model = roster.resolve(named)
    own = [seat for seat in ranked if seat.model.id == model.id]
    first = own[0] if own else PlannedSeat(0, Seat(named), model, roster.profile(named))
    others = [seat for seat in ranked if seat.model.id != model.id]
    return [replace(seat, seat=at) for at, seat in enumerate([first, *others])]


def divide(ranked: Sequence[PlannedSeat], seats: Sequence[PlannedSeat]) -> tuple[list[PlannedSeat], list[PlannedSeat]]:
    """The advisers, in their order on the panel, and who may act, the first choice first.

    The acting model needs no advice of its own, unless the whole panel is that one model. `ranked` are all seats, the
    acting model's first.
    """
    able = [seat for seat in ranked if seat.unfit is None] or list(ranked)
    actors = [replace(seat, seat=ACTING) for seat in {seat.model.id: seat for seat in reversed(able)}.values()][::-1]
    advisers = [seat for seat in seats if seat.model.id != actors[0].model.id] or list(seats)
    return [replace(seat, seat=at) for at, seat in enumerate(advisers)], actors
