"""The receipt in one line: cost, tokens, seconds, what the best single model would have cost, where to read more."""

from __future__ import annotations

from tritium.cli import figures
from tritium.cli.board import brief_name
from tritium.fusion.run import Run


def receipt(run: Run) -> str:
    paid = run.receipt
    spent = paid.tokens.input + paid.tokens.output
    parts = [
        figures.dollars(paid.cost_usd),
        figures.tokens(spent, estimated=paid.tokens.estimated),
        figures.seconds(paid.latency_ms),
    ]
    if len(paid.calls) > 1 and paid.best_single_model is not None:
        alone = paid.best_single_cost_usd
        known = "an unknown amount" if alone is None else figures.dollars(alone)
        parts.append(f"best single {brief_name(paid.best_single_model)} would have cost {known}")
    return " · ".join([*parts, run.id])
