"""Fits the curve that says how probable it is that an answer is right, from answers of which that is known.

A logistic curve over the share that agrees (Platt 1999), one step lower where no majority settled the answer: three
numbers, as few labelled answers bear no more. Ridges pull them toward a curve of related answers, or toward nothing.
They keep the curve finite where all answers of a sort were right.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import get_args

from msgspec import Struct

from tritium.fusion.calibration import Logistic
from tritium.fusion.run import How

SETTLED = frozenset({"unanimous", "majority"})
ALONE = (0.0, 0.05, 1.0)
"""How hard intercept, slope and step are pulled to zero where there is no curve to lean on (Gaussian priors)."""
TOWARD = (0.9, 3.0, 3.0)
"""How hard they are pulled to those of a related curve."""

_STEPS = 40

Point = tuple[float, float, float]
"""Intercept, slope and step; or what each is multiplied by."""


class Observed(Struct, frozen=True):
    """One answer of which it is known whether it was right."""

    share: float
    """Of the seats, those that agreed with it; 0 to 1."""
    how: str
    right: bool
    weight: float = 1.0
    """How many answers it stands for; those to one question together for one."""


def fit(observed: Iterable[Observed], toward: Logistic | None = None) -> Logistic:
    """The most probable curve, by Newton's method; `toward` is a curve of related answers.

    Raises:
        ValueError: nothing was observed.
    """
    cells = _cells(observed)
    if not cells:
        raise ValueError("there is no answer to fit a curve to")
    prior, ridge = (_point(toward), TOWARD) if toward is not None else ((0.0, 0.0, 0.0), ALONE)
    point = prior
    for _ in range(_STEPS):
        point = _stepped(point, cells, prior, ridge)
    intercept, slope, step = point
    return Logistic(intercept, slope, {how: step for how in get_args(How) if how not in SETTLED})


def _cells(observed: Iterable[Observed]) -> list[tuple[Point, float, float]]:
    """Where on the curve, how many answers, how many of them right."""
    found: dict[Point, list[float]] = {}
    for each in observed:
        cell = found.setdefault((1.0, each.share - 1, float(each.how not in SETTLED)), [0.0, 0.0])
        cell[0] += each.weight
        cell[1] += each.weight * each.right
    return [(place, count, right) for place, (count, right) in found.items()]


def _point(curve: Logistic) -> Point:
    return curve.intercept, curve.slope, next((step for how, step in curve.ways.items() if how not in SETTLED), 0.0)


def _stepped(point: Point, cells: Sequence[tuple[Point, float, float]], prior: Point, ridge: Point) -> Point:
    gradient = [-pull * (here - there) for pull, here, there in zip(ridge, point, prior, strict=True)]
    curvature = [[(ridge[at] + 1e-9) * (at == other) for other in range(3)] for at in range(3)]
    for place, count, right in cells:
        total = sum(weight * each for weight, each in zip(point, place, strict=True))
        chance = 1 / (1 + math.exp(-min(max(total, -30.0), 30.0)))
        for at in range(3):
            gradient[at] += (right - count * chance) * place[at]
            for other in range(3):
                curvature[at][other] += count * chance * (1 - chance) * place[at] * place[other]
    move = _solved(curvature, gradient)
    longest = max(1.0, *map(abs, move))
    intercept, slope, step = (here + each / longest for here, each in zip(point, move, strict=True))
    return intercept, slope, step


def _solved(matrix: list[list[float]], values: list[float]) -> list[float]:
    """Gaussian elimination with pivoting; the matrix is positive definite."""
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
