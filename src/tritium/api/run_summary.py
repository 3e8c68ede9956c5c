"""What an answer says of the fusion behind it; the whole run can be fetched by its id."""

from __future__ import annotations

from typing import Any


def run_summary(event: dict[str, Any]) -> dict[str, Any] | None:
    """The `fusion` object of an answer, from the event that ends a run; None for any other event."""
    if event.get("type") != "run":
        return None
    run = event["document"]
    return {
        "run": run.id,
        "decision": run.decision,
        "seats": [
            {
                "seat": seat.seat,
                "model": seat.model,
                "outcome": seat.outcome,
                "error": seat.error,
                "tokens": seat.tokens,
                "cost_usd": seat.cost_usd,
                "latency_ms": seat.latency_ms,
            }
            for seat in run.seats
        ],
        "receipt": {
            "cost_usd": run.receipt.cost_usd,
            "best_single_cost_usd": run.receipt.best_single_cost_usd,
            "latency_ms": run.receipt.latency_ms,
        },
        "warnings": run.warnings,
    }
