"""The judges asked in their order, until one gives a verdict; what fails is warned of, and is nobody's error."""

from __future__ import annotations

from tritium.errors import TritiumError
from tritium.fusion.candidates import Candidates
from tritium.fusion.judge import JUDGE_MAX_TOKENS, JudgeUnreadable, Verdict, judge, judge_bytes
from tritium.fusion.proceedings import Proceedings, internal_fault


async def ask_judges(
    proceedings: Proceedings, candidates: Candidates, *, select_only: bool
) -> tuple[Verdict | None, bool]:
    """The first verdict that any judge gives, and whether some judge answered and could not be read."""
    p = proceedings
    unreadable = False
    material = judge_bytes(p.request, p.answers())
    for model in p.plan.judges:
        if not p.affords(f"judge {model.id}", model.id, material, 2 * JUDGE_MAX_TOKENS):
            break
        p.event("judge.started", model=model.id)
        call = p.call.child("judge", recorder=p.tally)
        try:
            verdict = await judge(
                model,
                p.request,
                candidates,
                call,
                select_only=select_only,
                timeout_seconds=p.options.judge_timeout_seconds,
            )
        except JudgeUnreadable as fault:
            unreadable = True
            p.warn(fault.message)
        except TimeoutError:
            p.warn(f"judge {model.id}: no verdict within {p.options.judge_timeout_seconds:g} s")
        except TritiumError as fault:
            p.warn(f"judge {model.id}: {fault.message}")
        except Exception:  # noqa: BLE001 answers exist: the next judge, or none, but no error
            p.warn(f"judge {model.id}: {internal_fault(call.id)}")
        else:
            p.run.analysis = verdict.document
            p.event("analysis", model=model.id, analysis=verdict.document)
            return verdict, False
    return None, unreadable
