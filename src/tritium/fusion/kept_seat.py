"""A seat whose answer is there already: given again from a cache or from a stored run, at no cost.

Invariant: it writes one row like any other call, of nothing used and nothing paid, so that a receipt is made of rows
alone; the row's provider is `KEPT`, since nobody was asked.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from types import TracebackType

from tritium.chat import ChatRequest, Choice, Chunk, Completion, Delta, Usage
from tritium.model import Call, Generation

KEPT = "tritium"


class KeptSeat:
    """A Model that says what was said before."""

    def __init__(self, model_id: str, said: Completion) -> None:
        self.id = model_id
        self._said = said

    def answer(self, request: ChatRequest, call: Call) -> KeptAnswer:
        return KeptAnswer(self.id, self._said, call, streamed=request.streaming)


class KeptAnswer:
    """One answer given again, in one piece."""

    def __init__(self, model_id: str, said: Completion, call: Call, *, streamed: bool) -> None:
        self._model_id = model_id
        self._call = call
        self._streamed = streamed
        self._left: Chunk | None = _as_chunk(said)
        self._finish_reason = said.finish_reason

    async def __aenter__(self) -> AsyncIterator[Chunk]:
        return self

    def __aiter__(self) -> AsyncIterator[Chunk]:
        return self

    async def __anext__(self) -> Chunk:
        chunk, self._left = self._left, None
        if chunk is None:
            raise StopAsyncIteration
        return chunk

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        call = self._call
        call.recorder.generation(
            Generation(
                id=call.id,
                request_id=call.request_id,
                model=self._model_id,
                provider=KEPT,
                role=call.role,
                created_at=time.time(),
                usage=Usage(),
                cost_nanodollars=0,
                outcome="ok",
                finish_reason=self._finish_reason,
                streamed=self._streamed,
                first_token_ms=None,
                latency_ms=0.0,
                caller=call.caller,
                output_nanodollars=0,
            )
        )


def _as_chunk(said: Completion) -> Chunk:
    delta = Delta(
        content=said.text or None,
        reasoning=said.reasoning or None,
        reasoning_details=said.reasoning_details or None,
        refusal=said.refusal or None,
        tool_calls=said.tool_calls or None,
    )
    return Chunk([Choice(0, delta, said.finish_reason or "stop")], model=said.model, provider=KEPT)
