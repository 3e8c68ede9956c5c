"""Members propose calls of the caller's tools, and the calls that most of them propose are made.

Calls that do the same are the same, several at once are compared as sets, and an answer in words is a vote for calling
nothing. What can't be made (no such function, arguments that its schema forbids) doesn't count. After measurements on
recorded calls: the plurality of five cheap models beats the best of them; identical calls are nearly always right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from tritium.chat import ChatRequest, Choice, Chunk, Delta, ToolCall, text_chunk
from tritium.fusion import ballots
from tritium.fusion.answers import Candidate
from tritium.fusion.arguments import Offered
from tritium.fusion.canonical.tool_calls import canonical_calls
from tritium.fusion.panel import ask_panel
from tritium.fusion.proceedings import Proceedings
from tritium.fusion.run import How, SeatReport
from tritium.fusion.vote import Ballot, vote

IN_WORDS = "no call: an answer in words"
"""What a member says that calls nothing."""


class Proposal(Struct, frozen=True):
    """What one seat would do; `says` is None if that can't be done, and `fault` tells why."""

    seat: SeatReport
    says: str | None
    fault: str | None = None


class Count(Struct, frozen=True):
    """How the vote went."""

    proposals: list[Proposal]
    winners: list[SeatReport]
    """Those that propose the winning calls, strongest first; nobody if no proposal counts."""
    weight: float
    """Of their votes together."""
    share: float
    """Of that in the weight of all that count."""
    tied: bool
    counted: int
    makers: int
    table: list[dict[str, Any]]


async def vote_on_calls(proceedings: Proceedings) -> None:
    """Ask every seat for its calls, and give those of the majority.

    Raises:
        AllSeatsFailed: nobody answered.
    """
    p = proceedings
    answers = await ask_panel(p, lambda: _is_settled(p))
    if not answers:
        raise p.nobody()
    found = count_calls(answers, p.request, p.strengths, p.plan.weights)
    for each in found.proposals:
        if each.fault is not None:
            p.warn(f"seat {each.seat.seat}, {each.seat.model}: its proposal doesn't count: {each.fault}")
    if not found.winners:
        p.warn("no proposal can be made as it is: they are counted all the same")
        found = count_calls(answers, p.request, p.strengths, p.plan.weights, checked=False)
    decision, winner = p.run.decision, found.winners[0]
    decision.votes, decision.makers_agreeing = found.table, found.makers
    decision.agreement = len(found.winners) / len(answers)
    p.event("vote", votes=found.table, agreement=decision.agreement, makers_agreeing=found.makers)
    how, reason = _how(found, answers)
    if winner.tool_calls:
        give_calls(p, winner, how, reason)
    else:
        p.verbatim(ballots.most_central(found.winners, p.strengths), how, reason)


def _is_settled(p: Proceedings) -> bool:
    """Those still out can't change the outcome."""
    return count_calls(p.answers(), p.request, p.strengths, p.plan.weights).weight * 2 > p.plan.panel_weight


def _how(found: Count, answers: Sequence[SeatReport]) -> tuple[How, str]:
    votes, winner = len(found.winners), found.winners[0]
    says = "say this in words" if not winner.tool_calls else "propose the same calls"
    if len(answers) == 1:
        return "lone_survivor", "only one seat answered"
    if found.counted == 1:
        return "only_countable", f"of {len(answers)} proposals only this one can be made"
    if found.tied:
        return "strongest", f"{votes} of {found.counted} each: {winner.model} is the strongest of those ahead"
    if votes == found.counted:
        return "unanimous", f"all {votes} {says}"
    return "majority" if found.share > 1 / 2 else "plurality", f"{votes} of {found.counted} {says}"


