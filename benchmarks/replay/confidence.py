"""A probability that an answer is right, fitted on development items, and how far it is off on the others.

A logistic curve over what a run says of itself: the share of seats that agree (Platt 1999), moved by how the answer was
come by. Priors (ridge) keep it finite where all development items of a sort were right, and hold it near the curve
where there are few of a sort. Error: expected calibration error over
ten equal bins (Naeini et al. 2015).
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Sequence

from replay.trial import Outcome

SHARE_RIDGE, WAY_RIDGE = 0.05, 1.0

BINS = 10
STEPS = 30
SIMULATIONS = 100


def fit(outcomes: Sequence[Outcome]) -> Callable[[Outcome], float]:
    """The map, by Newton's method."""
    ways = [way for way, _ in Counter(outcome.how for outcome in outcomes).most_common()][1:]
    ridge = [0.0, SHARE_RIDGE, *(WAY_RIDGE for _ in ways)]

    def features(outcome: Outcome) -> list[float]:
        share = outcome.agreement or 0.0
        return [1.0, share - 1.0, *(float(outcome.how == way) for way in ways)]

    rows = [features(outcome) for outcome in outcomes]
    weights = [0.0] * (2 + len(ways))
    for _ in range(STEPS):
        weights = _step(weights, rows, [outcome.right for outcome in outcomes], ridge)
    return lambda outcome: _chance(weights, features(outcome))


def _step(
    weights: list[float], rows: Sequence[list[float]], right: Sequence[bool], ridge: Sequence[float]
) -> list[float]:
    size = len(weights)
    slope = [-prior * weight for prior, weight in zip(ridge, weights, strict=True)]
    curve = [[(ridge[at] + 1e-9) * (at == other) for other in range(size)] for at in range(size)]
    for row, label in zip(rows, right, strict=True):
        chance = _chance(weights, row)
        for at in range(size):
            slope[at] += (label - chance) * row[at]
            for other in range(size):
                curve[at][other] += chance * (1 - chance) * row[at] * row[other]
    move = _solved(curve, slope)
    longest = max(map(abs, move))
    return [weight + each / max(longest, 1.0) for weight, each in zip(weights, move, strict=True)]


def _chance(weights: Sequence[float], row: Sequence[float]) -> float:
    total = sum(weight * each for weight, each in zip(weights, row, strict=True))
    return 1 / (1 + math.exp(-min(max(total, -30.0), 30.0)))


def _solved(matrix: list[list[float]], values: list[float]) -> list[float]:
    """Gaussian elimination with pivoting; the matrix is small and positive definite."""
    rows = [[*row, value] for row, value in zip(matrix, values, strict=True)]
    size = len(rows)
    for at in range(size):
        pivot = max(range(at, size), key=lambda each: abs(rows[each][at]))
        rows[at], rows[pivot] = rows[pivot], rows[at]
        for below in range(at + 1, size):
            factor = rows[below][at] / rows[at][at]
            rows[below] = [each - factor * above for each, above in zip(rows[below], rows[at], strict=True)]
    found = [0.0] * size
    for at in reversed(range(size)):
        known = sum(rows[at][other] * found[other] for other in range(at + 1, size))
        found[at] = (rows[at][size] - known) / rows[at][at]
    return found


def calibration_error(outcomes: Sequence[Outcome], confidence: Callable[[Outcome], float]) -> float:
    """Mean distance between confidence and the share that is right, by bin, weighted by how many fall into it."""
    return _error([confidence(outcome) for outcome in outcomes], [outcome.right for outcome in outcomes])


def calibration_floor(outcomes: Sequence[Outcome], confidence: Callable[[Outcome], float]) -> float:
    """What the error would be by chance alone, were every confidence exactly true."""
    draw = random.Random(1)
    chances = [confidence(outcome) for outcome in outcomes]
    errors = [_error(chances, [draw.random() < chance for chance in chances]) for _ in range(SIMULATIONS)]
    return sum(errors) / SIMULATIONS


def _error(chances: Sequence[float], labels: Sequence[bool]) -> float:
    surplus = [0.0] * BINS
    for chance, label in zip(chances, labels, strict=True):
        surplus[min(int(chance * BINS), BINS - 1)] += chance - label
    return sum(map(abs, surplus)) / len(chances)
