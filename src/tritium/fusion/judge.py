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

from tritium.chat import ChatRequest, collect
from tritium.errors import TritiumError
from tritium.fusion.candidates import Candidates, task_block
from tritium.fusion.canonical.json_value import find_json
from tritium.fusion.run import SeatReport
from tritium.model import Call, Model, Role

JUDGE_MAX_TOKENS = 4000
_OUR_WORDS_BYTES = 4096
"""Our own instructions, all of them, and the fences."""
_REPLY_BYTES_PER_TOKEN = 4
"""Of the judge's first reply, which it reads again with the second turn."""


_encode = msgspec.json.Encoder(decimal_format="number").encode


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


class JudgeUnreadable(TritiumError):
    """The judge answered, twice, something that is no verdict."""


async def judge(
    model: Model, request: ChatRequest, candidates: Candidates, call: Call, *, select_only: bool, timeout_seconds: float
) -> Verdict:
    """Ask for a verdict.

    Raises:
        UpstreamError: the judge failed.
        TimeoutError: it took too long.
        JudgeUnreadable: neither its reply nor its repaired reply is a verdict.
    """
    system = candidates.prompt("judge") + ("\n" + candidates.prompt("judge_select") if select_only else "")
    rules = request.system_text()
    # The rules of the task come last as well: a long middle is what judges forget.
    ask = "\n\n".join(
        (
            task_block(request, candidates.fence),
            candidates.block(),
            candidates.fence.around("rules of the task, repeated", rules) if rules else "",
            "Compare the candidates. Reply with the JSON object only.",
        )
    )
    messages = [{"role": "system", "content": system}, {"role": "user", "content": ask}]
    call = msgspec.structs.replace(call, deadline=time.monotonic() + timeout_seconds)
    async with asyncio.timeout(timeout_seconds):
        reply = await _reply(model, messages, call, "judge")
        verdict = read_verdict(reply, candidates)
        if verdict is None:
            messages += [
                {"role": "assistant", "content": reply or "(nothing)"},
                {"role": "user", "content": candidates.prompt("repair")},
            ]
            verdict = read_verdict(await _reply(model, messages, call, "repair"), candidates)
    if verdict is None:
        raise JudgeUnreadable(f"{model.id} gave no readable verdict, also when asked again.")
    return verdict


def judge_bytes(request: ChatRequest, answers: Sequence[SeatReport]) -> int:
    """The longest that the prompts of both turns can be together: what a budget must reckon with."""
    answered = sum(len(seat.text.encode()) for seat in answers)
    turn = _OUR_WORDS_BYTES + answered + 2 * request.prompt_bytes  # its rules stand there twice
    return 2 * turn + JUDGE_MAX_TOKENS * _REPLY_BYTES_PER_TOKEN


async def _reply(model: Model, messages: list[dict[str, str]], call: Call, role: Role) -> str:
    request = ChatRequest.build(model.id, messages, temperature=0, max_tokens=JUDGE_MAX_TOKENS, stream=True)
    async with model.answer(request, call.child(role)) as chunks:
        return (await collect(chunks)).text


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
        selected = candidates.by_letter.get(_letter(found.get("select"), candidates))
        if selected is None:
            return None
    return Verdict(analysis, selected, _with_models(msgspec.to_builtins(analysis), candidates))


def _as_json(fields: dict[str, Any]) -> dict[str, Any] | None:
    """The same as strict JSON has it; None if it can't, as with half a surrogate pair: the run could not be kept."""
    try:
        found: dict[str, Any] = msgspec.json.decode(_encode(fields))
    except (ValueError, RecursionError):
        return None
    return found


def _as_list(value: Any) -> list[Any]:
    if value in (None, ""):
        return []
    return value if isinstance(value, list) else [value]


def _letter(value: Any, candidates: Candidates) -> str:
    """`A`, `candidate A`, or a number counted from 1; an empty string for anything else."""
    letters = list(candidates.by_letter)
    if isinstance(value, str):
        text = value.strip().upper().removeprefix("CANDIDATE ").strip("()[]. ")
        if not text.isdecimal() or len(text) > 2:
            return text
        value = int(text)
    known = isinstance(value, int) and not isinstance(value, bool) and 0 < value <= len(letters)
    return letters[value - 1] if known else ""


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
