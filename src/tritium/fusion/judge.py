"""The judge: reads anonymous candidates, compares them in five fields, and says `select` or `merge`.

The five fields are OpenRouter's (consensus, contradictions, partial_coverage, unique_insights, blind_spots).
Temperature 0; one repair turn when the reply can't be read; the caller decides what happens after that.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct, field

from tritium.chat import ChatRequest
from tritium.errors import TritiumError
from tritium.fusion.candidates import Candidates, task_block
from tritium.fusion.canonical.json_value import find_json
from tritium.fusion.fence import quoted
from tritium.fusion.fitting import UNKNOWN_CONTEXT_TOKENS, DoesNotFit, shortened, tokens_at_most
from tritium.fusion.json_reply import JsonQuestion, list_of, object_of, output_tokens
from tritium.fusion.roster import Facts
from tritium.fusion.run import SeatReport
from tritium.fusion.unfetched import unfetched
from tritium.model import Call, Model

JUDGE_MAX_TOKENS = 4000
_OUR_WORDS_BYTES = 4096
"""Our own instructions, all of them, and the fences."""
_OUR_WORDS_TOKENS = 1400
_REPLY_BYTES_PER_TOKEN = 4
"""Of the judge's first reply, which it reads again with the second turn."""
_REPLY_TOKENS = 1500
"""Of that reply, as it is read again."""
_WINDOW_SHARE = 0.95
_SMALLEST_WINDOW_FOR_REPLY = 8 * _REPLY_TOKENS

_ENTRY = {"type": "string"}
_encode = msgspec.json.Encoder(decimal_format="number").encode


VERDICT_SCHEMA = object_of(
    consensus={"type": "array", "items": _ENTRY},
    contradictions=list_of(topic=_ENTRY, stances=list_of(candidate=_ENTRY, stance=_ENTRY)),
    partial_coverage=list_of(candidates={"type": "array", "items": _ENTRY}, point=_ENTRY),
    unique_insights=list_of(candidate=_ENTRY, insight=_ENTRY),
    blind_spots={"type": "array", "items": _ENTRY},
    verdict={"type": "string", "enum": ["select", "merge"]},
    select={"type": ["string", "null"]},
)


class Analysis(Struct):
    consensus: list[Any] = field(default_factory=list)
    contradictions: list[Any] = field(default_factory=list)
    partial_coverage: list[Any] = field(default_factory=list)
    unique_insights: list[Any] = field(default_factory=list)
    blind_spots: list[Any] = field(default_factory=list)


class Verdict(Struct):
    """What a judge made of the candidates. `selected` is None for a merge."""

    analysis: Analysis
    selected: SeatReport | None
    document: dict[str, Any]
    """The analysis as OpenRouter's clients know it: letters replaced by model names."""
    consistent: bool | None = None
    """Whether the other order gave the same selection; None where it wasn't asked."""


class JudgeUnreadable(TritiumError):
    """The judge answered, twice, something that is no verdict."""


async def judge(
    model: Model,
    request: ChatRequest,
    candidates: Candidates,
    call: Call,
    *,
    select_only: bool,
    timeout_seconds: float,
    facts: Facts | None = None,
    repeat_rules: bool = True,
) -> Verdict:
    """Ask for a verdict on candidates that fit into its window (see `fitted_for_judge`).

    Raises:
        UpstreamError: the judge failed.
        TimeoutError: it took too long.
        JudgeUnreadable: neither its reply nor its repaired reply is a verdict.
    """
    facts = facts or Facts()
    question = JsonQuestion(model, facts, "verdict", VERDICT_SCHEMA, request, JUDGE_MAX_TOKENS)
    call = msgspec.structs.replace(call, deadline=time.monotonic() + timeout_seconds)

    def turn(shown: Candidates, *more: str) -> list[dict[str, str]]:
        return _turn(request, shown, *more, select_only=select_only, repeat_rules=repeat_rules)

    async with asyncio.timeout(timeout_seconds):
        reply = await question.reply(turn(candidates), call, "judge")
        verdict = read_verdict(reply, candidates)
        if verdict is None:
            # What it said may be what an answer made it say: it is data by now, behind a fence it hasn't seen.
            candidates = candidates.anew()
            said = candidates.fence.around("your earlier reply", shortened(reply, _reply_tokens(facts)) or "(nothing)")
            repaired = await question.reply(turn(candidates, said, candidates.prompt("repair")), call, "repair")
            verdict = read_verdict(repaired, candidates)
    if verdict is None:
        raise JudgeUnreadable(f"{model.id} gave no readable verdict, also when asked again.")
    return verdict


