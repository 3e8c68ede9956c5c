"""The figures of a run, and the bars that are set for Tritium's."""

from __future__ import annotations

from fusions.competitors import INSTANTLY, INSTANTLY_JUDGED, JUDGED, WRITTEN
from fusions.trials import CONNECTIONS, RUNS_LEFT
from gateways.report import Figure

SEATS_LEFT = 3 * RUNS_LEFT


def _beyond(name: str, title: str) -> tuple[Figure, ...]:
    """Milliseconds beyond what the members themselves take for that very request."""
    return (
        Figure(f"{name}_1_p50_ms", f"{title}, alone, p50", "ms", 2),
        Figure(f"{name}_1_p95_ms", f"{title}, alone, p95", "ms", 3),
        Figure(f"{name}_{CONNECTIONS}_p50_ms", f"{title}, {CONNECTIONS} at once, p50", "ms", 2),
        Figure(f"{name}_{CONNECTIONS}_p95_ms", f"{title}, {CONNECTIONS} at once, p95", "ms", 14),
    )


FIGURES = (
    *_beyond(WRITTEN, "3 + writer"),
    *_beyond(JUDGED, "3 + judge + writer"),
    Figure(f"{INSTANTLY}_per_core_second", "instant, 3 + writer, per core", "1/s", 2000, more_is_better=True),
    Figure(f"{INSTANTLY}_per_second", "instant, 3 + writer, as it came", "1/s", more_is_better=True),
    Figure(f"{INSTANTLY_JUDGED}_per_core_second", "the same with a judge, per core", "1/s", more_is_better=True),
    Figure("two_of_three", "p95 of 2 of 3 over all 3, heavy tails", "", 0.6),
    Figure("two_of_three_and_grace", "the same with its time of grace", ""),
    Figure("seats_left", f"asked on 100 ms later, of {SEATS_LEFT} seats", "", 0),
    Figure("tasks_left", f"tasks left of {RUNS_LEFT} runs", "", 0),
    Figure("sockets_left", f"sockets left of {RUNS_LEFT} runs", "", 0),
    Figure("run_kib", "memory of a run under way", "KiB", 150),
)
