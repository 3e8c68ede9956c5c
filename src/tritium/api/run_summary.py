"""What an answer says of the fusion behind it; the whole run can be fetched by its id."""

from __future__ import annotations

from typing import Any


def run_summary(event: dict[str, Any]) -> dict[str, Any] | None:
    """The `fusion` object of an answer, from the event that ends a run; None for any other event."""
    if event.get("type") == "quote":
        return {"dry_run": True, "quote": event["quote"]}
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
                "provider": seat.provider,
                "stands_in_for": seat.stands_in_for,
                "replaced_by": seat.replaced_by,
                "outcome": seat.outcome,
                "error": seat.error,
                "tokens": seat.tokens,
                "cost_usd": seat.cost_usd,
                "first_token_ms": seat.first_token_ms,
                "latency_ms": seat.latency_ms,
                "cached": seat.cached,
            }
            for seat in run.seats
        ],
        "receipt": {
            "cost_usd": run.receipt.cost_usd,
            "best_single_model": run.receipt.best_single_model,
            "best_single_cost_usd": run.receipt.best_single_cost_usd,
            "best_single_estimated": run.receipt.best_single_estimated,
            "over_best_single_usd": run.receipt.over_best_single_usd,
            "tokens": run.receipt.tokens,
            "latency_ms": run.receipt.latency_ms,
        },
        "warnings": run.warnings,
        **({} if run.replay_of is None else {"replay_of": run.replay_of}),
        **({} if run.provenance is None else {"provenance": run.provenance}),
        **({} if run.dissent is None else {"dissent": run.dissent}),
    }
