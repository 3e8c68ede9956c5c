"""Recorded answers as a Source: the words, tokens and, where that is wanted, the pace of the model that gave them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

from msgspec.structs import replace

from tritium.chat import ChatRequest, Choice, Chunk, Delta, Usage, text_chunk
from tritium.model import Call
from tritium.providers.recorded.recordings import Recordings
from tritium.providers.recorded.tables import Response
from tritium.providers.upstream import CHARACTERS_PER_TOKEN

PIECE_CHARACTERS = 400
"""Of a stream that comes at once; at a recorded pace a piece is what was said in `TICK_SECONDS`."""

TICK_SECONDS = 0.05


class RecordedSource:
    """Plays recordings, `speed` times as fast as they were made; 0: at once."""

    def __init__(self, recordings: Recordings, speed: float = 0.0) -> None:
        self.recordings = recordings
        self.speed = speed

    @asynccontextmanager
    async def open(
        self,
        request: ChatRequest,
        model: str,
        call: Call,  # noqa: ARG002 - a Source's signature
    ) -> AsyncIterator[AsyncIterator[Chunk]]:
        response = self.recordings.find(request, model)
        async with aclosing(self._play(response, request)) as chunks:
            yield chunks

    async def _play(self, response: Response, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        usage = usage_of(response, request)
        text, finish_reason = response.text or "", response.finish_reason
        limit = request.output_limit
        if limit is not None and usage.output > limit:
            text, usage = text[: len(text) * limit // usage.output], replace(usage, output=limit)
            finish_reason = "length"
        before, during = self._seconds(response)
        yield Chunk(usage=replace(usage, output=0))  # the prompt is paid for whatever comes of the answer
        if before or during:
            await asyncio.sleep(before if request.streaming else before + during)
        if response.reasoning:
            yield Chunk([Choice(0, Delta(reasoning=response.reasoning))])
        said = 0
        async for piece in _pieces(text, during if request.streaming else 0, whole=not request.streaming):
            said += len(piece)
            # As far as it got: whoever leaves early pays for what was said.
            yield text_chunk(piece, None, replace(usage, output=usage.output * said // len(text)))
        if response.tool_calls and finish_reason != "length":
            calls = [
                replace(each, index=at, id=each.id or f"call_{at}", type="function")
                for at, each in enumerate(response.tool_calls)
            ]
            yield Chunk([Choice(0, Delta(role="assistant", tool_calls=calls))])
        yield text_chunk("", finish_reason or ("tool_calls" if response.tool_calls else "stop"), usage)

    def _seconds(self, response: Response) -> tuple[float, float]:
        """Before the first token, and from then to the end; without a recorded first token all comes at the end."""
        if not self.speed or response.latency_ms is None:
            return 0.0, 0.0
        total = response.latency_ms / 1e3 / self.speed
        first = total if response.first_token_ms is None else response.first_token_ms / 1e3 / self.speed
        return first, max(total - first, 0.0)


def usage_of(response: Response, request: ChatRequest) -> Usage:
    """The recorded tokens; a quarter of the characters where there are none, as of a provider that doesn't say."""
    read, said = response.input_tokens, response.output_tokens
    if read is None:
        read = -(-request.prompt_bytes // CHARACTERS_PER_TOKEN)
    if said is None:
        said = -(-_characters(response) // CHARACTERS_PER_TOKEN)
    estimated = None in (response.input_tokens, response.output_tokens)
    return Usage(input=round(read), output=round(said), estimated=estimated)


def _characters(response: Response) -> int:
    functions = [call.function for call in response.tool_calls if call.function is not None]
    called = sum(len(each.name or "") + len(each.arguments or "") for each in functions)
    return len(response.text or "") + len(response.reasoning or "") + called


async def _pieces(text: str, seconds: float, *, whole: bool) -> AsyncGenerator[str, None]:
    ticks = int(seconds / TICK_SECONDS)
    size = len(text) if whole else -(-len(text) // ticks) if ticks else PIECE_CHARACTERS
    for start in range(0, len(text), max(size, 1)):
        yield text[start : start + size]
        if ticks:
            await asyncio.sleep(TICK_SECONDS)
