"""How probable it is that an answer is right: read off a map that was fitted on labelled data, or not said at all.

Format: a JSON file `{"maps": [...]}`. Each map says what it holds for (`kind` of answer; `panel`, a list of models, and
`strategy`, where it was fitted on these alone) and how: by `logistic` {"intercept": a, "slope": b, "ways": {how: c}},
1 / (1 + exp(-(a + b (share - 1) + c))), as Platt 1999; or by `isotonic` {"agreement": [...], "probability": [...]},
both ascending, straight lines between the points. `share` is the run's agreement. The first map that holds counts.
"""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct, field

from tritium.errors import ConfigError

Share = Annotated[float, Meta(ge=0, le=1)]
FILE = "calibration.json"
"""In the data directory."""


class Logistic(Struct, frozen=True, forbid_unknown_fields=True):
    intercept: float
    slope: float
    ways: dict[str, float] = field(default_factory=dict)

    def at(self, share: float, how: str) -> float:
        total = self.intercept + self.slope * (share - 1) + self.ways.get(how, 0.0)
        return 1 / (1 + math.exp(-min(max(total, -30.0), 30.0)))


class Isotonic(Struct, frozen=True, forbid_unknown_fields=True):
    agreement: Annotated[list[Share], Meta(min_length=1)]
    probability: Annotated[list[Share], Meta(min_length=1)]

    def __post_init__(self) -> None:
        if len(self.agreement) != len(self.probability):
            raise ValueError("'agreement' and 'probability' are not of the same length")
        if any(one >= other for one, other in pairwise(self.agreement)):
            raise ValueError("'agreement' does not ascend")
        if any(one > other for one, other in pairwise(self.probability)):
            raise ValueError("'probability' does not ascend")

    def at(self, share: float) -> float:
        points = list(zip(self.agreement, self.probability, strict=True))
        if share <= points[0][0]:
            return points[0][1]
        for (left, low), (right, high) in pairwise(points):
            if share <= right:
                return low + (high - low) * (share - left) / (right - left)
        return points[-1][1]


class FittedMap(Struct, frozen=True, forbid_unknown_fields=True):
    """What was fitted for one class of question."""

    kind: str
    logistic: Logistic | None = None
    isotonic: Isotonic | None = None
    panel: list[str] | None = None
    strategy: str | None = None

    def __post_init__(self) -> None:
        if (self.logistic is None) == (self.isotonic is None):
            raise ValueError("a map is either 'logistic' or 'isotonic'")

    def holds(self, kind: str, strategy: str, panel: set[str]) -> bool:
        return (
            self.kind == kind and self.strategy in (None, strategy) and (self.panel is None or set(self.panel) == panel)
        )

    def at(self, share: float, how: str) -> float:
        if self.isotonic is not None:
            return self.isotonic.at(share)
        return self.logistic.at(share, how) if self.logistic is not None else math.nan


class Calibration(Struct, frozen=True, forbid_unknown_fields=True):
    """All maps of one gateway."""

    maps: list[FittedMap] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> Calibration:
        """From a file; without one there are no maps.

        Raises:
            ConfigError: it can't be read as that.
        """
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return cls()
        except OSError as fault:
            raise ConfigError(f"{path} can't be read: {fault}.") from None
        try:
            return msgspec.json.decode(data, type=cls)
        except msgspec.DecodeError as fault:
            raise ConfigError(f"{path} is no calibration: {fault}. Fit it anew, or remove it.") from None

    def probability(self, kind: str, strategy: str, panel: set[str], share: float | None, how: str) -> float | None:
        """That an answer is right; None where nothing was fitted, or nobody agreed on anything."""
        found = next((each for each in self.maps if each.holds(kind, strategy, panel)), None)
        return None if found is None or share is None else round(found.at(share, how), 4)
