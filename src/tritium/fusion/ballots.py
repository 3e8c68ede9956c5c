"""A panel's answers as ballots: what each seat says, made comparable, counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from tritium.fusion.answer_kind import AnswerKind
from tritium.fusion.answers import Candidate, canonical, options_in
from tritium.fusion.medoid import medoid
from tritium.fusion.run import SeatReport
from tritium.fusion.vote import Ballot, vote

SHOWN_CHARACTERS = 200
"""Of what a cluster says, in a run's table of votes."""


class Count(Struct, frozen=True):
    """How a panel voted, in terms of its seats."""

    winner: SeatReport | None
    """The strongest of those who give the winning answer; None if no answer could be counted."""
    says: str
    for_winner: int
    counted: int
    agreement: float | None
    makers: int
    table: list[dict[str, Any]]
    """By answer: what it says, whose seats, and its weight, where votes weigh differently."""
    weight: float
    """Of the winner's votes; their number, where all weigh the same."""
    share: float
    """Of that weight in all that counted."""
    weighed: str = ""

    def majority(self, threshold: float = 0.5) -> bool:
        """Whether more than that share of the weight is for the winner."""
        return self.share > threshold

    @property
    def unanimous(self) -> bool:
        return self.for_winner == self.counted > 1

    def beyond_reach(self, panel_weight: float, threshold: float = 0.5) -> bool:
        """Whether those still out, of a panel that weighs so much in all, could not change the winner."""
        return self.weight > threshold * panel_weight


def count(
    answers: Sequence[SeatReport],
    kind: AnswerKind,
    question: str,
    strengths: Sequence[float],
    weights: Mapping[int, float] | None = None,
) -> Count:
    """Count the seats' answers; `strengths` and `weights` are by seat number. Without weights all weigh 1."""
    options = options_in(question) if kind == "option" else None
    ballots = [
        Ballot(
            Candidate(canonical(seat.text, kind, options, question=question), kind), seat.maker, strengths[seat.seat]
        )
        for seat in answers
    ]
    found = vote(ballots, weights=None if weights is None else [weights.get(seat.seat, 1.0) for seat in answers])
    table: list[dict[str, Any]] = [
        {
            "says": tally.canonical[:SHOWN_CHARACTERS],
            "seats": [answers[member].seat for member in tally.members],
            **({} if weights is None else {"weight": round(tally.weight, 3)}),
        }
        for tally in found.clusters
    ]
    if found.abstentions:
        table.append({"says": None, "seats": [answers[member].seat for member in found.abstentions]})
    first = found.clusters[0] if found.clusters else None
    return Count(
        winner=None if found.representative is None else answers[found.representative],
        says=(found.winner or "")[:SHOWN_CHARACTERS],
        for_winner=len(first.members) if first else 0,
        counted=len(ballots) - len(found.abstentions),
        agreement=len(first.members) / len(answers) if first else None,
        makers=found.makers_agreeing,
        table=table,
        weight=first.weight if first else 0.0,
        share=found.weight_share,
        weighed="" if weights is None else f", with {found.weight_share:.0%} of the weight",
    )


def most_central(answers: Sequence[SeatReport], strengths: Sequence[float]) -> SeatReport:
    """The answer most like all the others; of equals the strongest member's. `strengths` are by seat number."""
    ranked = sorted(answers, key=lambda seat: (-strengths[seat.seat], seat.seat))
    return ranked[medoid([seat.text for seat in ranked])]
