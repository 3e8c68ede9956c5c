"""What the strongest member alone would have cost: its own figure if it answered, else an estimate from the others'."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

from tritium.chat import Usage
from tritium.fusion.run import BestSingle, SeatReport
from tritium.fusion.seating import PlannedSeat


def best_single(
    strongest: PlannedSeat, reports: Sequence[SeatReport], price: Callable[[str, Usage], int | None]
) -> SeatReport | BestSingle | None:
    """None if nobody answered: then there is nothing to compare with.

    Estimated, it reads and says as much as the median of those who answered.
    """
    own = next((report for report in reports if report.seat == strongest.seat), None)
    if own is not None and own.outcome == "ok" and not own.cached:
        return own
    answered = [report.tokens for report in reports if report.outcome == "ok" and report.tokens.output]
    if not answered:
        return None
    usage = Usage(
        input=round(statistics.median(tokens.input for tokens in answered)),
        output=round(statistics.median(tokens.output for tokens in answered)),
    )
    cost = price(strongest.model.id, usage)
    return BestSingle(strongest.model.id, None if cost is None else cost / 1e9)
