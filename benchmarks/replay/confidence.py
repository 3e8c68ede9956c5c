"""A probability that an answer is right, fitted on development items, and how far it is off on the others.

A panel's curve (tritium/fusion/calibration_fit.py) is fitted on its own development items and on what the engine makes
of the same items with panels like it (alike.py), all together weighing as much as there are items; and is pulled toward
the curve of all arms of the set. That this is better than a panel's own items alone, and by how much to pull, was found
by cross-validated log loss within the development items. A curve pulled toward other sets' was worse. The gain is
small (1.8 % of log loss) and has not carried over: on held-out items neither log loss nor error is lower for it.

Error: expected calibration error over ten bins of equal width (Naeini et al. 2015). The same over ten bins that are
equally full is told beside it. Both are above zero by chance, so two yardsticks are told as well: what a curve that is
exactly true would get on so few items (`calibration_floor`), and what one would that has the true form but had to be
fitted on so few (`calibration_expectation`). Where that is above a bar, the items can't show whether it is kept.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from msgspec import Struct

from replay.trial import Outcome
from tritium.fusion.calibration import Logistic
from tritium.fusion.calibration_fit import Observed, fit

BINS = 10
SIMULATIONS = 100


class Evidence(Struct, frozen=True):
    """What an arm's curve is fitted on, all of development items."""

    own: list[Outcome]
    alike: list[list[Outcome]]
    """The same items, asked of panels like the arm's."""

    def observed(self) -> list[Observed]:
        """Each panel weighs the same; together they weigh as the items."""
        panels = [self.own, *self.alike]
        return [_observed(each, 1 / len(panels)) for panel in panels for each in panel]


def fit_all(arms: Sequence[Evidence]) -> Logistic:
    """One curve for all arms of a set, who weigh the same; together they weigh as the items."""
    return fit(
        [Observed(each.share, each.how, each.right, each.weight / len(arms)) for arm in arms for each in arm.observed()]
    )


def confidence(curve: Logistic, outcome: Outcome) -> float:
    """An answer that nobody could count is one that nobody agreed on."""
    return curve.at(outcome.agreement or 0.0, outcome.how)


def calibration_error(outcomes: Sequence[Outcome], curve: Logistic) -> float:
    """Mean distance between confidence and the share that is right, by bin, weighted by how many fall into it."""
    return _error([confidence(curve, outcome) for outcome in outcomes], [outcome.right for outcome in outcomes])


def equally_filled_error(outcomes: Sequence[Outcome], curve: Logistic) -> float:
    """The same over bins of equally many answers; those of one confidence are spread over bins as they come."""
    ordered = sorted(((confidence(curve, outcome), outcome.right) for outcome in outcomes), key=lambda pair: pair[0])
    count = len(ordered)
    bins = [ordered[at * count // BINS : (at + 1) * count // BINS] for at in range(BINS)]
    return sum(abs(sum(chance - right for chance, right in each)) for each in bins) / count


def calibration_floor(outcomes: Sequence[Outcome], curve: Logistic) -> float:
    """What the error would be by chance alone, were every confidence exactly true."""
    draw = random.Random(1)
    chances = [confidence(curve, outcome) for outcome in outcomes]
    errors = [_error(chances, _labels(chances, draw)) for _ in range(SIMULATIONS)]
    return sum(errors) / SIMULATIONS


def calibration_expectation(own: Sequence[Outcome], outcomes: Sequence[Outcome], curve: Logistic) -> float:
    """What it would be, were `curve` the truth and had it to be found from the labels of `own` alone."""
    draw = random.Random(2)
    told, untold = ([confidence(curve, each) for each in side] for side in (own, outcomes))
    total = 0.0
    for _ in range(SIMULATIONS):
        labels = _labels(told, draw)
        found = fit([_observed(each, 1.0, right=label) for each, label in zip(own, labels, strict=True)])
        total += _error([confidence(found, each) for each in outcomes], _labels(untold, draw))
    return total / SIMULATIONS


def _observed(outcome: Outcome, weight: float, *, right: bool | None = None) -> Observed:
    return Observed(outcome.agreement or 0.0, outcome.how, outcome.right if right is None else right, weight)


def _labels(chances: Sequence[float], draw: random.Random) -> list[bool]:
    return [draw.random() < chance for chance in chances]


def _error(chances: Sequence[float], labels: Sequence[bool]) -> float:
    surplus = [0.0] * BINS
    for chance, label in zip(chances, labels, strict=True):
        surplus[min(int(chance * BINS), BINS - 1)] += chance - label
    return sum(map(abs, surplus)) / len(chances)
