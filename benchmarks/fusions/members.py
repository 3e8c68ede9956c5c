"""The members that are asked, and how long each takes: a draw from the request's id and its name, for all the same."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from dataclasses import dataclass

SEATS = 3
MEDIAN_SECONDS = 0.3
JUDGE_SECONDS, WRITER_SECONDS = 0.100, 0.150
_SIGMA = 0.5
_PARETO_SHAPE = 1.5
_PARETO_LEAST_SECONDS = MEDIAN_SECONDS / 2 ** (1 / _PARETO_SHAPE)
_LONGEST_SECONDS = 10.0
_LOREM = "The far side is pulled least and stays behind, so the water stands high on both sides. "

NORMAL, TAILED, INSTANT, LONG, SILENT = "normal", "tailed", "instant", "long", "silent"
"""Kinds of panels: log-normal latencies, heavy-tailed ones, none; answers of 2 KiB at once; none, ever."""
JUDGE, WRITER, INSTANT_JUDGE, INSTANT_WRITER, SILENT_WRITER = (
    "judge",
    "writer",
    "instant-judge",
    "instant-writer",
    "silent-writer",
)
WAITING = "waiting"
"""Answers how many members are being asked at this moment."""

_VERDICT = {
    "consensus": ["Gravity differs between the near and the far side."],
    "contradictions": [],
    "partial_coverage": [],
    "unique_insights": [],
    "blind_spots": [],
    "verdict": "merge",
    "select": None,
}


@dataclass(frozen=True)
class Member:
    """`seconds` of the request's id; None is never."""

    says: str
    seconds: Callable[[str], float] | None


def panel(kind: str) -> list[str]:
    return [f"{kind}-{number}" for number in range(SEATS)]


def panel_seconds(kind: str, identity: str, quorum: int = SEATS) -> float:
    """When so many of the panel have answered, if all are asked at once."""
    return sorted(seconds(kind, identity, name) for name in panel(kind))[quorum - 1]


def seconds(kind: str, identity: str, name: str) -> float:
    """Latency of one member for one request."""
    chance = random.Random(f"{identity} {name}")
    if kind == NORMAL:
        return MEDIAN_SECONDS * math.exp(_SIGMA * chance.gauss())
    return min(_PARETO_LEAST_SECONDS * chance.paretovariate(_PARETO_SHAPE), _LONGEST_SECONDS)


def _at_once(_identity: str) -> float:
    return 0.0


def _drawn(kind: str, name: str) -> Callable[[str], float]:
    return lambda identity: seconds(kind, identity, name)


def _said(name: str, characters: int = 400) -> str:
    return f"{name} says: " + (_LOREM * (characters // len(_LOREM) + 1))[:characters]


MEMBERS = {
    **{name: Member(_said(name), _drawn(kind, name)) for kind in (NORMAL, TAILED) for name in panel(kind)},
    **{name: Member(_said(name), _at_once) for name in panel(INSTANT)},
    **{name: Member(_said(name, 2048), _at_once) for name in panel(LONG)},
    **{name: Member("", None) for name in (*panel(SILENT), SILENT_WRITER)},
    JUDGE: Member(json.dumps(_VERDICT), lambda _: JUDGE_SECONDS),
    WRITER: Member(_said(WRITER), lambda _: WRITER_SECONDS),
    INSTANT_JUDGE: Member(json.dumps(_VERDICT), _at_once),
    INSTANT_WRITER: Member(_said(INSTANT_WRITER), _at_once),
}
WRITTEN = b"writer says: "
"""In every answer that was written from the others, and not merely one of them."""
