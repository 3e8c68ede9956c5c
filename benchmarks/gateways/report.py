"""The figures of a run: medians of its rounds, side by side, beside the bars that are set for Tritium."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateways.scenarios import Found

OURS = "tritium"


@dataclass(frozen=True)
class Figure:
    """`bar` is for Tritium's value, in `unit`; `no_worse_than` names a peer of the same run.

    `beyond_direct`: what the gateway adds to the provider's own.
    """

    name: str
    title: str
    unit: str
    bar: float | None = None
    no_worse_than: str = ""
    beyond_direct: bool = False
    more_is_better: bool = False


FIGURES = (
    Figure("plain_cpu_us", "CPU per request, 32 connections", "µs", 60, "tensorzero"),
    Figure("plain_per_second", "requests, 32 connections", "1/s", more_is_better=True),
    Figure("long_cpu_us", "CPU per request, 64 KiB prompt", "µs"),
    Figure("long_per_second", "requests, 64 KiB prompt", "1/s", no_worse_than="tensorzero", more_is_better=True),
    Figure("alone_p50_ms", "added, one at a time, p50", "ms", 0.2, beyond_direct=True),
    Figure("open_p99_ms", "500 requests/s, open loop, p99", "ms", 3),
    Figure("chunk_cpu_us", "CPU per chunk, unpaced streams", "µs", 10),
    Figure("chunks_per_second", "chunks, unpaced streams", "1/s", more_is_better=True),
    Figure("first_token_p50_ms", "added to first token, 32 paced, p50", "ms", 0.5, beyond_direct=True),
    Figure("transit_p99_ms", "chunk on its way, 32 paced, p99", "ms", 3),
    Figure("open_streams", "streams open at once, of 2,000", "", 2_000, more_is_better=True),
    Figure("open_stream_kib", "memory per open stream", "KiB", 25),
    Figure("slow_reader_mib", "growth in 3 s by a slow reader", "MiB", 2),
    Figure("start_seconds", "start to first answer", "s", 0.6),
    Figure("idle_mib", "idle memory (Pss)", "MiB", 60),
    Figure("idle_rss_mib", "idle memory (Rss)", "MiB"),
    Figure("import_ms", "import tritium", "ms", 80),
)

Medians = Mapping[str, Mapping[str, float]]
"""Of each peer, by figure."""


def medians(rounds: Mapping[str, list[Found]]) -> Medians:
    found: dict[str, dict[str, float]] = {}
    for peer, each in rounds.items():
        names = {name: None for one in each for name in one.figures}
        found[peer] = {
            name: statistics.median(one.figures[name] for one in each if name in one.figures) for name in names
        }
    direct = found.get("direct", {})
    for figure in FIGURES:
        if not figure.beyond_direct:
            continue
        for peer, values in found.items():
            if peer != "direct" and figure.name in values:
                if figure.name in direct:
                    values[figure.name] -= direct[figure.name]
                else:
                    del values[figure.name]
    return found


def table(found: Medians, figures: Sequence[Figure] = FIGURES) -> str:
    """A line for each figure; behind a peer's value, how many times Tritium's it is."""
    peers = list(found)
    lines = [f"{'':36}{'':5}" + "".join(f"{peer:>19}" for peer in peers)]
    for figure in figures:
        if any(figure.name in found[peer] for peer in peers):
            cells = "".join(f"{_cell(found, peer, figure):>19}" for peer in peers)
            lines.append(f"{figure.title:36}{figure.unit:5}{cells}")
    if "direct" in found and any(figure.beyond_direct for figure in figures):
        lines.append("\n`direct` has no gateway; where a line says `added`, its value is the whole time.")
    return "\n".join(lines)


def judge(found: Medians, figures: Sequence[Figure] = FIGURES) -> list[dict[str, Any]]:
    """Tritium's figures with their bars, and whether they hold: None where there is nothing to hold to."""
    ours = found.get(OURS, {})
    return [
        {
            "name": figure.title,
            "value": round(ours[figure.name], 4),
            "unit": figure.unit,
            "bar": _bar(figure, found),
            "holds": _holds(figure, found),
            "peers": {peer: round(values[figure.name], 4) for peer, values in found.items() if figure.name in values},
            "ratios": {
                peer: round(values[figure.name] / ours[figure.name], 4)
                for peer, values in found.items()
                if figure.name in values and ours[figure.name] > 0
            },
        }
        for figure in figures
        if figure.name in ours
    ]


def verdicts(judged: list[dict[str, Any]]) -> str:
    lines = [
        f"{'holds' if figure['holds'] else 'MISSED':8}{figure['name']}: "
        f"{_number(figure['value'])} {figure['unit']}".rstrip()
        + f", bar {figure['bar']}"
        for figure in judged
        if figure["holds"] is not None
    ]
    return "\n".join(lines)


def faults(rounds: Mapping[str, list[Found]]) -> str:
    return "\n".join(
        f"{peer}, {scenario}: {fault}"
        for peer, each in rounds.items()
        for found in each
        for scenario, fault in found.faults.items()
    )


def disturbance(rounds: Mapping[str, list[Found]]) -> str:
    """What else ran: with much of it, rates and latencies say little, CPU per request still most of the truth."""
    cores = sorted(cores for each in rounds.values() for found in each for cores in found.foreign_cores)
    if not cores:
        return ""
    most = cores[round(0.9 * (len(cores) - 1))]
    median = statistics.median(cores)
    return f"Others used {median:.2f} cores of these meanwhile (median; {most:.2f} at the 90th percentile)."


def machine() -> dict[str, Any]:
    return {
        "system": platform.platform(),
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }


def _cell(found: Medians, peer: str, figure: Figure) -> str:
    value, ours = found[peer].get(figure.name), found.get(OURS, {}).get(figure.name)
    if value is None:
        return "-"
    comparable = ours and ours > 0 and peer != OURS and not (peer == "direct" and figure.beyond_direct)
    return _number(value) + (f" {f'{_number(value / ours)}x':>7}" if comparable and ours else " " * 8)


def _number(value: float) -> str:
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _bar(figure: Figure, found: Medians) -> str | None:
    sign = ">=" if figure.more_is_better else "<="
    bars = [f"{sign} {figure.bar:g} {figure.unit}".rstrip()] if figure.bar is not None else []
    bars += [f"{sign} {figure.no_worse_than}'s"] if figure.name in found.get(figure.no_worse_than, {}) else []
    return " and ".join(bars) or None


def _holds(figure: Figure, found: Medians) -> bool | None:
    value = found[OURS][figure.name]
    bars = [figure.bar, found.get(figure.no_worse_than, {}).get(figure.name)]
    known = [bar for bar in bars if bar is not None]
    if not known:
        return None
    return all(value >= bar if figure.more_is_better else value <= bar for bar in known)