def count_calls(
    answers: Sequence[SeatReport],
    request: ChatRequest,
    strengths: Sequence[float],
    weights: Mapping[int, float] | None = None,
    *,
    checked: bool = True,
) -> Count:
    """Count the seats' proposals; `strengths` and `weights` are by seat number, and without weights all weigh 1.

    Unchecked, what can't be made counts too.
    """
    offered = Offered(request.body.tools or ())
    proposals = [_proposal(seat, request, offered, checked=checked) for seat in answers]
    # Of an open kind only equal forms are the same.
    found = vote(
        [Ballot(Candidate(each.says, "open"), each.seat.maker, strengths[each.seat.seat]) for each in proposals],
        weights=None if weights is None else [weights.get(seat.seat, 1.0) for seat in answers],
    )
    first = found.clusters[0] if found.clusters else None
    members = sorted(
        (answers[at] for at in first.members) if first else (), key=lambda seat: (-strengths[seat.seat], seat.seat)
    )
    table: list[dict[str, Any]] = [
        {"says": each.canonical[: ballots.SHOWN_CHARACTERS], "seats": [answers[at].seat for at in each.members]}
        for each in found.clusters
    ]
    table += [{"says": None, "seats": [each.seat.seat], "reason": each.fault} for each in proposals if each.fault]
    counted = len(answers) - len(found.abstentions)
    weight = first.weight if first else 0.0
    return Count(proposals, members, weight, found.weight_share, found.tied, counted, found.makers_agreeing, table)


def _proposal(seat: SeatReport, request: ChatRequest, offered: Offered, *, checked: bool) -> Proposal:
    if not seat.tool_calls:
        fault = "it answers in words, and a call is demanded" if _demands_call(request) else None
        return Proposal(seat, IN_WORDS if fault is None or not checked else None, fault if checked else None)
    calls = [((each.function and each.function.name) or "", _arguments(each)) for each in seat.tool_calls]
    says = canonical_calls(calls)
    fault = _fault(seat.tool_calls, request, offered) or (None if says else "its arguments are no JSON object")
    if checked:
        return Proposal(seat, says if fault is None else None, fault)
    return Proposal(seat, says or repr(calls))


def _arguments(call: ToolCall) -> str:
    return (call.function.arguments if call.function is not None else None) or ""


def _demands_call(request: ChatRequest) -> bool:
    return request.body.tool_choice == "required" or _forced(request) is not None


def _forced(request: ChatRequest) -> str | None:
    """The function that must be called."""
    choice = request.body.tool_choice
    function = choice.get("function") if isinstance(choice, dict) else None
    name = function.get("name") if isinstance(function, dict) else None
    return name if isinstance(name, str) else None


def _fault(calls: Sequence[ToolCall], request: ChatRequest, offered: Offered) -> str | None:
    """Why the calls can't be made, for people; None if they can."""
    if len(calls) > 1 and bytes(request.fields.get("parallel_tool_calls", b"")) == b"false":
        return f"{len(calls)} calls at once, and parallel_tool_calls is false"
    forced = _forced(request)
    for call in calls:
        name = (call.function.name if call.function is not None else None) or ""
        if forced is not None and name != forced:
            return f"it calls {name[:80]!r}, and tool_choice demands {forced!r}"
        fault = offered.fault(call)
        if fault is not None:
            return fault
    return None


def give_calls(p: Proceedings, seat: SeatReport, how: How, reason: str) -> None:
    """Answer with one seat's calls as it made them, and what it said beside them."""
    run = p.run
    run.decision.seat = seat.seat
    p.decide(how, reason)
    calls = [
        ToolCall(at, each.id or f"call_{seat.seat}_{at}", "function", each.function)
        for at, each in enumerate(seat.tool_calls)
    ]
    if seat.reasoning_details:
        p.emit(Chunk([Choice(0, Delta(reasoning_details=seat.reasoning_details))]))
    p.say(seat.text)
    run.tool_calls, run.finish_reason = calls, "tool_calls"
    p.emit(Chunk([Choice(0, Delta(tool_calls=calls))]))
    p.emit(text_chunk("", "tool_calls"))
