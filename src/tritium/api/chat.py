"""POST /chat/completions: OpenAI's own dialect, so a provider that speaks it has its bytes passed on."""

from __future__ import annotations

from typing import Any

from tritium.api.answering import send_answer
from tritium.api.completion import Shape
from tritium.api.errors import Dialect, error_object, render_error
from tritium.api.fusion_depth import at_one_level
from tritium.api.metadata import answer_with_metadata, wants_metadata
from tritium.api.session import in_session
from tritium.api.visit import Visit
from tritium.chat import ChatRequest, Chunk, Completion
from tritium.errors import TritiumError
from tritium.gateway import Account

_DONE = b"data: [DONE]\n\n"


async def chat_completions(visit: Visit) -> None:
    """Answer one chat request.

    Raises:
        TritiumError: before anything was sent; the caller renders it.
    """
    request = at_one_level(visit, in_session(visit, ChatRequest.decode(await visit.body())))
    if wants_metadata(visit):
        await answer_with_metadata(
            visit, request, lambda exchange: ChatEncoder(exchange.call.id, request, visit.dialect)
        )
        return
    exchange = visit.services.gateway.chat(request, caller=visit.caller)
    await send_answer(visit, exchange, ChatEncoder(exchange.call.id, request, visit.dialect))


class ChatEncoder:
    """Chat completions and chunks.

    The chunk that ends the answer is kept back until the account is complete. OpenRouter's clients get usage on a chunk
    of its own, without choices; OpenAI's only if they asked for one. A client that didn't ask may index `choices[0]` of
    every chunk, so for it usage rides on the chunk that ends the answer.
    """

    def __init__(self, call_id: str, request: ChatRequest, dialect: Dialect) -> None:
        self._shape = Shape(call_id, request.model, split=dialect == "openrouter")
        self._dialect: Dialect = dialect
        options = request.body.stream_options or {}
        self._usage_apart = dialect == "openrouter" or bool(options.get("include_usage"))
        self._last: bytes | None = None
        self._wants_events = False

    def whole(self, completion: Completion, only: Chunk | None, account: Account, run: Any) -> bytes:
        if only is not None:
            return self._shape.passed_through(only, account, run)
        return self._shape.completion(completion, account, run)

    def begin(self) -> bytes:
        return b""

    def part(self, chunk: Chunk) -> list[bytes]:
        event = self._shape.chunk(chunk)
        if event is None:
            return []
        ready = [] if self._last is None else [self._last]
        self._last = None
        if chunk.finish_reason:
            self._last = event
        else:
            ready.append(event)
        return ready

    def progress(self, event: Any) -> list[bytes]:
        self._wants_events = self._wants_events or bool(event.get("events"))
        return [self._shape.progress(event)] if self._wants_events else []

    def end(self, account: Account, run: Any) -> list[bytes]:
        if self._last is None:
            # The provider gave no reason for its end, or said more after it: usage still has to be told.
            return [self._shape.usage(account, run) if self._usage_apart else self._shape.last(account, run), _DONE]
        if self._usage_apart:
            return [self._last, self._shape.usage(account, run), _DONE]
        return [self._shape.with_usage(self._last, account, run), _DONE]

    def failure(self, error: TritiumError) -> list[bytes]:
        status, _ = render_error(error, self._dialect)
        return [self._shape.failure(error_object(error, status, self._dialect)), _DONE]
