"""Panels like a panel: each member replaced by one about as strong, together as strong. More to fit a confidence on."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from replay.arms import fusion
from replay.task_set import TaskSet

PANELS = 6
NEAREST = 8
"""A member's replacement is one of so many nearest in strength."""
TOLERANCE = 0.02
"""Between two panels' mean strength; widened where there is no such panel."""

_TRIES, _WIDENED_EVERY = 20_000, 2_000


def alike(tasks: TaskSet, options: Mapping[str, Any]) -> list[dict[str, Any]]:
    """An arm's options with other panels, always the same; strengths are those on development items."""
    panel = [model.removeprefix("recorded/") for model in options["panel"]]
    kept_out = {str(options.get("escalate", "")).removeprefix("recorded/")}
    draw = random.Random(7)
    mean = _mean(tasks, panel)
    found: list[list[str]] = []
    for tried in range(_TRIES):
        if len(found) == PANELS:
            break
        other = [draw.choice(_near(tasks, model, kept_out)) for model in panel]
        near = abs(_mean(tasks, other) - mean) <= TOLERANCE * 1.5 ** (tried // _WIDENED_EVERY)
        if near and len({*other}) == len(panel) and sorted(other) not in [sorted(panel), *map(sorted, found)]:
            found.append(other)
    return [{**options, **fusion(tuple(other))} for other in found]


def _near(tasks: TaskSet, model: str, kept_out: set[str]) -> list[str]:
    strength = tasks.strengths[model]
    able = [each for each in tasks.complete if each not in kept_out]
    return sorted(able, key=lambda each: abs(tasks.strengths[each] - strength))[:NEAREST]


def _mean(tasks: TaskSet, panel: Sequence[str]) -> float:
    return sum(tasks.strengths[model] for model in panel) / len(panel)
