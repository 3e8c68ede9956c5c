"""The judges asked in their order, until one gives a verdict; what fails is warned of, and is nobody's error."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from tritium.errors import TritiumError
from tritium.fusion.candidates import Candidates
from tritium.fusion.fitting import DoesNotFit
from tritium.fusion.judge import JUDGE_MAX_TOKENS, JudgeUnreadable, Verdict, fitted_for_judge, judge, judge_bytes
from tritium.fusion.judges import kinship
from tritium.fusion.proceedings import Proceedings, internal_fault
from tritium.fusion.roster import Facts
from tritium.model import Call, Model

Found = TypeVar("Found")


async def ask_judges(
    proceedings: Proceedings, candidates: Candidates, *, select_only: bool, orders: int | None = None
) -> tuple[Verdict | None, bool]:
    """The first verdict that any judge gives, and whether some judge answered and could not be read.

    With `orders`, or the option `judge_orders`, at 2 a selection is asked for again in the opposite order; of one that
    does not come again the verdict's `selected` is None, as of a merge, and its `consistent` is false.
    """
    p = proceedings
    unreadable = False
    material = judge_bytes(p.request, list(candidates.by_letter.values())) if p.budget.capped else 0
    for model in p.plan.judges:
        if not p.affords(f"judge {model.id}", model.id, material, 2 * JUDGE_MAX_TOKENS):
            break
        _warn_of_kinship(p, model, candidates)
        verdict, garbled = await _asked(p, model, candidates, select_only=select_only)
        unreadable = unreadable or garbled
        if verdict is None:
            continue
        if verdict.selected is not None and (orders or p.options.judge_orders) == 2:
            await _ask_in_reverse(p, model, candidates, verdict, material, select_only=select_only)
        p.run.analysis = verdict.document
        p.event("analysis", model=model.id, analysis=verdict.document)
        return verdict, False
    return None, unreadable


async def _ask_in_reverse(
    p: Proceedings, model: Model, candidates: Candidates, verdict: Verdict, material: int, *, select_only: bool
) -> None:
    """Whoever is selected for its place and not for its answer is not selected again when the first come last."""
    if not p.affords(f"judge {model.id} in the opposite order", model.id, material, 2 * JUDGE_MAX_TOKENS):
        return
    again, _ = await _asked(p, model, candidates.reversed(), select_only=select_only)
    if again is None:
        p.warn(f"judge {model.id}: whether its selection hangs on the order could not be told")
        return
    verdict.consistent = p.run.decision.judge_consistent = again.selected is verdict.selected
    if not verdict.consistent:
        p.warn(f"judge {model.id}: in the opposite order it does not select the same answer, so none is selected")
        verdict.selected = None


async def _asked(
    p: Proceedings, model: Model, candidates: Candidates, *, select_only: bool
) -> tuple[Verdict | None, bool]:
    """One judge's verdict, None if it came to nothing; and whether that was because it couldn't be read."""

    async def ask(call: Call) -> Verdict:
        facts = p.plan.arbiters.facts.get(model.id) or Facts()
        fitted, repeat_rules = fitted_for_judge(p.request, candidates, facts)
        for cut in fitted.shortenings():
            p.warn(f"judge {model.id}: to fit its context it is shown {cut} (beginning and end)")
        p.event("judge.started", model=model.id)
        return await judge(
            model,
            p.request,
            fitted,
            call,
            select_only=select_only,
            timeout_seconds=p.budget.seconds(p.options.judge_timeout_seconds, share=0.5),
            facts=facts,
            repeat_rules=repeat_rules,
        )

    return await warned(p, f"judge {model.id}", ask)


async def warned(p: Proceedings, who: str, ask: Callable[[Call], Awaitable[Found]]) -> tuple[Found | None, bool]:
    """What `ask` finds; of its failure the run is warned, and whether it was a reply that couldn't be read is told."""
    call = p.call.child("judge", recorder=p.tally)
    try:
        return await ask(call), False
    except JudgeUnreadable as fault:
        p.warn(fault.message)
        return None, True
    except DoesNotFit as fault:
        p.warn(f"{who} was not asked: {fault.message}")
    except TimeoutError:
        p.warn(f"{who}: no verdict within {p.options.judge_timeout_seconds:g} s")
    except TritiumError as fault:
        p.warn(f"{who}: {fault.message}")
    except Exception:  # noqa: BLE001 answers exist: the next judge, or none, but no error
        p.warn(f"{who}: {internal_fault(call.id)}")
    return None, False


def _warn_of_kinship(p: Proceedings, model: Model, candidates: Candidates) -> None:
    members = [(seat.model, seat.maker) for seat in candidates.by_letter.values()]
    kin = kinship(model.id, p.plan.arbiters.makers.get(model.id), members)
    if kin and not any(warning.startswith(f"kinship: the judge {model.id} ") for warning in p.run.warnings):
        p.warn(kin)
