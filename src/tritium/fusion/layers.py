"""Mixture of agents: members answer again with the answers of the layer before theirs in front of them.

After Wang et al., "Mixture-of-Agents Enhances Large Language Model Capabilities" (2024). Each layer costs and takes as
much again as the first, and gains less; that is why there is one unless more are asked for.
"""

from __future__ import annotations

from tritium.chat import ChatRequest
from tritium.errors import BudgetExceeded
from tritium.fusion.candidates import Candidates
from tritium.fusion.fitting import DoesNotFit
from tritium.fusion.panel import ask_panel
from tritium.fusion.proceedings import Proceedings
from tritium.fusion.roster import Facts
from tritium.fusion.run import SeatReport
from tritium.fusion.synthesis import fitted_for_writer
from tritium.fusion.tool_turns import messages_of


async def refine(proceedings: Proceedings, answers: list[SeatReport]) -> list[SeatReport]:
    """The answers of the last layer, or of the last one before it from which anybody answered."""
    p = proceedings
    question = p.asked
    for layer in range(2, p.options.layers + 1):
        if p.run.replay_of is not None:
            p.warn("a replay asks nobody: its answers are those of the first layer")
            break
        if len(answers) < 2:
            break
        try:
            p.asked = _with_references(p, question, answers)
            better = await _ask_again(p, layer)
        except (BudgetExceeded, DoesNotFit) as fault:
            p.warn(f"layer {layer} was left out: {fault.message}")
            break
        finally:
            p.asked = question
        if not better:
            p.warn(f"nobody answered in layer {layer}: the answers of layer {layer - 1} are used")
            break
        answers = better
    return answers


async def _ask_again(p: Proceedings, layer: int) -> list[SeatReport]:
    seats = [p.seat_in_layer(planned, layer) for planned in p.plan.panel if planned.unfit is None]
    p.event("layer.started", layer=layer, seats=[seat.seat for seat in seats])
    first = seats[0].seat
    await ask_panel(p, some=seats, quorum=min(p.plan.quorum, len(seats)))
    return [seat for seat in p.answers() if seat.seat >= first]


def _with_references(p: Proceedings, question: ChatRequest, answers: list[SeatReport]) -> ChatRequest:
    """The question with our instructions before it and the fenced answers behind it.

    Raises:
        DoesNotFit: there is no room for them.
    """
    candidates = fitted_for_writer(question, Candidates(answers, p.plan.order_seed), None, Facts())
    told = f"{candidates.block()}\n\nNow give your own answer to my last message."
    return question.replace(
        messages=[
            {"role": "system", "content": candidates.prompt("layer")},
            *messages_of(question),
            {"role": "user", "content": told},
        ]
    )
