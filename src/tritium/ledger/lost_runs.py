"""Runs whose process is gone: closed as `lost`, with what the ledger knows of the calls that they made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from tritium.ledger.prices import total, usd
from tritium.storage.connection import Connection
from tritium.storage.database import Database

LOST = "The gateway ended before this run did. What had been asked by then is in its receipt."


def close_the_lost(database: Database, dead: Callable[[str, float], bool]) -> int:
    """Close the runs that dead processes left `running`; returns how many. Doing so twice changes nothing.

    `dead` is asked of an owner, and of when its run began (Unix seconds). Calls come first: what a run cost is summed
    up from their rows.

    Raises:
        StorageError: the database can't be read or written.
    """
    with database.reading() as connection:
        rows = connection.rows("SELECT id, owner, created_at FROM runs WHERE outcome = 'running'")
    lost = [row["id"] for row in rows if dead(row["owner"] or "", row["created_at"])]
    for run_id in lost:
        with database.writing() as connection:
            _close(connection, run_id)
    return len(lost)


def any_under_way(database: Database) -> bool:
    """Whether there is a run that hasn't ended, be it at work or lost.

    Raises:
        StorageError: the database can't be read.
    """
    with database.reading() as connection:
        return connection.value("SELECT 1 FROM runs WHERE outcome = 'running' LIMIT 1") is not None


def _close(connection: Connection, run_id: str) -> None:
    run = connection.row("SELECT document, created_at FROM runs WHERE id = :id AND outcome = 'running'", id=run_id)
    if run is None:  # somebody else was faster
        return
    calls = connection.rows("SELECT * FROM generations WHERE request_id = :id ORDER BY created_at, id", id=run_id)
    cost = total([call["cost_nanodollars"] for call in calls])
    ended = max([call["created_at"] + call["latency_ms"] / 1e3 for call in calls], default=run["created_at"])
    latency_ms = round((ended - run["created_at"]) * 1e3, 3)
    document: dict[str, Any] = msgspec.json.decode(run["document"])
    document |= {"outcome": "lost", "error": LOST, "receipt": _receipt(calls, cost, latency_ms)}
    for seat in document.get("seats", ()):
        _tell(seat, calls)
    connection.change(
        "UPDATE runs SET outcome = 'lost', cost_nanodollars = :cost, latency_ms = :latency_ms, document = :document"
        " WHERE id = :id AND outcome = 'running'",
        cost=cost,
        latency_ms=latency_ms,
        document=msgspec.json.encode(document).decode(),
        id=run_id,
    )


def _receipt(calls: Sequence[dict[str, Any]], cost: int | None, latency_ms: float) -> dict[str, Any]:
    """In the shape of a run's."""
    return {
        "cost_usd": usd(cost),
        "tokens": {
            "input": sum(call["input_tokens"] for call in calls),
            "output": sum(call["output_tokens"] for call in calls),
            "estimated": any(call["estimated"] for call in calls),
        },
        "latency_ms": latency_ms,
        "calls": [
            {
                "role": call["role"],
                "model": call["model"],
                "outcome": call["outcome"],
                "tokens": _tokens(call),
                "cost_usd": usd(call["cost_nanodollars"]),
                "latency_ms": call["latency_ms"],
            }
            for call in calls
        ],
    }


def _tell(seat: dict[str, Any], calls: list[dict[str, Any]]) -> None:
    """What is known of a seat: that it was called, and how that went; which of two calls of one model it was is not."""
    call = next((call for call in calls if call["role"] == "seat" and call["model"] == seat.get("model")), None)
    if call is None:
        seat |= {"outcome": "cancelled", "error": "The gateway ended before it was asked, or before that was written."}
        return
    calls.remove(call)
    seat |= {
        "outcome": call["outcome"],
        "provider": call["provider"],
        "error": call["error"],
        "tokens": _tokens(call),
        "cost_usd": usd(call["cost_nanodollars"]),
        "latency_ms": call["latency_ms"],
    }


def _tokens(call: dict[str, Any]) -> dict[str, Any]:
    estimated = bool(call["estimated"])
    return {"input": call["input_tokens"], "output": call["output_tokens"], "estimated": estimated}
