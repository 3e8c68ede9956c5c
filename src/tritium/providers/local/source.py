"""The embedded models as a Source: the request in llama.cpp's own OpenAI dialect, its chunks in ours."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any

import msgspec

from tritium.chat import ChatRequest, Chunk, read_answer
from tritium.errors import InvalidRequest
from tritium.model import Call
from tritium.providers.local.faults import GenerationFailed
from tritium.providers.local.runtime import LlamaRuntime
from tritium.providers.local.shelf import InstalledModel

MAX_TOKENS = 512
"""Unless the caller says: small models tend to go on, and twenty tokens a second are slow."""

TEMPERATURE = 0
"""Unless the caller says: models this small are right most often when they take the likeliest word."""

SYSTEM = {"role": "system", "content": "You are a helpful assistant. Be brief."}
"""Unless the caller gives one. Without it these models explain at length, at twenty tokens a second."""

_KNOWN = (
    "messages",
    "stop",
    "seed",
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "frequency_penalty",
    "presence_penalty",
    "response_format",
    "logit_bias",
)


class LocalSource:
    """The models that run in this process."""

    def __init__(self, runtime: LlamaRuntime, models: Mapping[str, InstalledModel]) -> None:
        self.runtime = runtime
        self.models = models

    @asynccontextmanager
    async def open(
        self,
        request: ChatRequest,
        model: str,
        call: Call,  # noqa: ARG002 - a Source's signature
    ) -> AsyncIterator[AsyncIterator[Chunk]]:
        if (request.body.n or 1) > 1 or request.body.logprobs:
            raise InvalidRequest(
                "Embedded models give one answer, without log probabilities: leave out n and logprobs."
            )
        async with self.runtime.stream(self.models[model], _body(request)) as chunks, aclosing(_read(chunks)) as read:
            yield read


def _body(request: ChatRequest) -> dict[str, Any]:
    fields = {name: msgspec.json.decode(request.fields[name]) for name in _KNOWN if name in request.fields}
    if not any(message.role in ("system", "developer") for message in request.body.messages):
        fields["messages"] = [SYSTEM, *fields["messages"]]
    fields["max_tokens"] = request.output_limit or MAX_TOKENS
    given = {name: value for name, value in fields.items() if value is not None}
    return {"temperature": TEMPERATURE, **given}


async def _read(chunks: AsyncIterator[dict[str, Any]]) -> AsyncGenerator[Chunk, None]:
    finished = False
    async for each in chunks:
        chunk, error = read_answer(msgspec.json.encode(each), complete=False)
        if error:
            raise GenerationFailed(f"The embedded model failed: {error}.")
        finished = finished or chunk.finish_reason is not None
        chunk.raw = None  # llama.cpp adds timings of its own that are nobody's business
        yield chunk
    if not finished:
        raise GenerationFailed("The embedded model stopped before its answer was whole.")