def _turn(
    request: ChatRequest, candidates: Candidates, *more: str, select_only: bool, repeat_rules: bool
) -> list[dict[str, str]]:
    system = candidates.prompt("judge") + ("\n\n" + candidates.prompt("judge_select") if select_only else "")
    rules = request.system_text() if repeat_rules else ""
    # The rules of the task come last as well: a long middle is what judges forget.
    parts = (
        task_block(request, candidates.fence),
        candidates.block(),
        candidates.fence.around("rules of the task, repeated", rules) if rules else "",
        *more,
        "Compare the candidates. Reply with the JSON object only.",
    )
    return [{"role": "system", "content": system}, {"role": "user", "content": "\n\n".join(filter(None, parts))}]


def fitted_for_judge(request: ChatRequest, candidates: Candidates, facts: Facts) -> tuple[Candidates, bool]:
    """The candidates as the judge's window has room for them, and whether the task's rules can be repeated as well.

    Raises:
        DoesNotFit: there is no room for them, however short.
    """
    task = tokens_at_most(quoted("\n".join(message.text() for message in request.body.messages)))
    rules = tokens_at_most(quoted(request.system_text()))
    left = room_tokens(facts, JUDGE_MAX_TOKENS) - _OUR_WORDS_TOKENS - _reply_tokens(facts) - task
    try:
        return candidates.fitted(left - rules), True
    except DoesNotFit:
        if not rules:
            raise
        return candidates.fitted(left), False


def room_tokens(facts: Facts, output: int) -> int:
    """For a prompt, with so much left for the answer and a little for what no estimate knows."""
    window = facts.context_tokens or UNKNOWN_CONTEXT_TOKENS
    return int(window * _WINDOW_SHARE) - output_tokens(facts, output)


def _reply_tokens(facts: Facts) -> int:
    window = facts.context_tokens or UNKNOWN_CONTEXT_TOKENS
    return min(_REPLY_TOKENS, window * _REPLY_TOKENS // _SMALLEST_WINDOW_FOR_REPLY)


def judge_bytes(request: ChatRequest, answers: Sequence[SeatReport]) -> int:
    """The longest that the prompts of both turns can be together: what a budget must reckon with."""
    answered = sum(len(quoted(seat.text).encode(errors="replace")) for seat in answers)
    turn = _OUR_WORDS_BYTES + answered + 2 * request.prompt_bytes  # its rules stand there twice
    return 2 * turn + JUDGE_MAX_TOKENS * _REPLY_BYTES_PER_TOKEN


def read_verdict(reply: str, candidates: Candidates) -> Verdict | None:
    """A verdict from a reply, code fences and prose around it tolerated; None if there is none.

    A reply with none of the five fields, or that selects nobody we know, is no verdict.
    """
    found = find_json(reply)
    if not isinstance(found, dict) or not set(found) & set(Analysis.__struct_fields__):
        return None
    fields = _as_json({name: _as_list(found.get(name)) for name in Analysis.__struct_fields__})
    if fields is None:
        return None
    analysis = Analysis(**fields)
    selected = None
    if str(found.get("verdict", "")).casefold() == "select" or (found.get("select") and "verdict" not in found):
        selected = candidates.seat_of(found.get("select"))
        if selected is None:
            return None
    return Verdict(analysis, selected, _with_models(msgspec.to_builtins(analysis), candidates))


def _as_json(fields: dict[str, Any]) -> dict[str, Any] | None:
    """The same as strict JSON has it; None if it can't, as with half a surrogate pair: the run could not be kept."""
    try:
        found: dict[str, Any] = msgspec.json.decode(_encode(unfetched(fields)))
    except (ValueError, RecursionError):
        return None
    return found


def _as_list(value: Any) -> list[Any]:
    if value in (None, ""):
        return []
    return value if isinstance(value, list) else [value]


def _with_models(document: dict[str, Any], candidates: Candidates) -> dict[str, Any]:
    """The five fields in OpenRouter's shape (`models`, `model` in place of letters)."""

    def named(entry: Any) -> Any:
        if not isinstance(entry, dict):
            return entry
        out: dict[str, Any] = {}
        for key, value in entry.items():
            if key == "candidate":
                out["model"] = candidates.model_of(value)
            elif key == "candidates":
                out["models"] = [candidates.model_of(each) for each in _as_list(value)]
            else:
                out[key] = [named(each) for each in value] if isinstance(value, list) else value
        return out

    return {name: [named(entry) for entry in entries] for name, entries in document.items()}
