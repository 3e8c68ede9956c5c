"""What each seat's vote weighs: as was said, else by how often its model is right, else all the same."""

from __future__ import annotations

from collections.abc import Sequence

from tritium.fusion.answer_kind import AnswerKind
from tritium.fusion.seating import PlannedSeat
from tritium.fusion.vote import log_odds_weight


def vote_weights(seats: Sequence[PlannedSeat], kind: AnswerKind) -> tuple[dict[int, float] | None, str]:
    """Weights by seat number, and why; None where all weigh the same.

    Accuracies count only if that of every seat is known: weights of some seats beside guesses for the others would be
    worse than none.
    """
    if any(seat.settings.weight is not None for seat in seats):
        given = {seat.seat: 1.0 if seat.settings.weight is None else seat.settings.weight for seat in seats}
        return given, "votes weigh as was said"
    known = {seat.seat: accuracy for seat in seats if (accuracy := _accuracy(seat, kind)) is not None}
    if not known or len(known) < len(seats):
        return None, ""
    weights = {number: log_odds_weight(accuracy, kind) for number, accuracy in known.items()}
    shown = ", ".join(f"{seat.model.id} {known[seat.seat]:.0%}" for seat in seats)
    return weights, f"votes weigh by accuracy ({shown})"


def _accuracy(seat: PlannedSeat, kind: AnswerKind) -> float | None:
    if seat.settings.accuracy is not None:
        return seat.settings.accuracy
    return seat.profile.accuracies.get(kind)
