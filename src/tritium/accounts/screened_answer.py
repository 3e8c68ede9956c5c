"""An answer passed through a screen: whole where it comes whole, held back a little where it streams.

What can't be screened in pieces is left out: log probabilities, a vendor's sealed reasoning, and what a fusion says of
its seats while it runs. Tool calls of a stream pass as they are.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec

from tritium.accounts.screen import Screen, StreamScreen
from tritium.chat import Choice, Chunk, read_answer

_FIELDS = ("content", "reasoning", "reasoning_content")


class ScreenedAnswer:
    """The chunks of an answer without what the screen keeps from passing.

    Iterating raises PermissionDenied when the answer has something that is blocked.
    """

    def __init__(self, chunks: AsyncIterator[Chunk], screen: Screen) -> None:
        self._chunks = chunks
        self._screen = screen
        self._texts: dict[tuple[int, str], StreamScreen] = {}
        self._ended = False

    def __aiter__(self) -> AsyncIterator[Chunk]:
        return self

    async def __anext__(self) -> Chunk:
        while not self._ended:
            try:
                chunk = await self._chunks.__anext__()
            except StopAsyncIteration:
                self._ended = True
                rest = [choice for index in self._open() if (choice := Choice(index)) and self._close(choice)]
                if rest:
                    return Chunk(rest)
                raise
            if self._screened(chunk):
                return chunk
        raise StopAsyncIteration

    def _screened(self, chunk: Chunk) -> bool:
        """Change the chunk to what may pass of it; whether that is anything."""
        if chunk.complete:
            self._screen_whole(chunk)
            return True
        if chunk.event is not None:
            return bool(chunk.event.get("type") == "run")
        if not chunk.choices:
            return True
        chunk.raw = None
        said = [self._screen_delta(choice) for choice in chunk.choices]
        if not any(said):
            chunk.choices = []
        return any(said) or chunk.usage is not None

    def _screen_whole(self, chunk: Chunk) -> None:
        if chunk.raw is None:
            return
        document = msgspec.json.decode(chunk.raw)
        screened = self._screen.document(document["choices"])
        if screened is document["choices"]:
            return
        for choice in screened:
            choice.pop("logprobs", None)
        chunk.raw = msgspec.json.encode({**document, "choices": screened})
        chunk.choices = read_answer(chunk.raw, complete=True)[0].choices

    def _screen_delta(self, choice: Choice) -> bool:
        delta = choice.delta
        delta.reasoning_details = None
        for name in _FIELDS:
            said = getattr(delta, name)
            if said is not None:
                text = self._texts.setdefault((choice.index, name), StreamScreen(self._screen))
                setattr(delta, name, text.push(said))
        if choice.finish_reason is not None:
            self._close(choice)
        said = delta.content or delta.reasoning or delta.reasoning_content or delta.tool_calls or delta.refusal
        return choice.finish_reason is not None or bool(said)

    def _open(self) -> list[int]:
        return sorted({index for index, _ in self._texts})

    def _close(self, choice: Choice) -> bool:
        """Give out what was held back of a choice; whether there was anything."""
        held = False
        for name in _FIELDS:
            text = self._texts.pop((choice.index, name), None)
            rest = text.push("", last=True) if text is not None else ""
            if rest:
                setattr(choice.delta, name, (getattr(choice.delta, name) or "") + rest)
                held = True
        return held
