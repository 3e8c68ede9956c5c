"""An answer passed through a screen: whole where it comes whole, held back a little where it streams.

What can't be screened in pieces is left out: log probabilities, a vendor's sealed reasoning, and what a fusion says of
its seats while it runs. A stream's tool calls wait until their choice ends, since arguments are JSON and have to stay
so: each then comes in one piece.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec

from tritium.accounts.screen import Screen, StreamScreen
from tritium.chat import Choice, Chunk, Delta, ToolCall, merge_call, read_answer

_FIELDS = ("content", "reasoning", "reasoning_content", "refusal")


class ScreenedAnswer:
    """The chunks of an answer without what the screen keeps from passing.

    Iterating raises PermissionDenied when the answer has something that is blocked.
    """

    def __init__(
        self, chunks: AsyncIterator[Chunk], screen: Screen, run: Callable[[Any], Any] = lambda run: run
    ) -> None:
        """`run` gives a fusion's run, of which the answer tells, as it may be told."""
        self._chunks = chunks
        self._screen = screen
        self._run = run
        self._texts: dict[tuple[int, str], StreamScreen] = {}
        self._calls: dict[int, list[ToolCall]] = {}
        """By choice, each whole as far as it has come."""
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
            if chunk.event.get("type") != "run":
                return False
            chunk.event = {**chunk.event, "document": self._run(chunk.event["document"])}
            return True
        if not chunk.choices:
            return True
        chunk.raw = None
        said = [self._screen_delta(choice) for choice in chunk.choices]
        if not any(said):
            chunk.choices = []
        return any(said) or chunk.usage is not None

    def _screen_whole(self, chunk: Chunk) -> None:
        if chunk.raw is None:
            for choice in chunk.choices:
                screened = self._screen.document(msgspec.to_builtins(choice.delta))
                choice.delta = msgspec.convert(screened, Delta)
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
        for piece in delta.tool_calls or ():
            merge_call(self._calls.setdefault(choice.index, []), piece)
        delta.tool_calls = None
        if choice.finish_reason is not None:
            self._close(choice)
        said = delta.content or delta.reasoning or delta.reasoning_content or delta.tool_calls or delta.refusal
        return choice.finish_reason is not None or bool(said)

    def _open(self) -> list[int]:
        return sorted({index for index, _ in self._texts} | self._calls.keys())

    def _close(self, choice: Choice) -> bool:
        """Give out what was held back of a choice; whether there was anything."""
        held = False
        for name in _FIELDS:
            text = self._texts.pop((choice.index, name), None)
            rest = text.push("", last=True) if text is not None else ""
            if rest:
                setattr(choice.delta, name, (getattr(choice.delta, name) or "") + rest)
                held = True
        calls = self._calls.pop(choice.index, None)
        if calls:
            for call in calls:
                if call.function is not None and call.function.arguments:
                    call.function.arguments = self._screen.arguments(call.function.arguments)
            choice.delta.tool_calls = calls
        return held or bool(calls)
