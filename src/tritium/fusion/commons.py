"""What all fusions of one gateway share: the runs under way, answers that may be given again, what was fitted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection

from tritium.fusion.calibration import Calibration
from tritium.fusion.live_runs import LiveRuns
from tritium.fusion.seat_answers import SeatAnswers
from tritium.shared.local import LocalCache

Lengths = Callable[[Collection[str]], Awaitable[dict[str, int]]]
"""The median output tokens of those of the models that have answered before."""


class Commons:
    """One gateway's."""

    def __init__(
        self,
        live: LiveRuns | None = None,
        answers: SeatAnswers | None = None,
        lengths: Lengths | None = None,
        calibration: Calibration | None = None,
    ) -> None:
        self.live = LiveRuns() if live is None else live
        self.answers = answers or SeatAnswers(LocalCache())
        self.lengths = lengths or _nothing_known
        self.calibration = calibration or Calibration()


async def _nothing_known(_: Collection[str]) -> dict[str, int]:
    return {}
