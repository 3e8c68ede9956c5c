"""Models on Google's Vertex AI: Gemini and Claude in their makers' dialects, all others in OpenAI's, at one address.

Format: Vertex AI REST reference v1beta1, `publishers.models.generateContent` and `rawPredict`, and its guide to Claude;
all are authorised by an OAuth access token.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from urllib.parse import quote

import msgspec

from tritium.chat import ChatRequest, Chunk
from tritium.model import Call
from tritium.providers.anthropic import AnthropicFormat, beta_header, message_body
from tritium.providers.gemini import GeminiFormat
from tritium.providers.sse import EventDecoder
from tritium.providers.upstream import Source
from tritium.providers.wire import Reader, WireRequest

_CLAUDE_VERSION = "vertex-2023-10-16"
OPENAI_PATH = "/endpoints/openapi"
"""Under the address: where the models of other makers are."""

_encode = msgspec.json.Encoder().encode


def _bearer(key: str | None) -> tuple[tuple[bytes, bytes], ...]:
    return ((b"authorization", b"Bearer " + key.encode()),) if key else ()


class VertexGemini:
    """Gemini, and models of one's own tuned from it (`endpoints/123`)."""

    framing = EventDecoder

    def __init__(self) -> None:
        self._gemini = GeminiFormat()

    def to_wire(self, request: ChatRequest, model: str, *, streaming: bool, key: str | None) -> WireRequest:
        model = model.removeprefix("google/")
        path, _, body = self._gemini.to_wire(request, model, streaming=streaming, key=None)
        if model.startswith("endpoints/"):
            path = f"/endpoints/{quote(model.removeprefix('endpoints/'), safe='')}:{path.rpartition(':')[2]}"
        else:
            path = f"/publishers/google{path}"
        return WireRequest(path, _bearer(key), body)

    def reader(self, provider: str) -> Reader:
        return self._gemini.reader(provider)

    def error_message(self, body: bytes) -> str | None:
        return self._gemini.error_message(body)


class VertexClaude:
    """Claude: Anthropic's Messages, but for where the model and the version of the format are named."""

    framing = EventDecoder

    def __init__(self) -> None:
        self._anthropic = AnthropicFormat()
        self._gemini = GeminiFormat()

    def to_wire(self, request: ChatRequest, model: str, *, streaming: bool, key: str | None) -> WireRequest:
        model = model.removeprefix("anthropic/")
        body = {**message_body(request, model), "stream": streaming, "anthropic_version": _CLAUDE_VERSION}
        del body["model"]
        method = "streamRawPredict" if streaming else "rawPredict"
        path = f"/publishers/anthropic/models/{quote(model, safe='@')}:{method}"
        return WireRequest(path, (*_bearer(key), *beta_header(request)), _encode(body))

    def reader(self, provider: str) -> Reader:
        return self._anthropic.reader(provider)

    def error_message(self, body: bytes) -> str | None:
        """Anthropic's words, or Google's where it didn't come so far."""
        return self._anthropic.error_message(body) or self._gemini.error_message(body)


class VertexSource:
    """Chooses by the model's name: `gemini-...`, `claude-...`, `maker/model`."""

    def __init__(self, *, gemini: Source, claude: Source, others: Source) -> None:
        self._gemini = gemini
        self._claude = claude
        self._others = others

    def open(self, request: ChatRequest, model: str, call: Call) -> AbstractAsyncContextManager[AsyncIterator[Chunk]]:
        return self._of(model).open(request, model, call)

    def _of(self, model: str) -> Source:
        maker, slash, _ = model.partition("/")
        if maker == "anthropic" or (not slash and maker.startswith("claude")):
            return self._claude
        return self._gemini if not slash or maker in ("google", "endpoints", "models") else self._others
