"""How each endpoint of a model has been doing lately, by what was written down of it: uptime, latency, throughput.

Format: the figures of OpenRouter's `PublicEndpoint`, over the last 30 minutes; of a model that is asked very often,
over its newest calls. Calls that were cut short, rate-limited or wrong themselves say nothing of an endpoint.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

from tritium.storage.connection import one_of
from tritium.storage.database import Database

SECONDS, SHORT_SECONDS = 1800.0, 300.0
MOST_ROWS = 10_000
"""Read of one model."""

_PERCENTILES = (50, 75, 90, 99)
_OF_THE_ENDPOINT = (401, 402, 403, 408)
"""Refusals that are not the request's fault."""

_COLUMNS = "provider, model, created_at, outcome, status, streamed, first_token_ms, latency_ms, output_tokens"


class Pulse(NamedTuple):
    """One endpoint's figures; None where there was nothing to measure."""

    uptime_short: float | None
    """Percent, of the last five minutes."""
    uptime: float | None
    latency_ms: dict[str, float] | None
    """To the first token, by percentile: `p50`, `p75`, `p90`, `p99`."""
    tokens_per_second: dict[str, float] | None
    """So many at least, in that share of the answers."""


_Row = dict[str, Any]
_QUERY = (
    f"SELECT {_COLUMNS} FROM generations WHERE created_at >= :since AND model IN {{models}}"  # noqa: S608 names are ours
    " ORDER BY created_at DESC LIMIT :most"
)


class Pulses:
    """Reads block: call them off the event loop. Every read raises StorageError when the database can't be read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, models: Collection[str], now: float) -> dict[tuple[str, str], Pulse]:
        """By provider and model; `models` are one at least, `now` is in Unix seconds."""
        among, named = one_of("model", models)
        with self._database.reading() as connection:
            rows = connection.rows(_QUERY.format(models=among), since=now - SECONDS, most=MOST_ROWS, **named)
        calls: dict[tuple[str, str], list[_Row]] = defaultdict(list)
        for row in rows:
            calls[row["provider"], row["model"]].append(row)
        return {endpoint: _pulse(each, now) for endpoint, each in calls.items()}


def _pulse(rows: Sequence[_Row], now: float) -> Pulse:
    good = [row for row in rows if row["outcome"] == "ok"]
    return Pulse(
        _uptime([row for row in rows if row["created_at"] >= now - SHORT_SECONDS]),
        _uptime(rows),
        _percentiles([_first_ms(row) for row in good], lambda percent: percent),
        _percentiles([speed for row in good if (speed := _speed(row)) is not None], lambda percent: 100 - percent),
    )


def _uptime(rows: Sequence[_Row]) -> float | None:
    good = sum(row["outcome"] == "ok" for row in rows)
    bad = sum(_failed(row) for row in rows)
    return round(100 * good / (good + bad), 2) if good + bad else None


def _failed(row: _Row) -> bool:
    if row["outcome"] not in ("failed", "timeout"):
        return False
    return row["status"] is None or row["status"] >= 500 or row["status"] in _OF_THE_ENDPOINT


def _first_ms(row: _Row) -> float:
    return float(row["latency_ms"] if row["first_token_ms"] is None else row["first_token_ms"])


def _speed(row: _Row) -> float | None:
    """Tokens per second of writing; an answer that came in one piece was written all the time."""
    milliseconds = row["latency_ms"] - _first_ms(row) if row["streamed"] else row["latency_ms"]
    return row["output_tokens"] * 1e3 / milliseconds if milliseconds > 0 and row["output_tokens"] else None


def _percentiles(values: list[float], place: Callable[[int], int]) -> dict[str, float] | None:
    """By nearest rank."""
    if not values:
        return None
    values.sort()
    last = len(values) - 1
    return {f"p{each}": round(values[min(last, len(values) * place(each) // 100)], 3) for each in _PERCENTILES}
