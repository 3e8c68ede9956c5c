"""Members advise in words, without the caller's tools; one model has the tools and the advice, and acts.

What it does is streamed as it comes, calls and all. Advice that doesn't come is done without; an acting model that
can't be had is replaced by the next strongest.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import msgspec

from tritium.chat import ChatRequest
from tritium.errors import BudgetExceeded, InvalidRequest, UpstreamError, UpstreamUnavailable
from tritium.fusion.actors import ACTING
from tritium.fusion.budget import OUTPUT_TOKENS
from tritium.fusion.candidates import Candidates
from tritium.fusion.fence import Fence
from tritium.fusion.panel import ask_panel
from tritium.fusion.proceedings import Proceedings, explained, without_fusion
from tritium.fusion.relay import Relay
from tritium.fusion.run import SeatReport
from tritium.fusion.tool_turns import answers_tools, messages_of, without_tools
from tritium.model import Model

_NOT_AN_ADVISERS = ("response_format", "n", "logprobs", "top_logprobs", "stop", "prediction", "modalities")
"""What the caller asks of its answer, which advice is not."""


async def advise(proceedings: Proceedings) -> None:
    """Ask for advice, then have one model act on it.

    Raises:
        UpstreamError: nobody could act, or the one who did broke off.
        BudgetExceeded: not even one model alone fits under the cap.
    """
    p = proceedings
    p.asked = advisers_request(p.request)
    _set_aside(p)
    try:
        advice = await ask_panel(p)
    except BudgetExceeded as fault:
        p.warn(fault.message)
        advice = []
    finally:
        p.budget.release(ACTING)
    if not advice:
        p.warn("nobody gave advice: the acting model goes by its own")
    await _act(p, advice)


def _set_aside(p: Proceedings) -> None:
    """What acting may cost is kept for the first actor that fits under the cap; advisers get the rest."""
    faults: list[str] = []
    for actor in p.plan.actors:
        fault = p.budget.hold(actor, p.request, p.request.output_limit)
        if fault is None:
            return
        faults.append(f"{actor.model.id}: {fault}")
    raise BudgetExceeded(
        f"No model to act fits under the request's caps ({'; '.join(faults)}). Raise them, or lower max_tokens.",
        param="max_cost_usd",
    )


async def _act(p: Proceedings, advice: list[SeatReport]) -> None:
    advised = actors_request(p.request, Candidates(advice, p.plan.order_seed)) if advice else p.request
    failure: Exception | None = None
    for actor in p.plan.actors:
        for given, heard in ((advised, advice), (p.request, [])) if advice else ((p.request, advice),):
            asked = _limited(p, given, actor.model)
            if _affords(p, asked):
                failure = await _failure_of(p, actor.model, asked, heard)
                if failure is None:
                    return
                break
    if isinstance(failure, UpstreamError | InvalidRequest):
        raise failure
    if failure is not None:
        raise UpstreamUnavailable(f"No model could act: {p.run.warnings[-1]}.", provider="fusion") from failure
    raise BudgetExceeded(
        f"No model could act within the request's caps: {p.run.warnings[-1]}. Raise them, or lower max_tokens.",
        param="max_cost_usd",
    )


def _limited(p: Proceedings, request: ChatRequest, model: Model) -> ChatRequest:
    asked = without_fusion(request, model.id)
    if p.budget.capped and asked.output_limit is None:
        return asked.replace(max_tokens=p.budget.answer_tokens())
    return asked


def _affords(p: Proceedings, asked: ChatRequest) -> bool:
    return p.affords(f"acting by {asked.model}", asked.model, asked.prompt_bytes, asked.output_limit or OUTPUT_TOKENS)


async def _failure_of(p: Proceedings, model: Model, asked: ChatRequest, advice: list[SeatReport]) -> Exception | None:
    """Have it act; returns what kept it from saying anything, so that another one may.

    Raises:
        Exception: it had begun.
    """

    def begin() -> None:
        p.decide("advised" if advice else "single", f"{model.id} acts{_on_advice(advice)}")

    p.event("synthesizer.started", model=model.id)
    call = p.call.child("synthesizer", recorder=p.tally)
    patience_seconds = p.budget.seconds(min(p.options.seat_timeout_seconds, p.options.deadline_seconds))
    relay = Relay(p.emit, begin, patience_seconds, p.end())
    try:
        await relay.play(model, asked, call)
    except Exception as fault:  # the next one may be able to; a broken answer is the caller's to know of
        if relay.begun and isinstance(fault, TimeoutError) and p.budget.out_of_time:
            p.cut_short(relay.said.text)
        else:
            p.warn(f"acting model {model.id}: {explained(fault, call.id)}")
            if relay.begun:
                raise
            return fault
    said = relay.said
    p.run.answer, p.run.tool_calls = said.text, said.tool_calls
    p.run.finish_reason = p.run.finish_reason or said.finish_reason
    return None


def _on_advice(advice: list[SeatReport]) -> str:
    if not advice:
        return " alone"
    return f" on the advice of {len(advice)}" if len(advice) > 1 else f" on the advice of {advice[0].model}"


def advisers_request(request: ChatRequest) -> ChatRequest:
    """What a member is asked: the chat, its tool turns as text, under our instructions with the tools as data."""
    fence = Fence()
    prompt = files("tritium.fusion").joinpath("prompts", "adviser.md").read_text("utf-8").replace("FENCE", fence.word)
    described = "\n".join(_described(tool) for tool in request.body.tools or ())
    system = "\n\n".join([prompt.strip(), fence.around("tools", described), *_must(request, fence)])
    plain = without_tools(request)
    left_out = {name: None for name in _NOT_AN_ADVISERS if name in plain.fields}
    return plain.replace(messages=[{"role": "system", "content": system}, *messages_of(plain)], **left_out)


def _described(tool: dict[str, Any]) -> str:
    function = tool.get("function")
    if not isinstance(function, dict):
        return msgspec.json.encode({key: tool[key] for key in ("type", "name") if key in tool}).decode()
    known = {key: function[key] for key in ("name", "description", "parameters") if function.get(key) is not None}
    return msgspec.json.encode(known).decode()


def _must(request: ChatRequest, fence: Fence) -> list[str]:
    """What the acting model has no choice in."""
    choice = request.body.tool_choice
    function = choice.get("function") if isinstance(choice, dict) else None
    if isinstance(function, dict):
        return ["In this turn it must call the following one.", fence.around("function", str(function.get("name")))]
    return ["In this turn it must call at least one of them."] if choice == "required" else []


def actors_request(request: ChatRequest, candidates: Candidates) -> ChatRequest:
    """The caller's own request with the advice behind it.

    After a tool's result it stands before the chat instead, with the rules: some vendors take no user there.
    """
    fence = candidates.fence
    pieces = [fence.around(f"advice {letter}", each.text) for letter, each in candidates.by_letter.items()]
    text = "\n\n".join([candidates.prompt("actor").strip(), *pieces])
    messages = messages_of(request)
    if answers_tools(request):
        return request.replace(messages=[{"role": "system", "content": text}, *messages])
    return request.replace(messages=[*messages, {"role": "user", "content": text}])
