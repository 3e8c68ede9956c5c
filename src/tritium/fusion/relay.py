"""One model's answer passed on as it comes, tool calls and all; only its first word has to come in time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tritium.chat import ChatRequest, Chunk, Completion
from tritium.model import Call, Model


class Relay:
    """`begin` is called before the first piece is passed on to `emit`; from then on the answer is committed to."""

    def __init__(
        self,
        emit: Callable[[Chunk], None],
        begin: Callable[[], None],
        patience_seconds: float,
        end: float | None = None,
    ) -> None:
        """`end` is when an answer under way is cut off, by the loop's clock; None never."""
        self.said = Completion()
        self.begun = False
        self._emit = emit
        self._begin = begin
        self._patience_seconds = patience_seconds
        self._end = end

    async def play(self, model: Model, request: ChatRequest, call: Call) -> None:
        """Ask, and pass on.

        Raises:
            TimeoutError: nothing was said in time, or it was cut off; which of them is in `begun`.
            TritiumError: it failed; whether it had begun is in `begun`.
        """
        async with asyncio.timeout(self._patience_seconds) as patience:
            async with model.answer(request, call) as chunks:
                async for chunk in chunks:
                    if chunk.choices and not self.begun:
                        self.begun = True
                        patience.reschedule(self._end)  # an answer that is under way may be long
                        self._begin()
                    self.said.add(chunk)
                    # Without its usage: the run's own comes at the end.
                    self._emit(Chunk(chunk.choices, None, chunk.raw, chunk.complete, None, chunk.model, chunk.provider))
