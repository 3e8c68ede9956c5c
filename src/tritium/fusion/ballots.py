"""A panel's answers as ballots: what each seat says, made comparable, counted."""

from __future__ import annotations

from collections.abc import Sequence
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

    @property
    def majority(self) -> bool:
        return self.for_winner * 2 > self.counted

    @property
    def unanimous(self) -> bool:
        return self.for_winner == self.counted > 1

    def beyond_reach(self, seats: int) -> bool:
        """Whether those still out, of so many seats in all, could not change the winner."""
        return self.for_winner * 2 > seats


def count(answers: Sequence[SeatReport], kind: AnswerKind, question: str, strengths: Sequence[float]) -> Count:
    """Count the seats' answers; `strengths` are by seat number."""
    options = options_in(question) if kind == "option" else None
    ballots = [
        Ballot(
            Candidate(canonical(seat.text, kind, options, question=question), kind), seat.maker, strengths[seat.seat]
        )
        for seat in answers
    ]
    found = vote(ballots)
    table: list[dict[str, Any]] = [
        {"says": tally.canonical[:SHOWN_CHARACTERS], "seats": [answers[member].seat for member in tally.members]}
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
    )


def most_central(answers: Sequence[SeatReport], strengths: Sequence[float]) -> SeatReport:
    """The answer most like all the others; of equals the strongest member's. `strengths` are by seat number."""
    ranked = sorted(answers, key=lambda seat: (-strengths[seat.seat], seat.seat))
    return ranked[medoid([seat.text for seat in ranked])]
