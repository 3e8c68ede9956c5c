"""The vote: the answer with the most weight behind it wins; a tie goes to the strongest member, whose words are given.

Equal weights unless accuracies are known; then each ballot weighs log(p (k - 1) / (1 - p)): the optimal weight of an
independent voter who is right with probability p and errs evenly among k - 1 wrong answers (Nitzan & Paroush 1982 for
two answers; Li & Yu 2014 for k).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from msgspec import Struct

from tritium.fusion.answers import AnswerKind, Candidate, clusters

ACCURACY_FLOOR, ACCURACY_CEILING = 0.05, 0.97
"""Nobody is believed beyond these: measured accuracies are estimates, and one ballot must not outweigh a panel."""

CHOICES: Mapping[AnswerKind, float] = {"yes_no": 2, "option": 3, "number": 6}
OTHER_CHOICES = 6
"""Among how many answers the wrong ones spread, in effect: two members who are wrong agree in one case of k - 1.

Measured on recorded answers: half of the time with ten options, 10 to 30 % of the time in free-form mathematics.
"""


class Ballot(Struct, frozen=True):
    """One member's answer."""

    answer: Candidate
    maker: str = ""
    """Who trained the member; "" if that is not known."""
    strength: float = 0.0
    """Higher is better; only compared within one vote."""


class Tally(Struct, frozen=True):
    """The ballots for one answer."""

    canonical: str
    members: tuple[int, ...]
    """Indices of ballots, ascending."""
    weight: float
    strongest: int
    """The index of the strongest member; of equals the first."""
    makers: int
    """Distinct known makers."""


class VoteResult(Struct, frozen=True):
    """How a vote went. Shares are of the ballots that counted; abstentions are apart."""

    winner: str | None
    """The canonical answer; None if no ballot has one."""
    representative: int | None
    """The index of the strongest ballot for the winner, whose text is given verbatim."""
    clusters: tuple[Tally, ...]
    """Largest weight first; a tie is already broken."""
    abstentions: tuple[int, ...]
    """Ballots without a canonical answer."""
    agreement: float
    """Ballots for the winner by ballots that counted, 0 to 1."""
    weight_share: float
    """Weight for the winner by all weight, 0 to 1; equals `agreement` without accuracies."""
    makers_agreeing: int
    unanimous: bool
    """Two ballots or more counted, all for the winner."""
    tied: bool
    """Another answer has the same weight as the winner."""


def vote(
    ballots: Sequence[Ballot],
    *,
    weights: Sequence[float] | None = None,
    accuracies: Sequence[float] | None = None,
) -> VoteResult:
    """Count the ballots, each of weight 1, of its given weight, or of the log-odds of its member's accuracy.

    Raises:
        ValueError: both weights and accuracies are given, there is not one for each ballot, or a weight is negative.
    """
    each = _weights(ballots, weights, accuracies)
    found = clusters([ballot.answer for ballot in ballots])
    tallies = [_tally(cluster.canonical, cluster.members, ballots, each) for cluster in found]
    tallies.sort(key=lambda tally: (-tally.weight, *_weaker(tally.strongest, ballots)))
    counted = sum(len(tally.members) for tally in tallies)
    total = math.fsum(tally.weight for tally in tallies)
    first = tallies[0] if tallies else None
    return VoteResult(
        winner=first.canonical if first else None,
        representative=first.strongest if first else None,
        clusters=tuple(tallies),
        abstentions=tuple(at for at, ballot in enumerate(ballots) if ballot.answer.canonical is None),
        agreement=len(first.members) / counted if first else 0.0,
        weight_share=first.weight / total if first and total else 0.0,
        makers_agreeing=first.makers if first else 0,
        unanimous=len(tallies) == 1 and counted > 1,
        tied=len(tallies) > 1 and tallies[0].weight == tallies[1].weight,
    )


def log_odds_weight(accuracy: float, kind: AnswerKind) -> float:
    """What a ballot of a member with that accuracy weighs; 0 for one who is no better than chance."""
    right = min(max(accuracy, ACCURACY_FLOOR), ACCURACY_CEILING)
    return max(math.log(right * (CHOICES.get(kind, OTHER_CHOICES) - 1) / (1 - right)), 0.0)


def _weights(
    ballots: Sequence[Ballot], weights: Sequence[float] | None, accuracies: Sequence[float] | None
) -> Sequence[float]:
    if weights is not None and accuracies is not None:
        raise ValueError("A vote takes weights or accuracies, not both; leave one out.")
    given = weights if weights is not None else accuracies
    if given is None:
        return [1.0] * len(ballots)
    if len(given) != len(ballots):
        raise ValueError(f"{len(given)} weights for {len(ballots)} ballots; give one for each.")
    if weights is None:
        return [log_odds_weight(each, ballot.answer.kind) for each, ballot in zip(given, ballots, strict=True)]
    if any(not each >= 0 for each in weights):
        raise ValueError("A ballot's weight is negative or no number; the least weight is 0.")
    return weights


def _tally(canonical: str, members: tuple[int, ...], ballots: Sequence[Ballot], weights: Sequence[float]) -> Tally:
    return Tally(
        canonical=canonical,
        members=members,
        # Rounded so that equal sums tie, in whatever order they were added.
        weight=round(math.fsum(weights[member] for member in members), 9),
        strongest=min(members, key=lambda member: _weaker(member, ballots)),
        makers=len({ballots[member].maker for member in members} - {""}),
    )


def _weaker(member: int, ballots: Sequence[Ballot]) -> tuple[float, int]:
    """Sorts the strongest member first, equals by their seats."""
    return -ballots[member].strength, member
