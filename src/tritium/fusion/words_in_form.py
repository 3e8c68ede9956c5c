"""An answer that may be calls, several choices or text: what of it is text keeps to the caller's form, or is mended.

Calls go on as soon as they come. Text is held until it is whole and known to be valid, as it is without tools.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from tritium.chat import Choice, Chunk, Delta
from tritium.errors import UnstructuredAnswer
from tritium.fusion.contract import Contract, contract_of
from tritium.fusion.proceedings import Proceedings
from tritium.fusion.structured import mend
from tritium.fusion.tool_turns import without_tools


async def in_form(proceedings: Proceedings, answer: Callable[[Proceedings], Awaitable[None]]) -> None:
    """Have it answered; nothing is held where no form is asked for.

    Raises:
        UnstructuredAnswer: what is said is not in the form, and can't be mended.
    """
    p, form = proceedings, contract_of(proceedings.request.body.response_format)
    if form is None:
        await answer(p)
        return
    held = _Held(p.emit)
    p.emit = held.take
    try:
        await answer(p)
    finally:
        p.emit = held.send
    if not held.calls:
        await _release(p, form, held)


class _Held:
    def __init__(self, send: Callable[[Chunk], None]) -> None:
        self.send = send
        self.calls = False
        self.chunks: list[Chunk] = []
        self.texts: dict[int, str] = {}
        """By choice."""
        self.ends: dict[int, str | None] = {}

    def take(self, chunk: Chunk) -> None:
        if chunk.event is not None or self.calls:
            self.send(chunk)
            return
        self.chunks.append(chunk)
        for choice in chunk.choices:
            self.texts[choice.index] = self.texts.get(choice.index, "") + (choice.delta.content or "")
            self.ends[choice.index] = choice.finish_reason or self.ends.get(choice.index)
            self.calls = self.calls or bool(choice.delta.tool_calls)
        if self.calls:
            self.release()

    def release(self) -> None:
        for chunk in self.chunks:
            self.send(chunk)
        self.chunks.clear()


async def _release(p: Proceedings, form: Contract, held: _Held) -> None:
    valid = {at: form.clean(text) for at, text in held.texts.items() if form.fault(text) is None}
    invalid = {at: text for at, text in held.texts.items() if at not in valid}
    for at, text in invalid.items():
        valid[at] = await _mended(p, form, text)
    if not invalid and all(map(_is_json, held.texts.values())):
        held.release()
        return
    p.run.answer = valid.get(0, "")
    for at, text in sorted(valid.items()):
        p.emit(Chunk([Choice(at, Delta(content=text), held.ends.get(at) or "stop")]))


async def _mended(p: Proceedings, form: Contract, text: str) -> str:
    fault = form.fault(text)
    p.asked = without_tools(p.request).replace(n=None, logprobs=None, top_logprobs=None)
    mended = await mend(p, form, p.plan.actors[0] if p.plan.actors else p.plan.strongest(), text, form.read(text)[1])
    if mended is None:
        raise UnstructuredAnswer(
            f"The answer does not satisfy 'response_format': {fault}. Simplify the schema, or ask a model that keeps "
            "to it.",
            provider="fusion",
        )
    return mended


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text)
    except (ValueError, RecursionError):
        return False
    return True
