"""After the answer: who said what of it, where that was asked for, and what a minority said against it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tritium.fusion import ballots
from tritium.fusion.candidates import Candidates
from tritium.fusion.judge import judge_bytes
from tritium.fusion.proceedings import Proceedings
from tritium.fusion.provenance import PROVENANCE_MAX_TOKENS, Provenance, trace
from tritium.fusion.roster import Facts
from tritium.fusion.run import Dissent, Evidence
from tritium.fusion.verdict import warned
from tritium.model import Call, Model


async def attribute(proceedings: Proceedings) -> None:
    """Fill in the run's `provenance` and `dissent`. Never fails: the answer stands without them."""
    p = proceedings
    answers = p.answers()
    if p.run.decision.votes:
        p.run.dissent = dissent_of_votes(p)
    if not p.options.provenance or len(answers) < 2 or not p.run.answer.strip():
        return
    if not p.plan.judges:
        p.warn("provenance: no model here is fit to trace the answer")
    candidates = Candidates(answers, p.plan.order_seed)
    for model in p.plan.judges:
        prompt_bytes = judge_bytes(p.request, answers) + len(p.run.answer.encode())
        if not p.affords(f"provenance by {model.id}", model.id, prompt_bytes, PROVENANCE_MAX_TOKENS):
            return
        found = await _traced(p, model, candidates)
        if found is not None:
            p.run.provenance = found.claims
            p.run.dissent = p.run.dissent or found.dissent
            p.event("provenance", model=model.id, provenance=found.claims, dissent=p.run.dissent)
            return


async def _traced(p: Proceedings, model: Model, candidates: Candidates) -> Provenance | None:
    async def ask(call: Call) -> Provenance:
        facts = p.plan.arbiters.facts.get(model.id) or Facts()
        p.event("provenance.started", model=model.id)
        seconds = p.budget.seconds(p.options.judge_timeout_seconds)
        return await trace(model, p.request, candidates, p.run.answer, call, facts, seconds)

    return (await warned(p, f"provenance by {model.id}", ask))[0]


def dissent_of_votes(p: Proceedings) -> list[Dissent]:
    """Who voted otherwise, from the table itself."""
    answered = {seat.seat: seat for seat in p.answers()}
    chosen = p.run.decision.seat
    if chosen is None:
        return []

    def dissenting(row: Mapping[str, Any]) -> bool:
        return row.get("says") is not None and chosen not in row["seats"]

    return [
        Dissent(
            row["says"],
            [
                Evidence(seat, answered[seat].model, answered[seat].text.strip()[: ballots.SHOWN_CHARACTERS])
                for seat in row["seats"]
                if seat in answered
            ],
        )
        for row in p.run.decision.votes
        if dissenting(row)
    ]
